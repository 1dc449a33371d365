import { realpathSync } from "node:fs";
import { relative, sep } from "node:path";
import { repositoryRoot } from "../project/repository.ts";

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
