import { passUnknown, policyHome, type Wrapper } from "@countersign/gate";
import { modeOf, openCall, runUnchanged, sayLeftOut, userRun, variablesFor, type Call } from "./call.ts";
import { compilePip, inspect, installPip, makeEnvironment } from "./pip.ts";
import { planOf, type Flow } from "./plan.ts";
import { run } from "./run.ts";
import { changeScript, namedScript } from "./script-lock.ts";
import { changeProject, read, sync } from "./sync.ts";
import { runTool } from "./throwaway.ts";
import { installTool } from "./tool-install.ts";

const flows: Readonly<Record<Flow, (call: Call) => Promise<number>>> = {
  plain,
  read,
  inspect,
  sync,
  run,
  change: (call) => {
    const script = namedScript(call);
    return script === null ? changeProject(call) : changeScript(call, script);
  },
  throwaway: runTool,
  "tool-install": installTool,
  "pip-install": installPip,
  "pip-compile": compilePip,
  venv: makeEnvironment,
  uncovered: (call) => passUnknown(call.host, call.tool, userRun(call), `uv ${call.plan.line.command}`),
};

/** Fetches and runs nothing of a package; in `strict` with the same environment as every other step. */
async function plain(call: Call): Promise<number> {
  const { host } = call;
  if ((await modeOf(call)) !== "strict") return runUnchanged(call);
  sayLeftOut(call);
  const project = policyHome(host.directory);
  return host.run(call.tool, { args: host.args, variables: variablesFor(call, "install", project, null) });
}

const wrapperOf =
  (tool: "uv" | "uvx"): Wrapper =>
  (host) => {
    const call = openCall(host, tool, planOf(tool, host.args));
    return flows[call.plan.flow](call);
  };

/** The commands of this manager that are gated, by name. */
export const wrappers: Readonly<Record<string, Wrapper>> = { uv: wrapperOf("uv"), uvx: wrapperOf("uvx") };
