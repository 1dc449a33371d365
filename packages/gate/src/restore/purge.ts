import { lstat, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PackageSet } from "@countersign/core";
import type { ManagerName } from "../manager/manager.ts";
import { isInside } from "../project/bounded-file.ts";
import { moduleFolders, pythonEnvironment } from "./check-installed.ts";

/**
 * Removes what is installed, so that the manager cannot take any of it for done. Of a link only the link goes, and a
 * workspace that is a link out of the project is left alone.
 * @param directory absolute path of the lockfile's directory
 * @returns POSIX paths that were removed
 */
export async function purgeInstalled(
  directory: string,
  manager: ManagerName,
  set: PackageSet,
): Promise<string[]> {
  const folders = manager === "uv" ? [pythonEnvironment] : moduleFolders(set);
  const removed: string[] = [];
  for (const folder of folders) {
    const path = join(directory, folder);
    const status = await lstat(path).catch(() => null);
    if (status === null || !isInside(await realpath(dirname(path)), await realpath(directory))) continue;
    await rm(path, { recursive: status.isDirectory(), force: true });
    removed.push(folder);
  }
  return removed;
}
