import { existsSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { changeLock, installFrozen, type Refusal, type Verification } from "@countersign/gate";
import {
  choosePython,
  commonOptions,
  namedOptions,
  optionsOf,
  projectStart,
  refuseAll,
  runUnchanged,
  sayLeftOut,
  userRun,
  variablesFor,
  wheelsOnly,
  workingDirectory,
  type Call,
} from "./call.ts";
import { isGiven, valuesOf, writeOptions } from "./command-line.ts";
import { isOn } from "./environment.ts";
import { installLocked, selectionOf } from "./install.ts";
import { findProject, type Project } from "./project.ts";

const lockfile = "uv.lock";

/** A project and the Python it asks for, once nothing of the command line or the project stands against a strict run. */
export type Ready = { project: Project; python: readonly string[] };
/** A strict run may begin, or the command line has ended with an exit code. */
type Start = { ready: Ready } | { exitCode: number };

/**
 * Finds the project and lets `disabled` and `warn` take their way: the lockfile verified, the report shown, the command
 * unchanged.
 */
export async function startProject(call: Call, from: string = projectStart(call)): Promise<Start> {
  const { host, plan } = call;
  const { project, refusal } = await findProject(from);
  const mode = await host.mode(project?.root ?? from);
  if (mode === "disabled") return { exitCode: await runUnchanged(call) };
  if (mode === "warn") {
    if (project !== null) return { exitCode: await warned(call, project) };
    host.say(`uv ${plan.line.command} is passed through: there is no project here, so nothing is locked`);
    return { exitCode: await runUnchanged(call) };
  }
  const python = await choosePython(call, from);
  const refusals = [...plan.refusals, ...[refusal, python.refusal].filter((each) => each !== null)];
  if (project === null && refusal === null) refusals.push(noProject);
  if (project === null || refusals.length > 0) return { exitCode: refuseAll(call, refusals) };
  sayLeftOut(call);
  return { ready: { project, python: python.args } };
}

const noProject: Refusal = {
  code: "command/uncovered",
  why: "There is no pyproject.toml here or above, so nothing is locked.",
  fix: "Stand in the project, name it with --project, or make one: countersign uv init",
};

const warned = (call: Call, project: Project): Promise<number> =>
  installFrozen(call.host, {
    manager: "uv",
    tool: call.tool,
    directory: project.root,
    lockfile,
    user: userRun(call),
    strict: userRun(call),
  });

/** `uv sync`. */
export async function sync(call: Call): Promise<number> {
  const start = await startProject(call);
  if ("exitCode" in start) return start.exitCode;
  return syncThen(call, start.ready, { keepBytecode: false, next: null });
}

export type Continuation = { keepBytecode: boolean; next: (() => Promise<number>) | null };

/**
 * Decides on the lockfile as it stands, before uv is called at all; then asks uv whether it still says what the
 * manifest does, and installs it or, where it does not, what a copy resolves to.
 */
export async function syncThen(
  call: Call,
  ready: Ready,
  { keepBytecode, next }: Continuation,
): Promise<number> {
  const { host, plan, tool } = call;
  const { project, python } = ready;
  const { variables } = host.environment;
  const frozen = isGiven(plan.line, "frozen") || isOn(variables["UV_FROZEN"]);
  const locked = isGiven(plan.line, "locked") || isOn(variables["UV_LOCKED"]);
  const install = async (verification: Verification): Promise<number> => {
    const selection = selectionOf(call);
    const exitCode = await installLocked(call, verification, { project, python, selection, keepBytecode });
    return exitCode === 0 && next !== null ? next() : exitCode;
  };
  const target = { manager: "uv", tool, directory: project.root, user: userRun(call) } as const;
  const resolving = optionsOf(plan.line, "resolve");
  const missing = !frozen && !locked && !existsSync(join(project.root, lockfile));
  let stale = missing || resolving.length > 0;
  if (!stale) {
    const exitCode = await installFrozen(host, {
      ...target,
      lockfile,
      strict: async (verification) => {
        const checked = frozen || project.dynamic !== null ? "current" : await checkLock(call, ready);
        if (checked === "current") return install(verification);
        if (checked === "stale" && !locked) {
          stale = true;
          return 0;
        }
        if (checked === "stale") return refuseAll(call, [outdated]);
        host.say(checked.failed);
        return 1;
      },
    });
    if (!stale) return exitCode;
  }
  if (frozen || locked) return refuseAll(call, [outdated]);
  return change(call, ready, { resolve: ["lock", ...resolving], install });
}

const outdated: Refusal = {
  code: "command/uncovered",
  why: "uv.lock does not say what pyproject.toml asks for, and --locked or --frozen forbid changing it.",
  fix: "countersign uv lock",
};

/** `uv lock --check`, which runs nothing where the metadata is static and no environment is found. */
async function checkLock(
  call: Call,
  { project, python }: Ready,
): Promise<"current" | "stale" | { failed: string }> {
  const checked = await call.host.capture("uv", {
    args: [
      "lock",
      "--check",
      ...wheelsOnly,
      "--project",
      project.member,
      ...python,
      ...commonOptions(call.plan.line).filter((option) => !/^--(?:quiet|verbose)$/.test(option)),
    ],
    directory: workingDirectory(call),
    variables: variablesFor(call, "resolve", project.root, null),
  });
  if (checked.exitCode === 0) return "current";
  return /needs to be updated/.test(checked.stderr) ? "stale" : { failed: checked.stderr.trim() };
}

type Change = {
  /** The command and its arguments, without what every step takes. */
  resolve: readonly string[];
  install: ((verification: Verification) => Promise<number>) | null;
};

/** Resolves on a copy, decides on what came of it, and only then replaces manifest and lockfile. */
export async function change(
  call: Call,
  { project, python }: Ready,
  { resolve: resolution, install }: Change,
): Promise<number> {
  if (project.dynamic !== null) return refuseAll(call, [builds(project.dynamic)]);
  const [command = "lock", ...args] = resolution;
  const member = relative(project.root, project.member);
  return changeLock(call.host, {
    manager: "uv",
    tool: call.tool,
    directory: project.root,
    lockfile,
    needs: project.members.map((path) => `${path}/pyproject.toml`),
    user: userRun(call),
    resolve: (copy) => ({
      args: [command, ...wheelsOnly, ...python, ...commonOptions(call.plan.line), ...args],
      directory: join(copy, member),
      variables: variablesFor(call, "resolve", project.root, null),
    }),
    strict: install ?? (() => Promise.resolve(0)),
  });
}

const builds = (dynamic: string): Refusal => ({
  code: "command/uncovered",
  why: `${dynamic}, so locking runs a build back-end that nothing verified.`,
  fix: "Write them into [project], and take them out of its dynamic.",
});

/** `uv lock`, `add`, `remove`, `upgrade`, `version --bump`. */
export async function changeProject(call: Call): Promise<number> {
  const { host, plan } = call;
  const { command, rest, options } = plan.line;
  const start = await startProject(call);
  if ("exitCode" in start) return start.exitCode;
  const { ready } = start;
  const local = rest.filter((each) => command === "add" && isPath(each));
  if (local.length > 0) return refuseAll(call, local.map(addedPath));
  if (isGiven(plan.line, "frozen", "locked")) return refuseAll(call, [unlocked(command)]);
  const files = new Set(["requirements", "constraints"]);
  const written = options.flatMap(({ name, kind, value }) =>
    kind !== "select" && kind !== "resolve"
      ? []
      : writeOptions([
          {
            name,
            kind,
            written: "",
            value: files.has(name) && value !== null ? resolve(workingDirectory(call), value) : value,
          },
        ]),
  );
  const syncs = command === "add" || command === "remove" || command === "version";
  const withheld = isGiven(plan.line, "no-sync") || isOn(host.environment.variables["UV_NO_SYNC"]);
  // uv itself leaves the environment as it is after `lock` and `upgrade`.
  const installs = syncs && !withheld;
  return change(call, ready, {
    resolve: [
      command,
      ...(syncs ? ["--no-sync"] : []),
      ...written,
      ...(rest.length > 0 ? ["--", ...rest] : []),
    ],
    install: installs
      ? (verification) =>
          installLocked(call, verification, {
            ...ready,
            keepBytecode: false,
            selection: [
              "--inexact",
              ...namedOptions(plan.line, "group", "package", "no-install-project", "no-install-workspace"),
              ...valuesOf(plan.line, "optional").map((extra) => `--extra=${extra}`),
            ],
          })
      : null,
  });
}

const isPath = (text: string): boolean =>
  /^(?:\.{1,2}(?:$|[/\\])|[/\\~]|[A-Za-z]:[/\\]|file:)/.test(text) ||
  /\.(?:whl|gz|zip)$/.test(text) ||
  (text.includes(sep) && !text.includes("://"));

const addedPath = (path: string): Refusal => ({
  code: "command/uncovered",
  why: `${path} is a path, which a copy of the project does not have.`,
  fix: "Write the dependency and its [tool.uv.sources] entry into pyproject.toml, and run countersign uv lock.",
});

const unlocked = (command: string): Refusal => ({
  code: "command/uncovered",
  why: `uv ${command} with --frozen or --locked changes the manifest without a decision on what it locks.`,
  fix: "Leave --frozen and --locked out.",
});

/** `uv tree`, `export`, `lock --check`: nothing is installed, and no environment of the project is looked at. */
export async function read(call: Call): Promise<number> {
  const { host, plan } = call;
  const { command, rest, options } = plan.line;
  const start = await startProject(call);
  if ("exitCode" in start) return start.exitCode;
  const { project, python } = start.ready;
  const frozen = command === "tree" || command === "export";
  if (command === "lock" && project.dynamic !== null) return refuseAll(call, [builds(project.dynamic)]);
  const lockCheck = [isGiven(plan.line, "dry-run") ? "--dry-run" : "--check", ...wheelsOnly];
  const own = frozen ? ["--frozen"] : command === "lock" ? lockCheck : [];

  return installFrozen(host, {
    manager: "uv",
    tool: call.tool,
    directory: project.root,
    lockfile,
    user: userRun(call),
    strict: () =>
      host.run("uv", {
        args: [
          ...command.split(" "),
          ...own,
          "--project",
          project.member,
          ...(own.length > 0 ? python : []),
          ...commonOptions(plan.line),
          ...writeOptions(
            options.filter(
              ({ kind, name }) =>
                (kind === "select" || kind === "resolve") && !/^(?:check|dry-run)/.test(name),
            ),
          ),
          ...rest,
        ],
        directory: workingDirectory(call),
        variables: variablesFor(call, "resolve", project.root, null),
      }),
  });
}
