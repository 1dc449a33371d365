import { existsSync } from "node:fs";
import { join } from "node:path";
import { withPathEntry, type Throwaway, type WrapperHost } from "@countersign/gate";
import type { Request } from "./plan.ts";
import { lockfile, projectOf, textOf, throwawayFiles } from "./project.ts";

/** `yarn dlx` as a project that has a lockfile. */
export function throwawayOf(host: WrapperHost, request: Request, user: readonly string[]): Throwaway {
  const { specifiers } = request;
  const files = throwawayFiles(projectOf(host.directory));
  return {
    manager: "yarn",
    tool: "yarn",
    key: [...specifiers, JSON.stringify(files)],
    files,
    lockfile,
    resolve: () => ({ args: ["add", ...specifiers, "--mode=update-lockfile"], variables: resolving }),
    install: () => ({ args: ["install", "--immutable"], variables: { YARN_IGNORE_PATH: "1" } }),
    execute: (kept) => Promise.resolve(execution(host, kept, request)),
    user: { args: user },
  };
}

/** Nothing of the project or of a repository may run while the lockfile is still to be decided on. */
export const resolving: Readonly<Record<string, string>> = {
  YARN_IGNORE_PATH: "1",
  YARN_ENABLE_SCRIPTS: "0",
  YARN_ENABLE_IMMUTABLE_INSTALLS: "0",
  // Matches none: Yarn builds what it fetches from a repository.
  YARN_APPROVED_GIT_REPOSITORIES: "none",
};

type Execution = Awaited<ReturnType<Throwaway["execute"]>>;

function execution(host: WrapperHost, kept: string, { command, args }: Request): Execution {
  const { variables, platform } = host.environment;
  const [only] = Object.keys(manifestOf(kept).dependencies ?? {});
  const folder = join(kept, "node_modules", ".bin");
  const name =
    command ?? (only === undefined ? null : commandOf(manifestOf(join(kept, "node_modules", only))));
  // A name with a slash would lead out of the folder.
  if (name === null || !/^[^/\\]+$/.test(name) || name.startsWith(".")) return null;
  const file = join(folder, platform === "win32" ? `${name}.cmd` : name);
  if (!existsSync(file)) return null;
  const path = Object.keys(variables).find((each) => each.toUpperCase() === "PATH") ?? "PATH";
  return { command: file, run: { args, variables: { [path]: withPathEntry(variables[path], folder) } } };
}

type Manifest = { name?: unknown; bin?: unknown; dependencies?: object };

/** The command of a package: the only one, else the one of the package's name. */
export function commandOf({ name, bin }: Manifest): string | null {
  if (typeof name !== "string") return null;
  const unscoped = name.replace(/^@[^/]+\//, "");
  if (typeof bin === "string") return unscoped;
  if (typeof bin !== "object" || bin === null) return null;
  const commands = Object.keys(bin);
  if (commands.length === 1) return commands[0] ?? null;
  return commands.includes(unscoped) ? unscoped : null;
}

function manifestOf(directory: string): Manifest {
  try {
    return JSON.parse(textOf(join(directory, "package.json")) ?? "{}") as Manifest;
  } catch {
    return {};
  }
}
