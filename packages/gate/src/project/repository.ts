import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/**
 * A directory and those above it, up to its repository: the nearest one with a `.git`, which a worktree has as a file.
 * The directory alone where there is none.
 */
export function withinRepository(start: string): string[] {
  const directories: string[] = [];
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    directories.push(directory);
    if (existsSync(join(directory, ".git"))) return directories;
    if (dirname(directory) === directory) return [resolve(start)];
  }
}

/** The repository's directory; `start` where there is none. */
export const repositoryRoot = (start: string): string => withinRepository(start).at(-1) ?? resolve(start);

export const isRepository = (start: string): boolean => existsSync(join(repositoryRoot(start), ".git"));
