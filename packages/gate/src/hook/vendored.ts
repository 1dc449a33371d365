import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseJson, startOf, type Finding } from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";

/** Where `init` puts the hooks that a manager loads, and where it records their digests. POSIX, from the project. */
export const hookFolder = ".countersign/hooks";
export const digestsPath: string = `${hookFolder}/digests.json`;
/** Yarn loads plugins from a folder of its own. */
export const yarnPluginPath = ".yarn/plugins/yarn-plugin-countersign.cjs";

/** What `init` wrote, by POSIX path from the project; digests are Subresource Integrity strings of sha512. */
export type VendoredRecord = {
  /** Hooks: what a manager loads. */
  files: ReadonlyMap<string, string>;
  /** Whatever else: looked at only to take it back while nobody has changed it. */
  written: ReadonlyMap<string, string>;
};

export const noRecord: VendoredRecord = { files: new Map(), written: new Map() };

const recordBytes = 1024 * 1024;
const hookBytes = 32 * 1024 * 1024;
const shownHooks = 20;

export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

/** digests.json as `init` writes it: sorted, two spaces, a line break at the end. */
export function writeRecord({ files, written }: VendoredRecord): string {
  const sorted = (entries: ReadonlyMap<string, string>): object =>
    Object.fromEntries([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const record = { version: 1, files: sorted(files), written: sorted(written) };
  return `${JSON.stringify(record, null, 2)}\n`;
}

export type RecordRead =
  | { state: "found"; record: VendoredRecord }
  | { state: "missing" }
  | { state: "failed"; detail: string };

/** @param directory absolute path of the project */
export async function readRecord(directory: string): Promise<RecordRead> {
  const read = await readBounded(join(directory, digestsPath), recordBytes, directory);
  if (read.state !== "found") return read;
  const parsed = parseJson(new TextDecoder().decode(read.bytes), 8);
  if (!parsed.ok) return { state: "failed", detail: parsed.problem.detail };
  const { version, files, written } = tableOf(parsed.value);
  if (version !== 1) return { state: "failed", detail: "it is not of version 1" };
  const [hooks, others] = [textsOf(files), textsOf(written)];
  if (hooks === null || others === null) return { state: "failed", detail: "a digest is no text" };
  return { state: "found", record: { files: hooks, written: others } };
}

/**
 * Compares the hooks that lie in a project with what `init` recorded. A change can edit hook and record alike: this
 * finds accidents and half of an attack, review and the trusted base find the other half.
 * @param directory absolute path of the project
 */
export async function vendoredFindings(directory: string): Promise<Finding[]> {
  const present = await hooksIn(directory);
  const recorded = await readRecord(directory);
  if (recorded.state === "failed")
    return [
      finding(digestsPath, "block", `The record of the vendored hooks cannot be read: ${recorded.detail}.`),
    ];
  if (recorded.state === "missing") {
    const why = "Nothing records what this vendored hook is, so an edited one would not be noticed.";
    return present.slice(0, shownHooks).map((path) => finding(path, "warn", why));
  }
  const { files } = recorded.record;
  const findings: Finding[] = [];
  for (const path of [...new Set([...present, ...files.keys()])].toSorted().slice(0, shownHooks)) {
    const why = await whyChanged(directory, path, files.get(path));
    if (why !== null) findings.push(finding(path, "block", why));
  }
  return findings;
}

async function whyChanged(
  directory: string,
  path: string,
  expected: string | undefined,
): Promise<string | null> {
  if (expected === undefined) return "This hook is not among those that init recorded.";
  if (!isHookPath(path)) return "The record names it as a hook, and no hook lies there.";
  const read = await readBounded(join(directory, path), hookBytes, directory);
  if (read.state === "missing")
    return "The record names this hook, and it is gone: its manager loads nothing.";
  if (read.state === "failed") return `This hook cannot be read: ${read.detail}.`;
  const actual = integrityOf(read.bytes);
  return actual === expected ? null : `This hook is not the recorded one: ${actual}, recorded ${expected}.`;
}

const isHookPath = (path: string): boolean =>
  path === yarnPluginPath || /^\.countersign\/hooks\/[A-Za-z0-9._-]+$/.test(path);

async function hooksIn(directory: string): Promise<string[]> {
  const entries = await readdir(join(directory, hookFolder)).catch(() => []);
  const hooks = entries.map((name) => `${hookFolder}/${name}`).filter((path) => path !== digestsPath);
  const plugin = await lstat(join(directory, yarnPluginPath)).catch(() => null);
  return (plugin === null ? hooks : [...hooks, yarnPluginPath]).toSorted();
}

const finding = (path: string, effect: Finding["effect"], why: string): Finding => ({
  code: "settings/hook-changed",
  effect,
  at: startOf(path),
  why,
  fix: "countersign init",
});

const tableOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** Keys of a project's file are looked up in a map, never in an object: `__proto__` is one like any other. */
function textsOf(value: unknown): Map<string, string> | null {
  const entries = Object.entries(tableOf(value));
  return entries.every(([, each]) => typeof each === "string")
    ? new Map(entries as [string, string][])
    : null;
}
