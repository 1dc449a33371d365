import { lstatSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { isCi, isInside, repositoryRoot, stateDirectoryOf } from "@countersign/gate";
import type { Host } from "./host.ts";

export type CompilePlace = Pick<Host, "version" | "directory" | "home" | "variables" | "platform">;

/**
 * Has Node.js keep what it compiles for the next run. Whoever can write there decides what runs here: so it is neither
 * the temporary directory that Node.js would take, where another user may have put something before us, nor anything
 * that a CI system restores or a change of the project can edit. Without such a place every run compiles anew.
 */
export function keepCompiled(place: CompilePlace): void {
  if (isCi(place.variables)) return;
  const repository = repositoryRoot(place.directory);
  const all = join(stateDirectoryOf(place), "compiled");
  const own = join(all, place.version);
  try {
    if (!isPrivate(own)) {
      if (isInside(own, repository)) return;
      // Another version's is of no use any more, and what is not ours alone must not be used.
      rmSync(all, { recursive: true, force: true });
      mkdirSync(own, { recursive: true, mode: 0o700 });
    }
    const inProject = isInside(realpathSync(own), realpathSync(repository));
    if (!inProject && isPrivate(all) && isPrivate(own)) enableCompileCache(own);
  } catch {
    // A home that cannot be written to keeps nothing.
  }
}

/** Whether a directory is there, is this user's, and nobody else may write to it. Windows keeps others from a profile. */
function isPrivate(path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isDirectory()) return false;
  return process.getuid === undefined || (status.uid === process.getuid() && (status.mode & 0o022) === 0);
}
