import { createHash } from "node:crypto";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { isMissing, readBounded } from "../project/bounded-file.ts";
import type { Closure } from "./closure.ts";

/** SHA-256 of each file, or where a link points; null where nothing was. Keys are POSIX paths from the project. */
export type Snapshot = ReadonlyMap<string, string | null>;

/** What a closure has beyond these ends the run: it is read before anybody has decided anything about it. */
const maximumFiles = 20_000;
const maximumBytes = 256 * 1024 * 1024;
const maximumTotal = 1024 * 1024 * 1024;

/**
 * What the files of a closure hold now.
 * @param directory absolute path of the project
 * @param workspaces POSIX paths of the workspaces from there
 * @throws where the closure is larger than 20,000 files or 1 GiB, or one file than 256 MiB
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
  let total = 0;
  for (const path of [...paths].toSorted()) {
    const { digest, bytes } = await look(join(directory, path));
    total += bytes;
    if (total > maximumTotal) throw new Error(`the closure has more than ${maximumTotal} bytes`);
    snapshot.set(path, digest);
  }
  return snapshot;
}

/** Paths whose content differs between two moments. A file that is listed in one of them only counts as absent in the other. */
export function changedFiles(before: Snapshot, after: Snapshot): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => (before.get(path) ?? null) !== (after.get(path) ?? null)).toSorted();
}

/** A link counts by where it points and by what a regular file there holds; a device that never ends is not read. */
async function look(path: string): Promise<{ digest: string | null; bytes: number }> {
  const status = await lstat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (status === null) return { digest: null, bytes: 0 };
  const isLink = status.isSymbolicLink();
  if (!isLink && !status.isFile()) return { digest: "not a file", bytes: 0 };
  const target = isLink ? `link ${await readlink(path)} ` : "";
  const read = await readBounded(path, maximumBytes, null);
  if (read.state === "found") {
    const hex = createHash("sha256").update(read.bytes).digest("hex");
    return { digest: `${target}${hex}`, bytes: read.bytes.length };
  }
  if (isLink)
    return { digest: `${target}${read.state === "missing" ? "to nothing" : read.detail}`, bytes: 0 };
  if (read.state === "missing") return { digest: null, bytes: 0 };
  throw new Error(`${path} cannot be read: ${read.detail}`);
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
