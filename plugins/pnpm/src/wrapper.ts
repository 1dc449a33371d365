import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import {
  changeLock,
  installFrozen,
  passUnknown,
  runThrowaway,
  type ToolRun,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { readCommandLine, withoutDirectory } from "./command-line.ts";
import { ownVersion, plan, type Plan } from "./plan.ts";
import { hasConfigDependencies, lockfile, neededFiles, projectOf, type Project } from "./project.ts";
import { throwawayOf } from "./throwaway.ts";

const tool = "pnpm";

/** Tells the project's own hook that its verdict line stands there already. It verifies all the same. */
const gated = { COUNTERSIGN_WRAPPED: "1" };

/** The commands of this manager that are gated, by name. `pnx` is `pnpm dlx`. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  pnpm: (host) => gate(host, host.args),
  pnx: (host) => gate(host, ["dlx", ...host.args]),
};

async function gate(host: WrapperHost, args: readonly string[]): Promise<number> {
  const user: ToolRun = { args };
  const planned = plan(args);
  const project = projectOf(host.directory, readCommandLine(args));
  switch (planned.flow) {
    case "pass":
      return pass(host, user, planned.args);
    case "script":
      return hasScript(project, planned.name)
        ? pass(host, user, planned.args)
        : passUnknown(host, tool, user, `pnpm ${planned.name}`);
    case "unknown":
      return passUnknown(host, tool, user, planned.shown);
    case "throwaway":
      return runThrowaway(host, throwawayOf(host, project, planned.request, args));
    case "change":
      return change(host, project, user, planned);
    case "frozen": {
      if (planned.change !== null && !existsSync(join(project.root, lockfile))) {
        const first = plan([...planned.change, "--no-frozen-lockfile"]);
        if (first.flow === "change") return change(host, project, user, first);
      }
      return installFrozen(host, {
        manager: "pnpm",
        tool,
        directory: project.root,
        lockfile,
        user,
        strict: { args: planned.args, variables: gated },
      });
    }
  }
}

/** In `strict` pnpm does not exchange itself for the version that the project names: that would be fetched and run. */
async function pass(host: WrapperHost, user: ToolRun, args: readonly string[]): Promise<number> {
  const strict = (await host.mode()) === "strict" && readCommandLine(args).command !== null;
  return host.run(tool, strict ? { args: [...ownVersion, ...args] } : user);
}

async function change(
  host: WrapperHost,
  project: Project,
  user: ToolRun,
  { resolve, install, needs }: Extract<Plan, { flow: "change" }>,
): Promise<number> {
  const { root, directory } = project;
  if (hasConfigDependencies(project) && (await host.mode()) === "strict") {
    // They run in pnpm while it resolves, copy or not: so they are judged first.
    const verification = await host.verify({ directory: root, lockfiles: [lockfile] });
    if (verification.exitCode !== 0) {
      host.show(verification);
      return verification.exitCode;
    }
  }
  return changeLock(host, {
    manager: "pnpm",
    tool,
    directory: root,
    lockfile,
    user,
    strict: { args: install, variables: gated },
    resolve: (copy) => {
      const place = join(copy, relative(root, directory));
      mkdirSync(place, { recursive: true });
      return { args: withoutDirectory(resolve), directory: place };
    },
    needs: [...needs, ...neededFiles(project)],
  });
}

function hasScript({ directory }: Project, name: string): boolean {
  try {
    const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
      scripts?: Record<string, unknown> | null;
    } | null;
    return Object.hasOwn(manifest?.scripts ?? {}, name);
  } catch {
    return false;
  }
}
