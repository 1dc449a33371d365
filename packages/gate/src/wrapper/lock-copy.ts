import { chmod, copyFile, lstat, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { closureOf } from "../closure/closure.ts";
import { takeSnapshot } from "../closure/snapshot.ts";
import { staysWithin } from "../project/bounded-file.ts";
import type { ManagerName } from "../manager/manager.ts";

/** A copy of what a manager needs to resolve, outside the project, and the way back. */
export type LockCopy = {
  /** Absolute path. */
  directory: string;
  /** POSIX paths from the project. */
  files: readonly string[];
  /** Moves what differs or is new among the copied and the given paths into the project. */
  takeBack(more: readonly string[]): Promise<string[]>;
  remove(): Promise<void>;
};

/**
 * Copies a project's closure into a directory of its own below `parent`. Links are left out: what they point at could
 * lie anywhere, and writing through one would leave the copy.
 * @param workspaces POSIX paths of the workspaces
 * @param needs further files, POSIX
 */
export async function copyClosure(
  manager: ManagerName,
  project: string,
  parent: string,
  workspaces: readonly string[],
  needs: readonly string[],
): Promise<LockCopy> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parent, "lock-"));
  const snapshot = await takeSnapshot(project, closureOf(manager), workspaces, needs);
  const files: string[] = [];
  for (const [path, digest] of snapshot) {
    if (digest === null || !staysInside(path)) continue;
    if (!(await lstat(join(project, path))).isFile()) continue;
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await copyFile(join(project, path), join(directory, path));
    await chmod(join(directory, path), 0o600);
    files.push(path);
  }
  return {
    directory,
    files,
    takeBack: (more) => takeBack(directory, project, [...files, ...more]),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function takeBack(copy: string, project: string, paths: readonly string[]): Promise<string[]> {
  const none = { files: paths, folders: [], workspace: [] };
  const [resolved, own] = [await takeSnapshot(copy, none, []), await takeSnapshot(project, none, [])];
  const taken: string[] = [];
  for (const [path, digest] of resolved) {
    if (digest === null || digest === own.get(path)) continue;
    await mkdir(dirname(join(project, path)), { recursive: true });
    if (!(await staysWithin(dirname(join(project, path)), project)))
      throw new Error(`${path} would be written outside the project, through a link`);
    // Written beside and renamed: who reads the lockfile meanwhile sees the old or the new one, whole.
    const beside = join(project, `${path}.countersign-${process.pid}`);
    await copyFile(join(copy, path), beside);
    await chmod(beside, 0o644);
    await rename(beside, join(project, path));
    taken.push(path);
  }
  return taken;
}

const staysInside = (path: string): boolean => {
  const way = relative(".", path);
  return !isAbsolute(path) && way.split(sep)[0] !== "..";
};
