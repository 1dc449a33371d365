import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { sealFileBytes } from "@countersign/core";
import { fileAt, filesAt, namesAt } from "../project/git.ts";
import { readBounded, staysWithin } from "../project/bounded-file.ts";

export const sealsFolder = ".countersign/seals";

/** A seal as it lies there. Its bytes are null where it is no readable file of the project of at most 1 MiB. */
export type SealFile =
  | { path: string; bytes: Uint8Array; problem: null }
  | { path: string; bytes: null; problem: string };

/** Over this many seals of one lockfile none is read: whoever puts them there wants their checking to take long. */
export const mostSeals = 256;
const sealName = /^[0-9a-f]{64}\.json$/;

/** Seals of one lockfile; `many` counts them where they are too many to be read. */
export type SealFiles = { files: readonly SealFile[]; many: number | null };

/**
 * The seals of the lockfile with this digest, by name. Other files in the folder are left alone.
 * @param home absolute path of the directory with `.countersign`
 * @param hex SHA-256 of the lockfile's sealed bytes
 * @param most over so many none is read
 */
export async function readSealFiles(home: string, hex: string, most: number = mostSeals): Promise<SealFiles> {
  const folder = posix.join(sealsFolder, hex);
  const names = sealNames(join(home, folder));
  if (names.length > most) return { files: [], many: names.length };
  const files = names.map(async (name): Promise<SealFile> => {
    const path = posix.join(folder, name);
    const read = await readBounded(join(home, path), sealFileBytes, home);
    if (read.state === "found") return { path, bytes: read.bytes, problem: null };
    return { path, bytes: null, problem: read.state === "missing" ? "it is gone" : read.detail };
  });
  return { files: await Promise.all(files), many: null };
}

/**
 * As {@link readSealFiles}, at a commit. What is no file there is left out; where a seal that is there cannot be had,
 * nobody can tell what it said.
 */
export async function readSealFilesAt(
  home: string,
  revision: string,
  hex: string,
): Promise<({ ok: true } & SealFiles) | { ok: false; detail: string }> {
  const folder = posix.join(sealsFolder, hex);
  const listed = await namesAt(home, revision, folder);
  if (!listed.ok) return listed;
  const names = listed.names.filter((name) => sealName.test(name));
  if (names.length > mostSeals) return { ok: true, files: [], many: names.length };
  if (names.length === 0) return { ok: true, files: [], many: null };
  const paths = names.map((name) => posix.join(folder, name));
  const batch = await filesAt(home, revision, paths);
  const files: SealFile[] = [];
  for (const path of paths) {
    // One entry that is no file fails the batch, and must not take the others along.
    const found = batch.ok
      ? ({ ok: true, bytes: batch.files.get(path) ?? null } as const)
      : await fileAt(home, revision, path);
    if (!found.ok && found.irregular !== true) return found;
    if (found.ok && found.bytes !== null && found.bytes.length <= sealFileBytes)
      files.push({ path, bytes: found.bytes, problem: null });
  }
  return { ok: true, files, many: null };
}

/**
 * Removes what lies under the name of a seal or of a folder of seals, whatever it is: a link itself and never what it
 * leads to. Where a folder above it leads out of the project nothing is removed.
 * @param path from `home`
 */
export async function removeSealFile(home: string, path: string): Promise<void> {
  const target = join(home, path);
  const ours = await staysWithin(dirname(target), home).catch(() => false);
  if (ours) await rm(target, { recursive: true, force: true });
}

/** Digests of all lockfiles that have seals, in any state. */
export const sealedDigests = (home: string): string[] =>
  namesIn(join(home, sealsFolder)).filter((name) => /^[0-9a-f]{64}$/.test(name));

const sealNames = (folder: string): string[] => namesIn(folder).filter((name) => sealName.test(name));

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}
