import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  changeLock,
  installFrozen,
  passUnknown,
  runThrowaway,
  settleCache,
  verifiedCache,
  type ToolRun,
  type Verification,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { plan, planExecution, type Plan, type Request } from "./plan.ts";
import { lockfile, projectOf, strictVariables, withoutScanner, type Project } from "./project.ts";
import { throwawayOf } from "./throwaway.ts";

const tool = "bun";

/** The commands of this manager that are gated, by name. `bunx` is `bun x`. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  bun: (host) => gate(host, plan(host.args), host.args),
  bunx: (host) => gate(host, planExecution(host.args), ["x", ...host.args]),
};

async function gate(host: WrapperHost, planned: Plan, args: readonly string[]): Promise<number> {
  const user: ToolRun = { args };
  const project = projectOf(host.directory);
  switch (planned.flow) {
    case "pass":
      return host.run(tool, user);
    case "program":
      return program(host, user);
    case "unknown":
      return passUnknown(host, tool, user, planned.shown);
    case "throwaway":
      return execute(host, project, planned.request, user);
    case "install":
      return install(host, project, planned, user);
    case "change":
      return change(host, project, planned, user);
  }
}

/** Without node_modules Bun installs whatever a program imports, on the spot and unlocked. */
async function program(host: WrapperHost, user: ToolRun): Promise<number> {
  if ((await host.mode()) !== "strict") return host.run(tool, user);
  const own = host.environment.variables["BUN_OPTIONS"] ?? "";
  return host.run(tool, { ...user, variables: { BUN_OPTIONS: `${own} --no-install`.trim() } });
}

/** As `bunx` does, what the project has installed comes first, where no version is asked for. */
async function execute(
  host: WrapperHost,
  { root }: Project,
  request: Request,
  user: ToolRun,
): Promise<number> {
  const { name, range, command } = request;
  const installed = command ?? name.replace(/^@[^/]+\//, "");
  if (range === "latest" && existsSync(join(root, "node_modules", ".bin", installed))) {
    const strict = (await host.mode()) === "strict";
    return host.run(tool, strict ? { args: ["x", "--no-install", ...user.args.slice(1)] } : user);
  }
  return runThrowaway(host, throwawayOf(host, request, user.args));
}

async function install(
  host: WrapperHost,
  project: Project,
  { flags, mayChange }: Extract<Plan, { flow: "install" }>,
  user: ToolRun,
): Promise<number> {
  if (project.ambiguous) return ambiguous(host, user);
  if (mayChange && (await host.mode()) !== "disabled" && !(await inStep(host, project))) {
    const planned = { flow: "change", command: "install", args: flags, install: true, flags } as const;
    return change(host, project, planned, user);
  }
  return installFrozen(host, {
    manager: "bun",
    tool,
    directory: project.root,
    lockfile,
    user,
    strict: strictInstall(host, project, flags),
  });
}

/** Everything is laid out anew: what lies in node_modules is not compared with the lockfile by Bun. */
const strictInstall =
  (host: WrapperHost, { root }: Project, flags: readonly string[]) =>
  async (verification: Verification): Promise<number> => {
    await settleCache(verifiedCache(host, "bun", root), verification, []);
    return host.run(tool, {
      args: ["install", "--frozen-lockfile", "--force", "--backend=copyfile", "--no-env-file", ...flags],
      variables: strictVariables(host, root),
      directory: root,
    });
  };

/** Whether the lockfile is there and holds what the manifests ask for; nothing is installed, and no scanner is run. */
async function inStep(host: WrapperHost, { root }: Project): Promise<boolean> {
  if (!existsSync(join(root, lockfile))) return false;
  const { exitCode } = await host.capture(tool, {
    args: ["install", "--frozen-lockfile", "--dry-run", "--ignore-scripts", "--no-env-file"],
    directory: root,
  });
  return exitCode === 0;
}

async function change(
  host: WrapperHost,
  project: Project,
  { command, args, install: installs, flags }: Extract<Plan, { flow: "change" }>,
  user: ToolRun,
): Promise<number> {
  if (project.ambiguous) return ambiguous(host, user);
  const { root, way } = project;
  return changeLock(host, {
    manager: "bun",
    tool,
    directory: root,
    lockfile,
    user,
    resolve: (copy) => {
      const place = join(copy, way);
      mkdirSync(place, { recursive: true });
      const quiet = ["--lockfile-only", "--ignore-scripts", "--no-env-file", withoutScanner(copy)];
      return { args: [command, ...args, ...quiet], directory: place, variables: strictVariables(host, root) };
    },
    strict: installs
      ? strictInstall(host, project, flags)
      : { args: ["install", "--frozen-lockfile", "--dry-run", "--no-env-file"], directory: root },
  });
}

const ambiguous = (host: WrapperHost, user: ToolRun): Promise<number> =>
  passUnknown(host, tool, user, "a bun.lock below a workspace root that has another,");
