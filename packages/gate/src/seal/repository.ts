import { existsSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/** The nearest directory at or above `start` with a `.git`, which a worktree has as a file; `start` where there is none. */
export function repositoryRoot(start: string): string {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    if (existsSync(join(directory, ".git"))) return directory;
    if (dirname(directory) === directory) return resolve(start);
  }
}

/**
 * The name under which a seal knows a lockfile: its POSIX path from the repository's root, with the letters' case that
 * the disk has and in Unicode's composed form, so that it is the same on every file system.
 * @param directory absolute path of the project
 * @param path of the lockfile, POSIX, from there
 */
export function subjectPath(directory: string, path: string): string {
  const root = realpathSync.native(repositoryRoot(directory));
  const from = relative(root, realpathSync.native(directory));
  return [...from.split(sep), ...path.split("/")]
    .filter((part) => part !== "" && part !== ".")
    .join("/")
    .normalize("NFC");
}
