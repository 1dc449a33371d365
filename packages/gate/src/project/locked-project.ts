import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readLockfile, startOf, type Budget, type PackageSet, type RefusedLockfile } from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { fileAt } from "./git.ts";

export type ReadLockfile = { file: DiscoveredLockfile; set: PackageSet };
export type ReadLockfiles = { read: readonly ReadLockfile[]; refused: readonly RefusedLockfile[] };

/** Reads every lockfile once; what cannot be read exactly is refused whole. */
export async function readLockfiles(
  directory: string,
  files: readonly DiscoveredLockfile[],
  budget: Budget,
): Promise<ReadLockfiles> {
  const read: ReadLockfile[] = [];
  const refused: RefusedLockfile[] = [];
  for (const file of files) {
    const path = join(directory, file.path);
    // Looked at before it is read: a file larger than the bound is not brought into memory.
    const size = await stat(path).then(
      (status) => status.size,
      () => 0,
    );
    if (size > budget.lockfileBytes) {
      const why = `The lockfile has ${size} bytes; the bound is ${budget.lockfileBytes}.`;
      const at = startOf(file.path);
      refused.push({ ...file, findings: [{ code: "budget/bytes", effect: "block", at, why, fix: "Regenerate the lockfile." }] });
      continue;
    }
    const result = await readLockfile(file.format, file.path, await readFile(path), budget);
    if (result.ok) read.push({ file, set: result.value });
    else refused.push({ path: file.path, format: file.format, findings: result.findings });
  }
  return { read, refused };
}

/** The same lockfile at the trusted base; null where the base has none or it cannot be read. */
export async function readBaseline(
  directory: string,
  file: DiscoveredLockfile,
  revision: string,
  budget: Budget,
): Promise<PackageSet | null> {
  const found = await fileAt(directory, revision, file.path);
  if (!found.ok || found.bytes === null) return null;
  const result = await readLockfile(file.format, file.path, found.bytes, budget);
  return result.ok ? result.value : null;
}

/** Directory that the manager of a lockfile reads its configuration from. */
export const configurationDirectory = (directory: string, file: DiscoveredLockfile): string => dirname(join(directory, file.path));
