import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { modeOf } from "../src/policy/mode.ts";
import { findTool } from "../src/tool/find-tool.ts";
import { captureTool, type ToolCommand } from "../src/tool/run-tool.ts";
import { verifyProject, type Verification } from "../src/verify-project.ts";
import type { Refusal, ToolRun, WrapperHost } from "../src/wrapper/wrapper.ts";
import type { Scene } from "./scene.ts";

/** A wrapper's host around a scene, with what it was told, and a manager on PATH that is a script of the test. */
export type TestHost = WrapperHost & {
  shown: Verification[];
  introduced: Verification[];
  said: string[];
  refused: Refusal[];
  /** Command lines of the manager, in order: working directory and arguments. */
  calls(): { directory: string; args: string[] }[];
};

/** @param script lines of POSIX shell; `$LOG` is written before it starts */
export function testHost(scene: Scene, script: string, name = "npm"): TestHost {
  const { environment, directory } = scene;
  const bin = join(environment.home, "..", "bin");
  const log = join(bin, "calls.txt");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, name), `#!/bin/sh\nprintf '%s\\t%s\\n' "$PWD" "$*" >> "${log}"\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  const variables = { PATH: `${bin}:/usr/bin:/bin` };
  const own = { ...environment, variables };
  const commandOf = async (tool: string, run: ToolRun): Promise<ToolCommand> => ({
    command: (await findTool(tool, { variables, platform: "linux", project: directory })) ?? "",
    args: run.args,
    directory: run.directory ?? directory,
    variables: { ...variables, ...run.variables },
  });
  // The streams of the test are nobody's: what would be the user's is captured too.
  const capture: WrapperHost["capture"] = async (tool, run) =>
    captureTool(await commandOf(tool, run), environment.signal);
  const host: TestHost = {
    args: [],
    directory,
    environment: own,
    shown: [],
    introduced: [],
    said: [],
    refused: [],
    calls: () =>
      (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []).map((line) => {
        const [place = "", args = ""] = line.split("\t");
        return { directory: place, args: args.split(" ") };
      }),
    verify: (request) => verifyProject({ ...scene.request, ...request }, own),
    show: (verification) => void host.shown.push(verification),
    introduce: (_, after) => void host.introduced.push(after),
    mode: (place) => modeOf({ ...scene.request, policyDirectory: place ?? directory }, own),
    say: (text) => void host.said.push(text),
    refuse: (refusal) => void host.refused.push(refusal),
    run: async (tool, run) => (await capture(tool, run)).exitCode,
    capture,
  };
  return host;
}
