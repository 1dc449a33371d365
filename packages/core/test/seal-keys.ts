import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { sealTypes } from "../src/seal/claim.ts";
import { pae } from "../src/seal/dsse.ts";
import { curveOf, type PublicKeyAlgorithm, type PublicSealKey } from "../src/seal/public-key.ts";
import { formatSealDocument, readSealDocument, type SealDocument } from "../src/seal/seal-document.ts";
import { hmacSealKey, sealKeyOf } from "../src/seal/seal-key.ts";
import type { SealTrust } from "../src/seal/seal-signature.ts";
import type { Signed } from "../src/seal/signer.ts";
import { isFido, sshKeyBlob, sshTypeOf } from "../src/seal/ssh-key.ts";
import { sshString, sshUint32 } from "../src/seal/ssh-wire.ts";
import { formatSshSignature, sshSignedData, type SshHash } from "../src/seal/sshsig.ts";
import type { KeylessIdentity, SealKey, SealSigner } from "../src/seal/trust-root.ts";

/** A key that can make seals, with its private half. */
export type SealKeyPair = { key: PublicSealKey; privateKey: KeyObject };

export function sealKeyPair(algorithm: PublicKeyAlgorithm): SealKeyPair {
  const pair =
    curveOf(algorithm) === "Ed25519"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const read = sealKeyOf(algorithm, pair.publicKey, isFido(algorithm) ? "ssh:" : null);
  if (!read.ok) throw new Error(read.detail);
  return { key: read.key, privateKey: pair.privateKey };
}

export function hmacKey(variable: string, secret: Uint8Array): SealKey {
  const read = hmacSealKey(variable, secret);
  if (!read.ok) throw new Error(read.detail);
  return read.key;
}

export const signerOf = (
  id: string,
  keys: readonly SealKey[],
  identities: readonly KeylessIdentity[] = [],
): SealSigner => ({
  id,
  keys,
  identities,
  predicates: ["approval", "summary"],
  paths: ["**"],
  refs: [],
  validFrom: null,
  validTo: null,
  verifierId: null,
});

export const trustOf = (
  signers: readonly SealSigner[],
  others: Partial<Pick<SealTrust, "secrets" | "bundles">> = {},
): SealTrust => ({
  root: {
    version: 1,
    expires: Date.UTC(2030, 0, 1),
    digest: { algorithm: "sha256", hex: "00".repeat(32) },
    repository: null,
    signers,
    revoked: [],
    notBefore: new Map(),
    root: { keyids: [], threshold: 1 },
  },
  secrets: new Map(),
  bundles: null,
  ...others,
});

/** What an attacker could have an honest key, or their own, sign instead. */
export type SshVariation = {
  namespace?: string;
  hash?: SshHash;
  /** The key that the blob names. */
  embedded?: PublicSealKey;
  flags?: number;
  /** The application that a FIDO key signs for. */
  application?: string;
};

/** An SSHSIG blob as `ssh-keygen -Y sign` and, of FIDO keys, an authenticator would make it. */
export function sshSeal(pair: SealKeyPair, message: Uint8Array, variation: SshVariation = {}): Buffer {
  const { namespace = sealTypes.sshNamespace, hash = "sha512", embedded = pair.key } = variation;
  const data = sshSignedData(namespace, hash, message);
  const signature = wireSignature(pair, data, variation);
  return formatSshSignature({ publicKey: sshKeyBlob(embedded), namespace, hash, signature });
}

function wireSignature({ key, privateKey }: SealKeyPair, data: Buffer, variation: SshVariation): Buffer {
  const type = sshString(sshTypeOf(key.algorithm) ?? "");
  if (!isFido(key.algorithm)) return Buffer.concat([type, sshString(rawSignature(privateKey, data))]);
  const proof = Buffer.concat([Buffer.of(variation.flags ?? 1), sshUint32(77)]);
  const application = variation.application ?? key.application ?? "";
  const signed = Buffer.concat([sha256(Buffer.from(application)), proof, sha256(data)]);
  return Buffer.concat([type, sshString(rawSignature(privateKey, signed)), proof]);
}

/** 64 bytes of Ed25519; of P-256 two mpints (RFC 5656 §3.1.2). */
export function rawSignature(privateKey: KeyObject, data: Uint8Array): Buffer {
  if (privateKey.asymmetricKeyType === "ed25519") return sign(null, data, privateKey);
  const p1363 = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([mpint(p1363.subarray(0, 32)), mpint(p1363.subarray(32))]);
}

export function mpint(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first === -1 ? bytes.length : first);
  return sshString((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits);
}

export const statement: Buffer = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');

/** A signature over the statement (or other bytes) as a signer returns it. */
export function signedBy(
  pair: SealKeyPair,
  payload: Uint8Array = statement,
  type: string = sealTypes.payload,
): Signed {
  const { key, privateKey } = pair;
  const { keyid } = key;
  const message = pae(type, payload);
  if (sshTypeOf(key.algorithm) !== null)
    return { signature: sshSeal(pair, message), material: { kind: "ssh", keyid } };
  const hash = key.algorithm === "ed25519" ? null : "sha256";
  return { signature: sign(hash, message, privateKey), material: { kind: "key", keyid } };
}

/** The document as it is read back from its file. */
export function documentOf(
  signed: Signed,
  payload: Uint8Array = statement,
  type: string = sealTypes.payload,
): SealDocument {
  const read = readSealDocument(Buffer.from(formatSealDocument(type, payload, signed)));
  if (!read.ok) throw new Error(read.detail);
  return read.value;
}

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();
