import type { Buffer } from "node:buffer";
import { createHash, verify, type KeyObject } from "node:crypto";
import { dsse } from "@sigstore/core";
import type { SignedEntity } from "@sigstore/verify";
import type { ReadBundle } from "./bundle-reader.ts";
import { verifyPrehashed } from "./prehashed.ts";

type SignatureContent = SignedEntity["signature"];

/** What a bundle signs, as the engine wants it: compared with log entries, then verified. */
export const signedContent = (content: ReadBundle["content"]): SignatureContent =>
  content.kind === "dsse" ? new EnvelopeContent(content) : new DigestContent(content);

/** DSSE v1: the signature is over the pre-authentication encoding, log entries name the payload's digest. */
class EnvelopeContent implements SignatureContent {
  readonly signature: Buffer;
  readonly #payload: Buffer;
  readonly #encoded: Buffer;

  constructor({ payloadType, payload, signature }: Extract<ReadBundle["content"], { kind: "dsse" }>) {
    this.signature = signature;
    this.#payload = payload;
    this.#encoded = dsse.preAuthEncoding(payloadType, payload);
  }

  compareSignature(signature: Buffer): boolean {
    return this.signature.equals(signature);
  }

  compareDigest(digest: Buffer): boolean {
    return sha256(this.#payload).equals(digest);
  }

  compareSignedDigest(digest: Buffer): boolean {
    return sha256(this.#encoded).equals(digest);
  }

  verifySignature(key: KeyObject): boolean {
    return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", this.#encoded, key, this.signature);
  }
}

/** A signature over a file that is known by its digest alone. */
class DigestContent implements SignatureContent {
  readonly signature: Buffer;
  readonly #digest: Buffer;

  constructor({ digest, signature }: Extract<ReadBundle["content"], { kind: "message" }>) {
    this.signature = signature;
    this.#digest = digest;
  }

  compareSignature(signature: Buffer): boolean {
    return this.signature.equals(signature);
  }

  compareDigest(digest: Buffer): boolean {
    return this.#digest.equals(digest);
  }

  compareSignedDigest(digest: Buffer): boolean {
    return this.#digest.equals(digest);
  }

  verifySignature(key: KeyObject): boolean {
    return verifyPrehashed(key, this.#digest, this.signature) === true;
  }
}

const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
