import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Closure } from "./closure.ts";

/** SHA-256 of each file, or where a link points; null where nothing was. Keys are POSIX paths from the project. */
export type Snapshot = ReadonlyMap<string, string | null>;

/** Of all files together: what a closure has beyond it is a finding of whoever reads it, not of the snapshot. */
const maximumFiles = 20_000;
const maximumBytes = 256 * 1024 * 1024;

/**
 * What the files of a closure hold now.
 * @param directory absolute path of the project
 * @param workspaces POSIX paths of the workspaces from there
 * @throws where the closure is larger than 20,000 files or one file than 256 MiB
 */
export async function takeSnapshot(
  directory: string,
  closure: Closure,
  workspaces: readonly string[],
  more: readonly string[] = [],
): Promise<Snapshot> {
  const paths = new Set([
    ...closure.files,
    ...more,
    ...workspaces.flatMap((workspace) => closure.workspace.map((file) => posix.join(workspace, file))),
  ]);
  for (const folder of closure.folders)
    for (const path of await filesBelow(directory, folder)) paths.add(path);
  if (paths.size > maximumFiles) throw new Error(`the closure has more than ${maximumFiles} files`);
  const snapshot = new Map<string, string | null>();
  for (const path of [...paths].toSorted()) snapshot.set(path, await digestOf(join(directory, path)));
  return snapshot;
}

/** Paths whose content differs between two moments. A file that is listed in one of them only counts as absent in the other. */
export function changedFiles(before: Snapshot, after: Snapshot): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => (before.get(path) ?? null) !== (after.get(path) ?? null)).toSorted();
}

async function digestOf(path: string): Promise<string | null> {
  try {
    const status = await lstat(path);
    if (status.isSymbolicLink()) {
      const content = await readFile(path).catch(() => Buffer.alloc(0));
      return `link ${await readlink(path)} ${createHash("sha256").update(content).digest("hex")}`;
    }
    if (!status.isFile()) return "not a file";
    if (status.size > maximumBytes) throw new Error(`${path} is larger than ${maximumBytes} bytes`);
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function filesBelow(directory: string, folder: string): Promise<string[]> {
  try {
    const entries = await readdir(join(directory, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) =>
        posix.join(folder, relativePath(join(directory, folder), entry.parentPath), entry.name),
      );
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

const relativePath = (from: string, to: string): string =>
  to.slice(from.length).replaceAll("\\", "/").replace(/^\//, "");

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
