import {
  digestFromHex,
  formatDigest,
  notAsked,
  readNpmAttestations,
  readProvenance,
  sameDigest,
  type AttestationDocument,
  type Budget,
  type Digest,
  type Evidence,
  type Listing,
  type RegistrySignature,
  type Seen,
} from "@countersign/core";
import type { StoredEvidence, StoreEntry, StoreKey } from "../store/evidence-store.ts";
import { isBindable } from "../tarball/binding.ts";
import type { Answer, Question } from "./question.ts";

/** What the store holds of a listing: the parts that a verdict uses, and whether attestations were listed. */
type StoredListing = {
  digests: string[];
  file: string | null;
  yanked: string | null;
  repository: string | null;
  attestations: boolean | null;
  host: string | null;
};

export const storeKeyOf = ({ pkg, artefact, origin }: Question): StoreKey | null =>
  artefact.digest === null
    ? null
    : {
        purl: pkg.purl,
        file: artefact.file ?? "",
        digest: formatDigest(artefact.digest),
        registry: origin.registry,
      };

/** The rows to keep of an answer: only what was found, and no listing that contradicts the lock. */
export function toEntries(
  question: Question,
  { evidence, attestationText, attestationsListed, fileHost }: Answer,
  now: number,
): StoreEntry[] {
  const key = storeKeyOf(question);
  const locked = question.artefact.digest;
  if (key === null || locked === null) return [];
  const entries: StoreEntry[] = [];
  const { binding, listing, signatures, attestations, published } = evidence;
  const bound = binding.state === "found" ? binding.value : locked;
  if (listing.state === "found" && listing.value.digests.some((digest) => sameDigest(digest, bound))) {
    const stored: StoredListing = {
      ...listing.value,
      digests: listing.value.digests.map(formatDigest),
      attestations: attestationsListed,
      host: fileHost,
    };
    entries.push({ key, kind: "listing", value: JSON.stringify(stored), origin: listing.origin, at: now });
  }
  if (signatures.state === "found")
    entries.push({
      key,
      kind: "signatures",
      value: JSON.stringify(signatures.value),
      origin: signatures.origin,
      at: now,
    });
  if (attestations.state === "found" && attestationText !== null) {
    entries.push({ key, kind: "attestations", value: attestationText, origin: attestations.origin, at: now });
  }
  if (published.state === "found")
    entries.push({
      key,
      kind: "published",
      value: String(published.value),
      origin: published.origin,
      at: now,
    });
  return entries;
}

/**
 * The row that spares later runs a tarball: which one was converted to exactly the locked digest. A conversion always
 * gives the same, so what was once compared here holds for as long as the directory is the user's own.
 */
export function bindingEntry(question: Question, binding: Evidence["binding"], now: number): StoreEntry[] {
  const key = storeKeyOf(question);
  if (key === null || binding.state !== "found") return [];
  return [{ key, kind: "binding", value: formatDigest(binding.value), origin: binding.origin, at: now }];
}

/**
 * Evidence from the store, or null where the question needs more than is stored. Rows are as hostile as any
 * answer: what cannot be read is as if it were not there.
 */
export function fromStore(question: Question, stored: StoredEvidence, budget: Budget): Evidence | null {
  const { needs } = question;
  const evidence = restore(question, stored, budget);
  const { listing, signatures, attestations, published } = evidence;
  if (needs.listing && listing.state !== "found") return null;
  if (needs.signatures && signatures.state !== "found") return null;
  if (needs.attestations === "required" && attestations.state !== "found") return null;
  if (needs.attestations === "if-listed" && attestations.state !== "found" && listedBefore(stored))
    return null;
  const timed = published.state === "found" || attestations.state === "found";
  const expiring =
    signatures.state === "found" && signatures.value.some(({ keyid }) => question.needsTime(keyid));
  if ((needs.published && published.state !== "found") || (expiring && !timed)) return null;
  const found = <T>(seen: Seen<T>): Seen<T> => (seen.state === "found" ? seen : notAsked);
  return {
    ...evidence,
    listing: found(listing),
    signatures: found(signatures),
    attestations: found(attestations),
    published: found(published),
  };
}

/** Whatever the store holds of an artefact, however little: what an offline run has to go by. */
export function restore(
  { pkg, artefact, origin }: Question,
  stored: StoredEvidence,
  budget: Budget,
): Evidence {
  const missing: Seen<never> = {
    state: "unavailable",
    code: "evidence/offline",
    detail: "not in the evidence store",
  };
  const read = <T>(
    entry: { value: string; origin: string } | undefined,
    parse: (text: string) => T | null,
  ): Seen<T> => {
    const value = entry === undefined ? null : parse(entry.value);
    return value === null || entry === undefined
      ? missing
      : { state: "found", value, origin: `store (${entry.origin})` };
  };
  const python = pkg.source.kind === "registry" && pkg.source.ecosystem !== "npm";
  return {
    registry: origin.voice,
    binding: isBindable(artefact) ? read(stored.binding, parseDigest) : notAsked,
    listing: read(stored.listing, readListing),
    signatures: python ? notAsked : read(stored.signatures, readSignatures),
    attestations: read(stored.attestations, (text) => readDocument(text, python, budget)),
    published: read(stored.published, (text) => (/^\d{1,15}$/.test(text) ? Number(text) : null)),
  };
}

/** The file host that the stored listing named. */
export const storedFileHost = (stored: StoredEvidence): string | null =>
  stored.listing === undefined ? null : (parseListing(stored.listing.value)?.host ?? null);

const listedBefore = (stored: StoredEvidence): boolean => {
  const listing = stored.listing === undefined ? null : parseListing(stored.listing.value);
  return listing?.attestations === true;
};

function readDocument(text: string, python: boolean, budget: Budget): AttestationDocument | null {
  const read = python ? readProvenance(text, budget) : readNpmAttestations(text, budget);
  return read.state === "found" ? read.document : null;
}

function readListing(text: string): Listing | null {
  const listing = parseListing(text);
  if (listing === null) return null;
  const digests = listing.digests.map(parseDigest).filter((digest) => digest !== null);
  return { digests, file: listing.file, yanked: listing.yanked, repository: listing.repository };
}

function parseListing(text: string): StoredListing | null {
  const value = parseObject(text);
  if (value === null || !Array.isArray(value["digests"]) || value["digests"].length > 8) return null;
  const field = (key: string): string | null => (typeof value[key] === "string" ? value[key] : null);
  return {
    digests: value["digests"].filter((each): each is string => typeof each === "string"),
    file: field("file"),
    yanked: field("yanked"),
    repository: field("repository"),
    host: field("host"),
    attestations: typeof value["attestations"] === "boolean" ? value["attestations"] : null,
  };
}

function parseDigest(text: string): Digest | null {
  const colon = text.indexOf(":");
  return digestFromHex(text.slice(0, Math.max(colon, 0)), text.slice(colon + 1));
}

function readSignatures(text: string): readonly RegistrySignature[] | null {
  const value = parseJsonText(text);
  if (!Array.isArray(value) || value.length === 0 || value.length > 64) return null;
  const signatures: RegistrySignature[] = [];
  for (const each of value as unknown[]) {
    const { keyid, sig } = (each ?? {}) as { keyid?: unknown; sig?: unknown };
    if (typeof keyid !== "string" || typeof sig !== "string") return null;
    signatures.push({ keyid, sig });
  }
  return signatures;
}

function parseObject(text: string): Record<string, unknown> | null {
  const value = parseJsonText(text);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
