import { rm } from "node:fs/promises";
import { relative } from "node:path";
import type { Verification } from "@countersign/gate";
import {
  commonOptions,
  projectEnvironment,
  refuseAll,
  variablesFor,
  wheelsOnly,
  workingDirectory,
  type Call,
} from "./call.ts";
import { isGiven, writeOptions } from "./command-line.ts";
import { packagesOf, type EnvironmentState } from "./ledger.ts";
import { isSelection } from "./plan.ts";
import type { Project } from "./project.ts";

export type Installation = {
  project: Project;
  /** `--python X`, or nothing. */
  python: readonly string[];
  /** Options of `uv sync` that choose among what is locked. */
  selection: readonly string[];
  /** Whether bytecode that Python wrote since may stay: what runs next does not read it. */
  keepBytecode: boolean;
};

/** What of `uv sync`'s options chooses among what is locked. */
export const selectionOf = ({ plan }: Call): string[] => writeOptions(plan.line.options.filter(isSelection));

/**
 * Installs from a lockfile that was decided on: frozen, wheels only, without configuration files, into an environment
 * that a verified install made. One that none made is made anew.
 */
export async function installLocked(
  call: Call,
  verification: Verification,
  installation: Installation,
): Promise<number> {
  const { host, plan, ledger } = call;
  const { project, keepBytecode } = installation;
  const environment = projectEnvironment(call, project);
  const shown = relative(host.directory, environment) || environment;
  const packages = packagesOf(verification);
  const state = await ledger.state(environment, packages);
  const looking = isGiven(plan.line, "dry-run", "check");
  if (isUnusable(state) || (looking && state === "preexisting")) return refuseEnvironment(call, shown, state);
  if (state === "preexisting") {
    host.say(`${shown} was not made by a verified install of this lockfile: it is made anew`);
    await ledger.forget(environment);
    await rm(environment, { recursive: true, force: true });
  }
  if (state === "known" && !keepBytecode && !looking) await ledger.clean(environment);
  const exitCode = await syncSteps(call, installation, environment);
  if (exitCode === 0 && !looking) await ledger.record(environment, packages);
  return exitCode;
}

async function syncSteps(
  call: Call,
  { project, python, selection }: Installation,
  environment: string,
): Promise<number> {
  const { host, plan } = call;
  const asked = isGiven(plan.line, "no-install-local");
  const steps = { args: [] as string[], directory: workingDirectory(call) };
  const run = (more: readonly string[]): Promise<number> =>
    host.run("uv", {
      ...steps,
      args: [
        "sync",
        "--frozen",
        ...wheelsOnly,
        "--no-config",
        "--project",
        project.member,
        ...python,
        ...commonOptions(plan.line),
        ...selection,
        ...more,
      ],
      variables: variablesFor(call, "install", project.root, environment),
    });
  if (project.build === "offline" && !asked) {
    // The first step must not take the local packages away that the second one would have to build again.
    const fetched = await run([
      "--no-install-local",
      ...(selection.includes("--inexact") ? [] : ["--inexact"]),
    ]);
    if (fetched !== 0) return fetched;
    return run(
      ["--offline", "--no-index", "--quiet"].filter(
        (option) => !plan.line.options.some(({ name }) => `--${name}` === option),
      ),
    );
  }
  if (project.build === "fetches" && !asked)
    host.say(
      'the project itself is not installed, its build back-end would be fetched unlocked: use build-backend = "uv_build", or package = false in [tool.uv]',
    );
  return run(asked ? [] : ["--no-install-local"]);
}

const isUnusable = (state: EnvironmentState): boolean => state === "foreign" || state === "link";

export function refuseEnvironment(call: Call, shown: string, state: EnvironmentState): number {
  const why = {
    link: `${shown} is a symbolic link: what lies behind it is not this project's to make or to trust.`,
    foreign: `${shown} is there and is no virtual environment.`,
    preexisting: `${shown} was not made by a verified install, and using it runs what lies in it.`,
    known: "",
    missing: `There is no environment at ${shown}.`,
  }[state];
  const fix =
    state === "preexisting"
      ? "countersign uv sync makes it anew; outside of a project: countersign uv venv --clear"
      : state === "missing"
        ? "countersign uv venv"
        : `Remove ${shown}, or name another place in UV_PROJECT_ENVIRONMENT.`;
  return refuseAll(call, [{ code: "environment/preexisting", why, fix }]);
}
