import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { ed25519PointProblem } from "./ed25519-point.ts";
import type { SealKey } from "./trust-root.ts";

/** A seal key that is a public key: everything but HMAC. */
export type PublicSealKey = Exclude<SealKey, { algorithm: "hmac-sha256" }>;
export type PublicKeyAlgorithm = PublicSealKey["algorithm"];
export type Curve = "Ed25519" | "P-256";

export type SealKeyResult<Key extends SealKey = SealKey> =
  | { ok: true; key: Key }
  | { ok: false; detail: string };

/** SubjectPublicKeyInfo up to the point itself (RFC 8410 §4; RFC 5480 §2, uncompressed). */
const spkiPrefix: Record<Curve, Buffer> = {
  Ed25519: Buffer.from("302a300506032b6570032100", "hex"),
  "P-256": Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
};

export const curveOf = (algorithm: PublicKeyAlgorithm): Curve =>
  algorithm.endsWith("ed25519") ? "Ed25519" : "P-256";

/**
 * The key of a point: 32 bytes of Ed25519 (RFC 8032 §5.1.2), 65 bytes of P-256 (SEC 1 §2.3.3, uncompressed). Points
 * come from whoever proposes a key: one of small order verifies signatures that nobody made, and one that has
 * several encodings has several ids. `node:crypto` takes both.
 * @returns why it is no key to sign with
 */
export function publicKeyOf(curve: Curve, point: Uint8Array): KeyObject | string {
  const problem = curve === "Ed25519" ? ed25519PointProblem(point) : p256Problem(point);
  if (problem !== null) return problem;
  try {
    // Here OpenSSL refuses a P-256 point that is not on the curve.
    const der = Buffer.concat([spkiPrefix[curve], point]);
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return `the point is not on ${curve}`;
  }
}

const p256Problem = (point: Uint8Array): string | null =>
  point.length === 65 && point[0] === 4 ? null : "a P-256 key is an uncompressed point of 65 bytes";

/** The point of a key in the form that {@link publicKeyOf} takes; null where it is on another curve. */
export function pointOf(curve: Curve, key: KeyObject): Buffer | null {
  if (key.asymmetricKeyType !== (curve === "Ed25519" ? "ed25519" : "ec")) return null;
  try {
    const { crv, x, y } = key.export({ format: "jwk" });
    if (crv !== curve || x === undefined) return null;
    const parts = curve === "Ed25519" ? [decode(x)] : [Buffer.of(4), decode(x), decode(y ?? "")];
    return Buffer.concat(parts);
  } catch {
    // A curve that has no name in JWK.
    return null;
  }
}

/** The point inside a SubjectPublicKeyInfo of exactly our form; null for any other key. */
export function pointOfSpki(curve: Curve, der: Buffer): Buffer | null {
  const prefix = spkiPrefix[curve];
  return der.subarray(0, prefix.length).equals(prefix) ? der.subarray(prefix.length) : null;
}

const decode = (text: string): Buffer => Buffer.from(text, "base64url");
