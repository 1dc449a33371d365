import { join } from "node:path";
import {
  commandOf,
  dependenciesOf,
  installedCommand,
  withCommands,
  type Throwaway,
  type WrapperHost,
} from "@countersign/gate";
import type { Request } from "./plan.ts";
import { lockfile, projectOf, throwawayFiles } from "./project.ts";

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
    resolve: (project) => ({
      args: ["add", ...specifiers, "--mode=update-lockfile"],
      variables: { ...resolving, ...ownCache(project) },
    }),
    install: (project) => ({
      args: ["install", "--immutable"],
      variables: { YARN_IGNORE_PATH: "1", ...ownCache(project) },
    }),
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

/** What Yarn fetches to resolve is not decided on yet: it goes into a cache that is removed with the directory. */
export const ownCache = (directory: string): Readonly<Record<string, string>> => ({
  YARN_CACHE_FOLDER: join(directory, ".cache"),
  YARN_ENABLE_GLOBAL_CACHE: "0",
  YARN_ENABLE_MIRROR: "0",
});

type Execution = Awaited<ReturnType<Throwaway["execute"]>>;

function execution(host: WrapperHost, kept: string, { command, args }: Request): Execution {
  const [only] = dependenciesOf(kept);
  const name = command ?? (only === undefined ? null : commandOf(join(kept, "node_modules", only)));
  const file = name === null ? null : installedCommand(host, kept, name);
  return file === null ? null : { command: file, run: { args, variables: withCommands(host, kept) } };
}
