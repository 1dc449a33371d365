import { readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { upwards } from "@countersign/gate";
import { refuseAll, workingDirectory, type Call } from "./call.ts";
import { isGiven } from "./command-line.ts";
import { refuseEnvironment } from "./install.ts";
import { isPythonVersion } from "./environment.ts";
import { findProject } from "./project.ts";

/** Where `uv pip` would install: an environment, or a place that options name. */
export type Target = {
  /** Absolute path; null where options name another place. */
  environment: string | null;
  /** `X.Y` of its interpreter, from its own record; null where it tells none. */
  version: string | null;
};

/** The active environment, else the nearest `.venv`, as uv looks for it; nothing of it is run. */
export async function pipTarget(call: Call): Promise<Target> {
  const { host, plan } = call;
  if (isGiven(plan.line, "system", "target", "prefix", "python")) return { environment: null, version: null };
  const active = host.environment.variables["VIRTUAL_ENV"] ?? "";
  const environment =
    active === "" ? await nearestEnvironment(workingDirectory(call)) : resolve(host.directory, active);
  return { environment, version: environment === null ? null : await versionOf(environment) };
}

async function nearestEnvironment(start: string): Promise<string | null> {
  for (const directory of upwards(start)) {
    const candidate = join(directory, ".venv");
    if ((await stat(candidate).catch(() => null))?.isDirectory() === true) return candidate;
  }
  return null;
}

async function versionOf(environment: string): Promise<string | null> {
  const text = await readFile(join(environment, "pyvenv.cfg"), "utf8").catch(() => "");
  return /^version(?:_info)?\s*=\s*(\d+\.\d+)/m.exec(text)?.[1] ?? null;
}

/**
 * Refuses an environment of the project that no verified install made: its interpreter is whatever lies there. One that
 * lies elsewhere is the user's own, and is said to be `preexisting`.
 * @returns null where it may be used
 */
export async function refuseUnknown(call: Call, { environment }: Target): Promise<number | null> {
  const { host, ledger, plan } = call;
  if (environment === null) {
    const python = plan.line.options.find(({ name }) => name === "python")?.value ?? null;
    if (python !== null && !isPythonVersion(python))
      return refuseAll(call, [
        {
          code: "environment/preexisting",
          why: `--python ${python} names a program that nothing verified.`,
          fix: "Activate an environment that countersign uv venv made, or give a version.",
        },
      ]);
    return null;
  }
  const state = await ledger.state(environment);
  if (state === "known") return null;
  const { project } = await findProject(workingDirectory(call));
  const way = relative(project?.root ?? workingDirectory(call), environment);
  if (state === "preexisting" && way.startsWith("..")) {
    host.say(`${environment} is preexisting: what lies in it was not verified`);
    return null;
  }
  return refuseEnvironment(call, relative(host.directory, environment), state);
}
