import { Buffer } from "node:buffer";
import type { KeyObject } from "node:crypto";
import { p256, p384, p521 } from "@noble/curves/nist.js";

type Curve = typeof p256;

const curves: ReadonlyMap<unknown, Curve> = new Map<unknown, Curve>([
  ["P-256", p256],
  ["P-384", p384],
  ["P-521", p521],
]);

/**
 * Verifies an ECDSA signature (DER) of which only the message's digest is known (FIPS 186-5 §6.4.2). `node:crypto`
 * always hashes by itself, so it cannot.
 * @returns null where the digest is not enough: Ed25519 signs the message itself, RSA is not supported
 */
export function verifyPrehashed(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean | null {
  if (key.asymmetricKeyType !== "ec") return null;
  const { crv, x, y } = key.export({ format: "jwk" });
  const curve = curves.get(crv);
  if (curve === undefined || typeof x !== "string" || typeof y !== "string") return null;
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  try {
    return curve.verify(signature, digest, point, { prehash: false, lowS: false, format: "der" });
  } catch {
    // A signature that is not DER.
    return false;
  }
}
