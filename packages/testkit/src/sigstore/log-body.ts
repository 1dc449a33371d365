import { base64, sha256 } from "../encoding/hash.ts";
import type { LogBody } from "./transparency-log.ts";
import { toPem } from "./key.ts";

/** Whoever the log says signed: a certificate or a bare key, DER. */
export type EntryVerifier = { certificate: Buffer } | { spki: Buffer };

export type Envelope = {
  payload: string;
  payloadType: string;
  signatures: { sig: string; keyid?: string }[];
};

const pemOf = (verifier: EntryVerifier): string =>
  "certificate" in verifier ? toPem("CERTIFICATE", verifier.certificate) : toPem("PUBLIC KEY", verifier.spki);
const base64Pem = (verifier: EntryVerifier): string => base64(Buffer.from(pemOf(verifier)));

const v2Verifier = (verifier: EntryVerifier): Record<string, unknown> => ({
  keyDetails: "PKIX_ECDSA_P256_SHA_256",
  ...("certificate" in verifier
    ? { x509Certificate: { rawBytes: base64(verifier.certificate) } }
    : { publicKey: { rawBytes: base64(verifier.spki) } }),
});

const payloadOf = (envelope: Envelope): Buffer => Buffer.from(envelope.payload, "base64");
const hexHash = (bytes: Uint8Array): { algorithm: "sha256"; value: string } => ({
  algorithm: "sha256",
  value: sha256(bytes).toString("hex"),
});

/** Rekor v1 `dsse` 0.0.1. */
export const dsseV1 = (envelope: Envelope, verifier: EntryVerifier): LogBody => ({
  apiVersion: "0.0.1",
  kind: "dsse",
  spec: {
    envelopeHash: hexHash(Buffer.from(JSON.stringify(envelope))),
    payloadHash: hexHash(payloadOf(envelope)),
    signatures: envelope.signatures.map(({ sig }) => ({ signature: sig, verifier: base64Pem(verifier) })),
  },
});

/** Rekor v1 `intoto` 0.0.2: signatures and keys are encoded twice. */
export const intotoV1 = (envelope: Envelope, verifier: EntryVerifier): LogBody => ({
  apiVersion: "0.0.2",
  kind: "intoto",
  spec: {
    content: {
      envelope: {
        payloadType: envelope.payloadType,
        signatures: envelope.signatures.map(({ sig, keyid }) => ({
          sig: base64(Buffer.from(sig)),
          publicKey: base64Pem(verifier),
          ...(keyid === undefined || keyid === "" ? {} : { keyid }),
        })),
      },
      hash: hexHash(Buffer.from(JSON.stringify(envelope))),
      payloadHash: hexHash(payloadOf(envelope)),
    },
  },
});

/** Rekor v1 `hashedrekord` 0.0.1. */
export const hashedrekordV1 = (digest: Buffer, signature: Buffer, verifier: EntryVerifier): LogBody => ({
  apiVersion: "0.0.1",
  kind: "hashedrekord",
  spec: {
    data: { hash: { algorithm: "sha256", value: digest.toString("hex") } },
    signature: { content: base64(signature), publicKey: { content: base64Pem(verifier) } },
  },
});

/** Rekor v2 `dsse` 0.0.2. */
export const dsseV2 = (envelope: Envelope, verifier: EntryVerifier): LogBody => ({
  apiVersion: "0.0.2",
  kind: "dsse",
  spec: {
    dsseV002: {
      payloadHash: { algorithm: "SHA2_256", digest: base64(sha256(payloadOf(envelope))) },
      signatures: envelope.signatures.map(({ sig }) => ({ content: sig, verifier: v2Verifier(verifier) })),
    },
  },
});

/** Rekor v2 `hashedrekord` 0.0.2. */
export const hashedrekordV2 = (digest: Buffer, signature: Buffer, verifier: EntryVerifier): LogBody => ({
  apiVersion: "0.0.2",
  kind: "hashedrekord",
  spec: {
    hashedRekordV002: {
      data: { algorithm: "SHA2_256", digest: base64(digest) },
      signature: { content: base64(signature), verifier: v2Verifier(verifier) },
    },
  },
});
