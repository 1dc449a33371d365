import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  changeLock,
  changedFiles,
  closureOf,
  findTool,
  installFrozen,
  passUnknown,
  policyHome,
  runThrowaway,
  settleCache,
  takeSnapshot,
  verifiedCache,
  type ToolRun,
  type Verification,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { plan, type Plan } from "./plan.ts";
import { isLocked, lockfile, projectOf, strictVariables, throwawayFiles, type Project } from "./project.ts";

const tool = "deno";

/** The commands of this manager that are gated, by name. */
export const wrappers: Readonly<Record<string, Wrapper>> = { deno: (host) => gate(host, plan(host.args)) };

async function gate(host: WrapperHost, planned: Plan): Promise<number> {
  const user: ToolRun = { args: host.args };
  const project = projectOf(host.directory);
  switch (planned.flow) {
    case "pass":
      return host.run(tool, user);
    case "unknown":
      return passUnknown(host, tool, user, planned.shown);
    case "program":
      return program(host, project, planned, user);
    case "package":
      return isLocked(project, planned.name)
        ? program(host, project, { ...planned, remote: null }, user)
        : throwaway(host, project, planned, user);
    case "install":
      return install(host, project, planned, user);
    case "change":
      return change(host, project, planned, user);
  }
}

/** The lockfile by its path: a `lock` of deno.json could name another one, or none. */
const locked = ({ root }: Project): string[] => ["--frozen", `--lock=${join(root, lockfile)}`];

type Program = { command: string; rest: readonly string[]; remote: string | null };

/** Runs with exactly what is locked; without a lockfile nothing may be fetched at all. */
async function program(
  host: WrapperHost,
  project: Project,
  { command, rest, remote }: Program,
  user: ToolRun,
): Promise<number> {
  const mode = await host.mode();
  if (mode === "disabled") return host.run(tool, user);
  const variables = strictVariables(host, project.root);
  if (!project.locked) {
    if (mode !== "strict") return host.run(tool, user);
    if (remote !== null) {
      host.refuse({
        code: "command/uncovered",
        why: `${remote} is locked nowhere, so nobody could say what it is.`,
        fix: `Lock it in a project: deno.json there, then deno cache --lock=${lockfile} ${remote}; review ${lockfile}, and run this again.`,
      });
      return 1;
    }
    const none = command === "task" ? ["--no-lock"] : ["--no-lock", "--no-remote", "--no-npm"];
    return host.run(tool, { args: [command, ...none, ...rest], variables });
  }
  const { root } = project;
  const before = await takeSnapshot(root, closureOf("deno"), []);
  const verification = await host.verify({ directory: root, lockfiles: [lockfile] });
  host.show(verification);
  if (mode !== "strict") return host.run(tool, user);
  if (verification.exitCode !== 0) return verification.exitCode;
  const changed = changedFiles(before, await takeSnapshot(root, closureOf("deno"), []));
  if (changed.length > 0) {
    host.refuse({
      code: "lockfile/changed-during-install",
      why: `${changed.slice(0, 5).join(", ")} changed while it was being verified; nothing was run.`,
      fix: "Find out what writes there, restore it, and run the command again.",
    });
    return 1;
  }
  await settled(host, root, verification);
  return host.run(tool, { args: [command, ...locked(project), ...rest], variables });
}

async function install(
  host: WrapperHost,
  project: Project,
  { flags, mayChange }: Extract<Plan, { flow: "install" }>,
  user: ToolRun,
): Promise<number> {
  if (mayChange && (await host.mode()) !== "disabled" && !(await inStep(host, project))) {
    const planned = { flow: "change", command: "install", args: [], install: true, flags } as const;
    return change(host, project, planned, user);
  }
  return installFrozen(host, {
    manager: "deno",
    tool,
    directory: project.root,
    lockfile,
    user,
    strict: strictInstall(host, project, flags),
  });
}

/** As `deno ci` does: what lies in node_modules is not compared with the lockfile, so it is laid out anew. */
const strictInstall =
  (host: WrapperHost, project: Project, flags: readonly string[]) =>
  async (verification: Verification): Promise<number> => {
    const { root } = project;
    await settled(host, root, verification);
    await rm(join(root, "node_modules"), { recursive: true, force: true });
    return host.run(tool, {
      args: ["install", ...locked(project), ...flags],
      variables: strictVariables(host, root),
      directory: root,
    });
  };

/** Deno compares no package of its cache with the lockfile; what programs stored lies in other folders there. */
const settled = (host: WrapperHost, root: string, verification: Verification): Promise<void> =>
  settleCache(verifiedCache(host, "deno", root), verification, ["npm", "remote", "gen"]);

/** Whether the lockfile is there and holds what the manifests ask for. */
async function inStep(host: WrapperHost, project: Project): Promise<boolean> {
  if (!project.locked) return false;
  const { exitCode } = await host.capture(tool, {
    args: ["install", "--lockfile-only", ...locked(project)],
    directory: project.root,
    variables: strictVariables(host, project.root),
  });
  return exitCode === 0;
}

async function change(
  host: WrapperHost,
  project: Project,
  { command, args, install: installs, flags }: Extract<Plan, { flow: "change" }>,
  user: ToolRun,
): Promise<number> {
  const { root, way } = project;
  const variables = strictVariables(host, root);
  const strict = installs
    ? strictInstall(host, project, flags)
    : { args: ["install", "--lockfile-only", ...locked(project)], variables, directory: root };
  return changeLock(host, {
    manager: "deno",
    tool,
    directory: root,
    lockfile,
    user,
    strict,
    resolve: (copy) => {
      const place = join(copy, way);
      mkdirSync(place, { recursive: true });
      const flagged = ["--lockfile-only", "--frozen=false", `--lock=${join(copy, lockfile)}`];
      return { args: [command, ...args, ...flagged], directory: place, variables };
    },
  });
}

/** A package's command as a project that has a lockfile; its cache lies in there, for the second run without a network. */
function throwaway(
  host: WrapperHost,
  project: Project,
  { command, specifier, name, rest }: Extract<Plan, { flow: "package" }>,
  user: ToolRun,
): Promise<number> {
  const files = throwawayFiles(project.root, specifier, name);
  // A package.json where the user stands is not the throw-away project's.
  const cache = (kept: string): Record<string, string> => ({
    DENO_DIR: join(kept, ".deno"),
    DENO_NO_PACKAGE_JSON: "1",
  });
  return runThrowaway(host, {
    manager: "deno",
    tool,
    key: [specifier, JSON.stringify(files)],
    files,
    lockfile,
    resolve: (fresh) => ({ args: ["install", "--lockfile-only"], variables: cache(fresh) }),
    install: (kept) => ({
      args: ["install", "--frozen", `--lock=${join(kept, lockfile)}`],
      variables: cache(kept),
    }),
    execute: async (kept) => {
      const { variables, platform } = host.environment;
      const search = { variables, platform, project: policyHome(host.directory) };
      const found = await findTool(tool, search);
      if (found === null) return null;
      const flags = [
        "--frozen",
        "--cached-only",
        `--config=${join(kept, "deno.json")}`,
        `--lock=${join(kept, lockfile)}`,
      ];
      return { command: found, run: { args: [command, ...flags, ...rest], variables: cache(kept) } };
    },
    user,
  });
}
