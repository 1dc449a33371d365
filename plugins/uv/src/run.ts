import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { passUnknown } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  modeOf,
  namedOptions,
  projectEnvironment,
  refuseAll,
  sayLeftOut,
  userRun,
  variablesFor,
  workingDirectory,
  projectStart,
  type Call,
} from "./call.ts";
import { isGiven, valuesOf } from "./command-line.ts";
import { isOn } from "./environment.ts";
import { refuseEnvironment } from "./install.ts";
import { readRequirement } from "./requirement.ts";
import { readScript } from "./script.ts";
import { runLockedScript, scriptLock } from "./script-lock.ts";
import { startProject, syncThen, type Ready } from "./sync.ts";
import { runLocked } from "./throwaway.ts";

/** `uv run`: the environment made from the lockfile, then the command in it; scripts with metadata apart from it. */
export async function run(call: Call): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  const [target = ""] = line.rest;
  const extra = valuesOf(line, "with").flatMap((each) => each.split(","));
  if (/^https?:/i.test(target) || target === "-")
    return passUnknown(host, "uv", userRun(call), `uv run ${target}`);
  const isScript =
    !isGiven(line, "module") && (isGiven(line, "script", "gui-script") || /\.pyw?$/i.test(target));
  const path = resolve(workingDirectory(call), target);
  const script = isScript ? await readScript(path, target) : null;
  if (script?.kind === "metadata" && extra.length === 0 && existsSync(scriptLock(path)))
    return runLockedScript(call, path, line.rest.slice(1));
  if (script?.kind === "metadata") return runScript(call, path, [...script.requirements, ...extra], script);
  if (script?.kind === "refused") {
    return (await modeOf(call)) === "strict"
      ? refuseAll(call, [...plan.refusals, script.refusal])
      : passUnknown(host, "uv", userRun(call), `uv run ${target}`);
  }
  const command = commandOf(call, script === null ? null : path);
  if (extra.length > 0 && isGiven(line, "no-project"))
    return runScript(call, null, extra, { requiresPython: null });
  // uv looks for the project of a script where the script lies.
  const from = script !== null && !isGiven(line, "project") ? dirname(path) : projectStart(call);
  const start = await startProject(call, from);
  if ("exitCode" in start) return start.exitCode;
  if (extra.length > 0 || isGiven(line, "no-project")) {
    return refuseAll(call, [
      {
        code: "command/uncovered",
        why: "uv fetches what --with names past the lockfile, into an environment over the project's.",
        fix: `countersign uv add --dev ${extra.join(" ") || "PACKAGE"}, or --no-project --with ${extra.join(",") || "PACKAGE"} for an environment of its own`,
      },
    ]);
  }
  const next = (): Promise<number> => execute(call, start.ready, command);
  if (!isGiven(line, "no-sync") && !isOn(host.environment.variables["UV_NO_SYNC"]))
    return syncThen(call, start.ready, { keepBytecode: true, next });
  const environment = projectEnvironment(call, start.ready.project);
  const state = await call.ledger.state(environment);
  return state === "known" ? next() : refuseEnvironment(call, environment, state);
}

/** The command as Python's own arguments, so that uv reads nothing more into it. */
function commandOf({ plan: { line } }: Call, script: string | null): string[] {
  const [, ...args] = line.rest;
  if (script !== null)
    return [isGiven(line, "gui-script") ? "pythonw" : "python", line.rest[0] as string, ...args];
  return isGiven(line, "module") ? ["python", "-m", ...line.rest] : [...line.rest];
}

function execute(call: Call, { project }: Ready, command: readonly string[]): Promise<number> {
  const { host, plan } = call;
  const { variables, cacheDirectory } = host.environment;
  const environment = projectEnvironment(call, project);
  const { PATH: _, Path: __, ...changed } = variablesFor(call, "install", project.root, environment);
  return host.run("uv", {
    args: [
      "run",
      "--frozen",
      "--no-sync",
      "--no-config",
      "--project",
      project.member,
      ...commonOptions(plan.line),
      ...namedOptions(plan.line, "env-file", "no-env-file"),
      ...(command.length > 0 ? ["--", ...command] : []),
    ],
    directory: workingDirectory(call),
    variables: {
      ...changed,
      // Bytecode beside the sources is what somebody may have put there; this one only we and Python write.
      PYTHONPYCACHEPREFIX: variables["PYTHONPYCACHEPREFIX"] ?? join(cacheDirectory, "uv", "bytecode"),
    },
  });
}

/** A script's requirements, or those of `--with`, in an environment of their own. */
async function runScript(
  call: Call,
  path: string | null,
  requirements: readonly string[],
  { requiresPython }: { requiresPython: string | null },
): Promise<number> {
  const { host, plan } = call;
  const { line } = plan;
  const wrong = requirements.find((each) => readRequirement(each) === null);
  const [target = "", ...args] = line.rest;
  if (wrong !== undefined || target === "")
    return passUnknown(host, "uv", userRun(call), `uv run ${wrong ?? ""}`.trim());
  if ((await modeOf(call)) === "strict") {
    if (plan.refusals.length > 0) return refuseAll(call, plan.refusals);
    sayLeftOut(call);
  }
  const python = await choosePython(call, path === null ? workingDirectory(call) : dirname(path));
  if (python.refusal !== null) return refuseAll(call, [python.refusal]);
  const module = isGiven(line, "module");
  const [command, rest] =
    path !== null
      ? ["python", [target, ...args]]
      : module
        ? ["python", ["-m", target, ...args]]
        : [target, args];
  return runLocked(call, { requirements, requiresPython, python: python.args, command, args: rest }, false);
}
