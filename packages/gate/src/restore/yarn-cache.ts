import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Artefact, Digest, LockedPackage, PackageSet } from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";

/** One folder of Yarn's zips, and how to look into it. */
export type YarnCache = {
  /** Absolute path. */
  folder: string;
  /** Absolute path that links may not leave; null for the user's own cache. */
  within: string | null;
  /** Of the project: named by checksum. The user's: named by cache key, and holds what other projects need too. */
  local: boolean;
};

const zipBytes = 1024 * 1024 * 1024;
const maximumZips = 200_000;

/**
 * The digests of the zips that Yarn would link from, by purl: every zip of a cache is named by its package, and what
 * it holds is hashed here. A package without a zip has no entry.
 */
export async function readYarnCache(
  set: PackageSet,
  cache: YarnCache,
): Promise<ReadonlyMap<string, readonly Digest[]>> {
  const names = await readdir(cache.folder).catch((): string[] => []);
  const byPrefix = new Map<string, string[]>();
  for (const name of names.slice(0, maximumZips)) {
    // `left-pad-npm-1.3.0-b2a6bb0d71-10c0.zip`: ten digits of the locator's hash, then checksum or cache key.
    const prefix = /^(.+)-[0-9a-f]{10}-[0-9a-z]+\.zip$/.exec(name)?.[1];
    if (prefix !== undefined) byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), name]);
  }
  const digests = new Map<string, Digest[]>();
  for (const pkg of set.packages) {
    const artefact = pkg.artefacts.find(({ form }) => form === "yarn-zip");
    if (artefact === undefined) continue;
    const candidates = byPrefix.get(prefixOf(pkg)) ?? [];
    const zip = candidates.find((name) => name.endsWith(`-${suffixOf(artefact, cache)}.zip`));
    const digest = zip === undefined ? null : await digestOf(join(cache.folder, zip), cache.within);
    if (digest !== null) digests.set(pkg.purl, [digest]);
  }
  return digests;
}

const prefixOf = ({ name, version }: LockedPackage): string => `${name.replace("/", "-")}-npm-${version}`;

const suffixOf = ({ digest, cacheKey }: Artefact, { local }: YarnCache): string =>
  local ? (digest?.hex ?? "").slice(0, 10) : (cacheKey ?? "");

async function digestOf(path: string, within: string | null): Promise<Digest | null> {
  const read = await readBounded(path, zipBytes, within);
  if (read.state !== "found") return null;
  return { algorithm: "sha512", hex: createHash("sha512").update(read.bytes).digest("hex") };
}
