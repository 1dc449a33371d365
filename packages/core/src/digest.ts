import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/**
 * Digests strong enough to bind an artefact. Hex is lower case and of the algorithm's length; build one with
 * {@link digestFromHex} or {@link parseIntegrity}, which check both.
 */
export type Digest = { algorithm: DigestAlgorithm; hex: string };
export type DigestAlgorithm = "sha256" | "sha384" | "sha512";

/** Why a digest string binds nothing. */
export type DigestProblem =
  | "artefact/digest-missing"
  | "artefact/digest-weak"
  | "artefact/digest-several"
  | "artefact/digest-malformed";
export type DigestResult = { ok: true; digest: Digest } | { ok: false; code: DigestProblem; detail: string };

const bytesOf: Record<DigestAlgorithm, number> = { sha256: 32, sha384: 48, sha512: 64 };
const strength: readonly DigestAlgorithm[] = ["sha512", "sha384", "sha256"];
const weak: ReadonlySet<string> = new Set(["md5", "sha1", "sha224"]);

const isStrong = (algorithm: string): algorithm is DigestAlgorithm => Object.hasOwn(bytesOf, algorithm);

/** A digest from its hex form; null when the algorithm is weak or unknown or the length or alphabet is wrong. */
export function digestFromHex(algorithm: string, hex: string): Digest | null {
  if (!isStrong(algorithm)) return null;
  const lower = hex.toLowerCase();
  return lower.length === bytesOf[algorithm] * 2 && /^[0-9a-f]+$/.test(lower)
    ? { algorithm, hex: lower }
    : null;
}

export const sha256Of = (content: Uint8Array | string): Digest => ({
  algorithm: "sha256",
  hex: createHash("sha256").update(content).digest("hex"),
});

/**
 * Reads one `algorithm:hex` hash (uv.lock, PEP 751, requirements files).
 * @param text for example `sha256:4f5e…`
 */
export function parseHash(text: string): DigestResult {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (text === "") return { ok: false, code: "artefact/digest-missing", detail: "empty" };
  if (weak.has(algorithm)) return { ok: false, code: "artefact/digest-weak", detail: algorithm };
  const digest = digestFromHex(algorithm, text.slice(colon + 1));
  return digest === null
    ? { ok: false, code: "artefact/digest-malformed", detail: text.slice(0, 160) }
    : { ok: true, digest };
}

/**
 * Reads a Subresource Integrity string (W3C SRI §3.5) as a lockfile carries it. Managers install whichever of
 * several digests matches, so more than one distinct digest of the strongest algorithm is refused; options
 * (`?…`), unknown algorithms and base64 that is not canonical are malformed.
 */
export function parseIntegrity(text: string): DigestResult {
  const single = parseSingle(text);
  if (single !== null) return { ok: true, digest: single };
  const parts = text.split(/[ \t\r\n]+/).filter((part) => part !== "");
  if (parts.length === 0) return { ok: false, code: "artefact/digest-missing", detail: "empty" };
  const found = new Map<string, Set<string>>();
  for (const part of parts) {
    const dash = part.indexOf("-");
    const algorithm = part.slice(0, Math.max(dash, 0));
    if (weak.has(algorithm)) {
      found.set(algorithm, new Set());
      continue;
    }
    if (!isStrong(algorithm))
      return { ok: false, code: "artefact/digest-malformed", detail: part.slice(0, 160) };
    const hex = canonicalBase64ToHex(algorithm, part.slice(dash + 1));
    if (hex === null) return { ok: false, code: "artefact/digest-malformed", detail: part.slice(0, 160) };
    const set = found.get(algorithm) ?? new Set<string>();
    found.set(algorithm, set.add(hex));
  }
  const strongest = strength.find((algorithm) => found.has(algorithm));
  if (strongest === undefined)
    return { ok: false, code: "artefact/digest-weak", detail: [...found.keys()].join(", ") };
  const candidates = [...(found.get(strongest) as Set<string>)];
  if (candidates.length > 1) {
    return { ok: false, code: "artefact/digest-several", detail: `${candidates.length} × ${strongest}` };
  }
  return { ok: true, digest: { algorithm: strongest, hex: candidates[0] as string } };
}

/** One strong digest and nothing else, which is what nearly every entry of a lockfile has. */
function parseSingle(text: string): Digest | null {
  const dash = text.indexOf("-");
  const algorithm = text.slice(0, Math.max(dash, 0));
  const hex = isStrong(algorithm) ? canonicalBase64ToHex(algorithm, text.slice(dash + 1)) : null;
  return hex === null ? null : { algorithm: algorithm as DigestAlgorithm, hex };
}

/** The digest as a Subresource Integrity string, `sha512-…` in base64: what npm registries sign. */
export function toIntegrity(digest: Digest): string {
  return `${digest.algorithm}-${hexToBase64(digest.hex)}`;
}

/** `sha512:abc…`, as policies, exceptions and reports write a digest. */
export const formatDigest = (digest: Digest): string => `${digest.algorithm}:${digest.hex}`;

export const sameDigest = (a: Digest, b: Digest): boolean => a.algorithm === b.algorithm && a.hex === b.hex;

/** Base64 of the right length whose last character has no bits beyond the digest (RFC 4648 §3.5). */
const canonicalBase64: Record<DigestAlgorithm, RegExp> = {
  sha256: /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
  sha384: /^[A-Za-z0-9+/]{64}$/,
  sha512: /^[A-Za-z0-9+/]{85}[AQgw]==$/,
};

const canonicalBase64ToHex = (algorithm: DigestAlgorithm, text: string): string | null =>
  canonicalBase64[algorithm].test(text) ? Buffer.from(text, "base64").toString("hex") : null;

const hexToBase64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
