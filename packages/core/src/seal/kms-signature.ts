import { Buffer } from "node:buffer";
import { createHash, createPublicKey, verify, type JsonWebKey, type KeyObject } from "node:crypto";
import { kmsFailure } from "./kms-failure.ts";
import { sealKeyOf } from "./seal-key.ts";
import type { Signer } from "./signer.ts";

/** What keys of key management services sign with: no RSA, no other curve. */
export type KmsAlgorithm = "ed25519" | "ecdsa-p256-sha256";

export type KmsOptions = {
  /** Ends what is under way; for the lifetime of the signer. */
  signal?: AbortSignal;
  /** For one operation, its retries included; {@link kmsLimits} where not given. */
  timeoutMs?: number;
  /** The environment, for services without an SDK of their own; the process's where not given. */
  variables?: Readonly<Record<string, string | undefined>>;
};

export type KmsSigner = Signer & {
  /** As the service gave it when the signer was opened. It is trusted by whoever adds it to a trust store, not before. */
  publicKey(): Promise<KeyObject>;
};

/** A public key in one of the forms in which services give it. */
export type KmsKeyForm =
  | { form: "spki"; der: Uint8Array }
  | { form: "pem"; pem: string }
  | { form: "jwk"; jwk: JsonWebKey }
  /** Ed25519, 32 bytes (RFC 8032 §5.1.5). */
  | { form: "raw-ed25519"; bytes: Uint8Array };

export type KmsKey = { key: KeyObject; algorithm: KmsAlgorithm; keyid: string };

/** What is sent: the digest where the algorithm hashes first, the message itself for Ed25519 (which hashes twice). */
export type KmsMessage =
  | { algorithm: "ecdsa-p256-sha256"; digest: Buffer }
  | { algorithm: "ed25519"; data: Uint8Array };

/** Reads a service's answer to "what is the public key?": a P-256 or Ed25519 key fit for seals, else why not. */
export function readKmsKey(form: KmsKeyForm): { ok: true; key: KmsKey } | { ok: false; detail: string } {
  let key: KeyObject;
  try {
    key = publicKeyOf(form);
  } catch {
    return { ok: false, detail: "the public key cannot be read" };
  }
  const algorithm = algorithmOf(key);
  if (algorithm === null)
    return { ok: false, detail: `the key is ${describeKey(key)}, and seals take P-256 and Ed25519` };
  const seal = sealKeyOf(algorithm, key);
  if (!seal.ok) return { ok: false, detail: seal.detail };
  return { ok: true, key: { key: seal.key.key, algorithm, keyid: seal.key.keyid } };
}

/**
 * The signer around a service's key. Whatever the service returns is verified with the key that the signer was opened
 * with: a rotated key, a wrong algorithm and a tampered answer all end here.
 *
 * @param parts.sign asks the service; returns ASN.1 DER (P-256) or 64 bytes (Ed25519)
 */
export function createKmsSigner(parts: {
  service: string;
  uri: string;
  key: KmsKey;
  sign(message: KmsMessage): Promise<Uint8Array>;
}): KmsSigner {
  const { key, algorithm, keyid } = parts.key;
  return {
    name: parts.uri,
    algorithm,
    keyid: () => Promise.resolve(keyid),
    publicKey: () => Promise.resolve(key),
    async sign(pae) {
      const message: KmsMessage =
        algorithm === "ed25519"
          ? { algorithm, data: pae }
          : { algorithm, digest: createHash("sha256").update(pae).digest() };
      const signature = await parts.sign(message);
      if (!verifyKmsSignature(parts.key, pae, signature))
        throw kmsFailure(
          { service: parts.service, key: parts.uri, operation: "sign" },
          {
            kind: "refused",
            detail: "the signature does not verify with the public key that the service gave before",
            fix: "if the key was rotated, run the command again and add the new key to the trust store",
          },
        );
      return { signature, material: { kind: "key", keyid } };
    },
  };
}

/** DER (P-256) or 64 bytes (Ed25519), over the unhashed message. */
export function verifyKmsSignature(key: KmsKey, pae: Uint8Array, signature: Uint8Array): boolean {
  try {
    return key.algorithm === "ed25519"
      ? verify(null, pae, key.key, signature)
      : verify("sha256", pae, { key: key.key, dsaEncoding: "der" }, signature);
  } catch {
    return false;
  }
}

/** ECDSA-Sig-Value (RFC 3279 §2.2.3) of `r ‖ s` as IEEE P1363 has it; null unless it is 64 bytes, those of P-256. */
export function derSignature(p1363: Uint8Array): Buffer | null {
  if (p1363.length !== 64) return null;
  const body = Buffer.concat([derInteger(p1363.subarray(0, 32)), derInteger(p1363.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

function derInteger(unsigned: Uint8Array): Buffer {
  let start = 0;
  while (start < unsigned.length - 1 && unsigned[start] === 0) start++;
  const digits = unsigned.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.of(0x02, sign.length + digits.length, ...sign), digits]);
}

function publicKeyOf(form: KmsKeyForm): KeyObject {
  switch (form.form) {
    case "spki":
      return createPublicKey({ key: Buffer.from(form.der), format: "der", type: "spki" });
    case "pem":
      // Else Node would take the public half of a private key, or of a certificate.
      if (!/^-----BEGIN PUBLIC KEY-----\r?\n/.test(form.pem)) throw new TypeError("not SPKI");
      return createPublicKey({ key: form.pem, format: "pem" });
    case "jwk":
      return createPublicKey({ key: form.jwk, format: "jwk" });
    case "raw-ed25519":
      return createPublicKey({
        key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(form.bytes).toString("base64url") },
        format: "jwk",
      });
  }
}

function algorithmOf(key: KeyObject): KmsAlgorithm | null {
  if (key.asymmetricKeyType === "ed25519") return "ed25519";
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1"
    ? "ecdsa-p256-sha256"
    : null;
}

const describeKey = (key: KeyObject): string =>
  key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "of no known kind";
