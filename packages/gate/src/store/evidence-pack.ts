import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  formatInstant,
  parseInstant,
  parseJson,
  startOf,
  type Finding,
  type Instant,
} from "@countersign/core";
import { storedKinds, type StoreEntry, type StoredKind } from "./evidence-store.ts";

/** Everything that verifies one lockfile without a network, save the sigstore root: trust never comes in a pack. */
export type EvidencePack = {
  schema: "countersign/evidence-pack/1";
  lockfile: { path: string; digest: string };
  createdAt: Instant;
  entries: readonly StoreEntry[];
};

export type PackResult = { ok: true; pack: EvidencePack; sha256: string } | { ok: false; finding: Finding };

/** Bounds of a pack: compressed and decoded bytes, rows, and bytes of one row's value. */
export const packLimits: { bytes: number; decodedBytes: number; entries: number; valueBytes: number } = {
  bytes: 256 * 1024 * 1024,
  decodedBytes: 1024 * 1024 * 1024,
  entries: 1_000_000,
  valueBytes: 8 * 1024 * 1024,
};

/**
 * Evidence that carries its own proof. Only this is taken from a pack whose digest nobody vouched for: a listing
 * or a publish time is the registry's unsigned word, and anybody could have written it into the file.
 */
const provesItself: ReadonlySet<StoredKind> = new Set(["signatures", "attestations"]);

/** The pack as bytes: gzip over JSON with sorted rows, so that the same evidence gives the same file. */
export function writePack(pack: EvidencePack): Uint8Array {
  const entries = pack.entries
    .map(
      ({ key, kind, value, origin, at }) =>
        [key.purl, key.file, key.digest, key.registry, kind, value, origin, at] as const,
    )
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const body = {
    schema: pack.schema,
    lockfile: pack.lockfile,
    createdAt: formatInstant(pack.createdAt),
    entries,
  };
  return gzipSync(`${JSON.stringify(body)}\n`, { level: 9 });
}

/** Reads a pack strictly: a row that is not of its shape refuses the file. */
export function readPack(path: string, bytes: Uint8Array): PackResult {
  const malformed = (why: string): PackResult => ({
    ok: false,
    finding: {
      code: "evidence/pack-malformed",
      effect: "block",
      at: startOf(path),
      why: `The evidence pack cannot be read: ${why}.`,
      fix: "Make it again with countersign evidence pack.",
    },
  });
  if (bytes.byteLength > packLimits.bytes) return malformed("it is too large");
  const text = decode(bytes);
  if (text === null) return malformed("it is not gzip, or decodes to too much");
  const parsed = parseJson(text, 8);
  if (!parsed.ok) return malformed(`its JSON has a ${parsed.problem.reason} problem`);
  const { schema, lockfile, createdAt, entries } = (parsed.value ?? {}) as Record<string, unknown>;
  const { path: lockPath, digest } = (lockfile ?? {}) as Record<string, unknown>;
  const at = typeof createdAt === "string" ? parseInstant(createdAt) : null;
  if (schema !== "countersign/evidence-pack/1") return malformed("its schema is unknown");
  if (typeof lockPath !== "string" || typeof digest !== "string" || at === null)
    return malformed("it names no lockfile");
  if (!Array.isArray(entries) || entries.length > packLimits.entries)
    return malformed("its entries are not a bounded list");
  const read = (entries as unknown[]).map(readEntry);
  if (read.includes(null)) return malformed("an entry is not of its shape");
  return {
    ok: true,
    pack: {
      schema,
      lockfile: { path: lockPath, digest },
      createdAt: at,
      entries: read.filter((entry) => entry !== null),
    },
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

/**
 * The rows of a pack that may enter the store.
 * @param vouchedFor whether the person gave the digest of this very file
 */
export function acceptableEntries(pack: EvidencePack, vouchedFor: boolean): readonly StoreEntry[] {
  return vouchedFor ? pack.entries : pack.entries.filter(({ kind }) => provesItself.has(kind));
}

function readEntry(value: unknown): StoreEntry | null {
  if (!Array.isArray(value) || value.length !== 8) return null;
  const [purl, file, digest, registry, kind, text, origin, at] = value as unknown[];
  const known = storedKinds.find((each) => each === kind);
  const strings = [purl, file, digest, registry, text, origin].every((each) => typeof each === "string");
  if (known === undefined || !strings || typeof at !== "number" || !Number.isSafeInteger(at)) return null;
  if ((text as string).length > packLimits.valueBytes) return null;
  const key = {
    purl: purl as string,
    file: file as string,
    digest: digest as string,
    registry: registry as string,
  };
  return { key, kind: known, value: text as string, origin: origin as string, at };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: packLimits.decodedBytes }).toString("utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
