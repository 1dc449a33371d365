import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { trustLimits } from "@countersign/core";
import { isMissing, readBounded, staysWithin, systemSays } from "../project/bounded-file.ts";
import { filesAt, namesAt } from "../project/git.ts";

/** Where a project keeps its trust store, POSIX, from the project. */
export const trustFolder = ".countersign/trust";
export const rootName = (version: number): string => `${version}.root.json`;

export type RootRead =
  | { state: "found"; bytes: Uint8Array }
  | { state: "missing" }
  | { state: "failed"; detail: string };

/** The roots in one folder, wherever it lies. */
export type RootFolder = {
  /** As messages name it. */
  path: string;
  /** By their names, ascending. What is not named `N.root.json` is not looked at. */
  versions: readonly number[];
  read(version: number): Promise<RootRead>;
};
export type FolderResult = { ok: true; folder: RootFolder } | { ok: false; detail: string };

/** A folder with more is not listed to its end: the versions that are followed are asked for by name. */
const mostNames = 10_000;

/**
 * A folder on disk; one that is not there has no versions.
 * @param within what links may not leave; null for the administrator's own files
 */
export async function folderOnDisk(
  absolute: string,
  path: string,
  within: string | null,
): Promise<FolderResult> {
  const names: string[] = [];
  try {
    if (within !== null && !(await staysWithin(absolute, within)))
      return { ok: false, detail: "it is a symbolic link that leads out of the project" };
    for await (const { name } of await opendir(absolute)) {
      if (names.length === mostNames) break;
      names.push(name);
    }
  } catch (error) {
    if (!isMissing(error)) return { ok: false, detail: systemSays(error) };
  }
  const read = (version: number): Promise<RootRead> =>
    readBounded(join(absolute, rootName(version)), trustLimits.bytes, within);
  return { ok: true, folder: { path, versions: versionsOf(names), read } };
}

/** The trust store of the project as it stands: under test, never a pin. */
export const projectFolder = (directory: string): Promise<FolderResult> =>
  folderOnDisk(join(directory, trustFolder), trustFolder, directory);

/** The trust store as it stood at a commit. */
export async function folderAtCommit(directory: string, revision: string): Promise<FolderResult> {
  const listed = await namesAt(directory, revision, trustFolder);
  if (!listed.ok) return listed;
  const versions = versionsOf(listed.names);
  if (versions.length === 0)
    return { ok: true, folder: { path: trustFolder, versions, read: async () => ({ state: "missing" }) } };
  const files = await filesAt(
    directory,
    revision,
    versions.map((version) => `${trustFolder}/${rootName(version)}`),
  );
  if (!files.ok) return files;
  const read = async (version: number): Promise<RootRead> => {
    const bytes = files.files.get(`${trustFolder}/${rootName(version)}`);
    return bytes === undefined ? { state: "missing" } : { state: "found", bytes };
  };
  return { ok: true, folder: { path: trustFolder, versions, read } };
}

function versionsOf(names: readonly string[]): number[] {
  return names
    .map((name) => Number(/^([1-9]\d{0,3})\.root\.json$/.exec(name)?.[1] ?? 0))
    .filter((version) => version > 0 && version <= trustLimits.versions)
    .toSorted((a, b) => a - b);
}
