import { dirname, join } from "node:path";
import {
  readLockfile,
  startOf,
  type Budget,
  type Finding,
  type PackageSet,
  type RefusedLockfile,
} from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import type { PendingLockfile } from "../run.ts";
import { readBounded } from "./bounded-file.ts";
import { fileAt } from "./git.ts";

/** A lockfile's bytes, read once and not parsed. */
export type LockfileBytes = { file: DiscoveredLockfile; bytes: Uint8Array };
export type ReadLockfile = { file: DiscoveredLockfile; set: PackageSet };
export type ReadLockfiles = { read: readonly ReadLockfile[]; refused: readonly RefusedLockfile[] };

/** The bytes of each lockfile; one that cannot be read is refused. */
export async function readLockfileBytes(
  directory: string,
  files: readonly DiscoveredLockfile[],
  budget: Budget,
  pending?: PendingLockfile,
): Promise<{ found: readonly LockfileBytes[]; refused: readonly RefusedLockfile[] }> {
  if (pending !== undefined)
    return { found: files.map((file) => ({ file, bytes: pending.bytes })), refused: [] };
  const found: LockfileBytes[] = [];
  const refused: RefusedLockfile[] = [];
  for (const file of files) {
    const { path, format } = file;
    const content = await readBounded(join(directory, path), budget.lockfileBytes, directory);
    if (content.state === "found") found.push({ file, bytes: content.bytes });
    else {
      const detail = content.state === "missing" ? "it is gone" : content.detail;
      refused.push({ path, format, findings: [unreadable(path, detail)] });
    }
  }
  return { found, refused };
}

/** Parses lockfiles; what cannot be read exactly is refused whole. */
export async function parseLockfiles(
  contents: readonly LockfileBytes[],
  budget: Budget,
): Promise<ReadLockfiles> {
  const read: ReadLockfile[] = [];
  const refused: RefusedLockfile[] = [];
  for (const { file, bytes } of contents) {
    const { path, format } = file;
    const result = await readLockfile(format, path, bytes, budget);
    if (result.ok) read.push({ file, set: result.value });
    else refused.push({ path, format, findings: result.findings });
  }
  return { read, refused };
}

/** Reads and parses every lockfile once. */
export async function readLockfiles(
  directory: string,
  files: readonly DiscoveredLockfile[],
  budget: Budget,
): Promise<ReadLockfiles> {
  const { found, refused } = await readLockfileBytes(directory, files, budget);
  const parsed = await parseLockfiles(found, budget);
  return { read: parsed.read, refused: [...refused, ...parsed.refused] };
}

const unreadable = (path: string, detail: string): Finding => ({
  code: detail.startsWith("it is larger") ? "budget/bytes" : "lockfile/malformed",
  effect: "block",
  at: startOf(path),
  why: `The lockfile cannot be read: ${detail}.`,
  fix: `Regenerate ${path} as a regular file of the project.`,
});

export type Baseline = { set: PackageSet | null; findings: readonly Finding[] };

/** The same lockfile at the trusted base. One that is there and cannot be read is said: nothing is compared then. */
export async function readBaseline(
  directory: string,
  file: DiscoveredLockfile,
  revision: string,
  budget: Budget,
): Promise<Baseline> {
  const found = await fileAt(directory, revision, file.path);
  if (!found.ok) return { set: null, findings: [unreadBaseline(file.path, revision, found.detail)] };
  if (found.bytes === null) return { set: null, findings: [] };
  const result = await readLockfile(file.format, file.path, found.bytes, budget);
  if (result.ok) return { set: result.value, findings: [] };
  return {
    set: null,
    findings: [unreadBaseline(file.path, revision, result.findings[0]?.why ?? "it is malformed")],
  };
}

const unreadBaseline = (path: string, revision: string, detail: string): Finding => ({
  code: "drift/undecided",
  effect: "block",
  at: startOf(path),
  why: `The lockfile at ${JSON.stringify(revision)} cannot be read (${detail}), so nothing can be compared with it.`,
  fix: "Name another commit with --base, or fetch its history.",
});

/**
 * Requirements that carried hashes at the trusted base and carry none now: no lockfile any more, so nothing else would
 * look at them.
 * @param unlocked paths of requirements files without hashes
 */
export async function lostLocks(
  directory: string,
  unlocked: readonly string[],
  revision: string,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const path of unlocked) {
    const found = await fileAt(directory, revision, path);
    if (!found.ok || found.bytes === null || !Buffer.from(found.bytes).includes("--hash=")) continue;
    findings.push({
      code: "artefact/digest-missing",
      effect: "block",
      at: startOf(path),
      why: `At ${JSON.stringify(revision)} these requirements carried hashes; now an install takes whatever the index serves.`,
      fix: `Restore the hashes: git checkout ${revision} -- ${path}`,
    });
  }
  return findings;
}

/** Directory that the manager of a lockfile reads its configuration from. */
export const configurationDirectory = (directory: string, file: DiscoveredLockfile): string =>
  dirname(join(directory, file.path));
