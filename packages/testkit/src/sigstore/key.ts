import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { sha256 } from "../encoding/hash.ts";

/** A private key with what the formats around it need. Signatures are DER for ECDSA, raw for Ed25519. */
export type SigningKey = {
  curve: "P-256" | "P-384" | "Ed25519";
  publicKey: KeyObject;
  privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer;
  /** SHA-256 of the SubjectPublicKeyInfo: RFC 6962 log id, Rekor log id. */
  id: Buffer;
  sign(data: Uint8Array): Buffer;
};

const hashOf = { "P-256": "sha256", "P-384": "sha384", Ed25519: null } as const;

export function createSigningKey(
  curve: SigningKey["curve"],
  hash: "sha256" | "sha384" | null = hashOf[curve],
): SigningKey {
  const { publicKey, privateKey } =
    curve === "Ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: curve });
  const spki = publicKey.export({ type: "spki", format: "der" });
  return {
    curve,
    publicKey,
    privateKey,
    spki,
    id: sha256(spki),
    sign: (data) => sign(hash, data, privateKey),
  };
}

export const toPem = (label: "CERTIFICATE" | "PUBLIC KEY", der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
};

/** SubjectPublicKeyInfo of a PEM public key. */
export const spkiOfPem = (pem: string): Buffer =>
  createPublicKey(pem).export({ type: "spki", format: "der" });
