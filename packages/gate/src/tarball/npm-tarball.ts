import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip as gunzipCallback } from "node:zlib";
import {
  digestFromHex,
  formatDigest,
  sameDigest,
  type Artefact,
  type Digest,
  type LockedPackage,
  type Seen,
} from "@countersign/core";
import { unavailable } from "../evidence/question.ts";
import type { Client } from "../registry/client.ts";
import { defaultTarballLimits, freeBytes, type TarballLimits } from "./limits.ts";
import { readTar, type TarEntry } from "./tar-archive.ts";

const gunzip = promisify(gunzipCallback);

export type Missing = Extract<Seen<never>, { state: "unavailable" }>;
/** Bytes of which every expected digest holds; `digest` is the strongest of them. */
export type Tarball = { bytes: Uint8Array; digest: Digest };
export type Unpacked = { state: "found"; tar: Uint8Array } | Missing;
export type Listed = { state: "found"; entries: readonly TarEntry[] } | Missing;

/**
 * Where a manager would fetch a package's tarball: the address that the lockfile gives, else the one under which npm
 * registries serve it. Never one out of a registry's document.
 * @param registry normalised, with a trailing slash
 * @returns null where the lockfile's own address is none to fetch from (a patch, a file)
 */
export function tarballAddress(
  { name, version }: LockedPackage,
  { url }: Artefact,
  registry: string,
): string | null {
  if (url !== null) return /^https?:\/\//i.test(url) ? url : null;
  const base = name.slice(name.lastIndexOf("/") + 1);
  return `${registry}${name}/-/${base}-${encodeURIComponent(version).replaceAll("%2B", "+")}.tgz`;
}

/**
 * Fetches a tarball and compares it with every digest it is expected to have. The client refuses hosts that neither
 * configuration nor policy names.
 * @param expected what the lockfile or the registry's listing gives; without any nothing is fetched
 */
export async function fetchTarball(
  client: Client,
  url: string,
  expected: readonly Digest[],
  limits: TarballLimits = defaultTarballLimits,
): Promise<Seen<Tarball>> {
  if (expected.length === 0)
    return { state: "unavailable", code: "listing/unavailable", detail: "no strong digest is listed" };
  const fetched = await client.get({
    url,
    accept: "*/*",
    maximumBytes: limits.compressedBytes,
  });
  if (fetched.state !== "body") return unavailable(fetched);
  const { body } = fetched;
  for (const digest of expected) {
    const actual = digestOf(body, digest.algorithm);
    if (sameDigest(actual, digest)) continue;
    const detail = `the registry serves ${formatDigest(actual)} instead of ${formatDigest(digest)}`;
    return { state: "unavailable", code: "listing/mismatch", detail };
  }
  const digest = expected.toSorted((a, b) => b.hex.length - a.hex.length)[0] as Digest;
  return { state: "found", value: { bytes: body, digest }, origin: url };
}

/** Unpacks gzip within the bounds; anything else that an extractor may accept is not a registry's tarball. */
export async function unpack(
  tarball: Uint8Array,
  limits: TarballLimits = defaultTarballLimits,
): Promise<Unpacked> {
  if (tarball[0] !== 0x1f || tarball[1] !== 0x8b) return unreadable("not gzip");
  const maximum = Math.min(limits.unpackedBytes, Math.max(freeBytes, tarball.byteLength * limits.ratio));
  try {
    const tar = await gunzip(tarball, { maxOutputLength: maximum });
    // Extractors unpack twice, or as something else, when they see another magic number.
    if (tar[0] === 0x1f && tar[1] === 0x8b) return unreadable("gzip inside gzip");
    return { state: "found", tar };
  } catch (error) {
    if (!isCoded(error)) throw error;
    if (error.code === "ERR_BUFFER_TOO_LARGE") return tooLarge(`unpacks to more than ${maximum} bytes`);
    return unreadable(error.code);
  }
}

/** Unpacks and lists what a tarball holds. */
export async function listTarball(
  tarball: Uint8Array,
  limits: TarballLimits = defaultTarballLimits,
): Promise<Listed> {
  const unpacked = await unpack(tarball, limits);
  if (unpacked.state !== "found") return unpacked;
  const read = readTar(unpacked.tar, limits.entries);
  if (read.ok) return { state: "found", entries: read.entries };
  return read.problem === "entries" ? tooLarge(read.detail) : unreadable(read.detail);
}

/**
 * The path that an extractor which drops the first segment writes a member to: `package/lib/a.js` → `lib/a.js`.
 * Dot segments are resolved; absolute paths and those that climb are not written anywhere.
 * @returns null for what is not written
 */
export function strippedPath(path: string): string | null {
  const segments = path.split("/");
  if (path.startsWith("/") || segments.includes("..")) return null;
  const kept = segments.filter((segment) => segment !== "" && segment !== ".").slice(1);
  return kept.length === 0 ? null : kept.join("/");
}

export function digestOf(bytes: Uint8Array, algorithm: Digest["algorithm"]): Digest {
  return digestFromHex(algorithm, createHash(algorithm).update(bytes).digest("hex")) as Digest;
}

const unreadable = (detail: string): Missing => ({
  state: "unavailable",
  code: "evidence/malformed",
  detail: `the tarball: ${detail}`,
});
const tooLarge = (detail: string): Missing => ({
  state: "unavailable",
  code: "evidence/too-large",
  detail: `the tarball ${detail}`,
});
const isCoded = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && "code" in error && typeof error.code === "string";
