import type { Archive } from "./archives.ts";
import type { LockedEntry, Project } from "./yarn.ts";

/** An operating system that no machine is. */
const nowhere = "os=none";

/**
 * The lockfile that Yarn is about to write, with what it leaves out: entries with `conditions` have no checksum, so
 * theirs is what was hashed of the zip that is about to be linked. Those for which Yarn makes an empty package on this
 * machine stay without one. Every line stays where it is in the file.
 */
export function pendingLockfile(
  project: Project,
  archives: ReadonlyMap<string, Archive>,
  cacheKey: string,
): string {
  const checksums = new Map(project.storedChecksums);
  const entries = new Map<string, LockedEntry>(project.originalPackages);
  for (const hash of project.conditionalLocators) {
    const entry = entries.get(hash);
    if (entry === undefined) continue;
    const archive = archives.get(hash);
    if (archive !== undefined) {
      checksums.set(hash, `${cacheKey}/${archive.zip}`);
      entries.set(hash, { ...entry, conditions: null });
    } else if (project.disabledLocators.has(hash)) {
      entries.set(hash, { ...entry, conditions: nowhere });
    }
  }
  const pending: Project = Object.create(project, {
    storedChecksums: { value: checksums },
    originalPackages: { value: entries },
  });
  return pending.generateLockfile();
}

/** The lockfile's `cacheKey`, which stands before every checksum. */
export const cacheKeyOf = (lockfile: string): string =>
  /^ {2}cacheKey: "?(\S+?)"?$/m.exec(lockfile)?.[1] ?? "";
