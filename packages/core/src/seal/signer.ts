import type { SealAlgorithm } from "./claim.ts";

/** What a signer proves its key with, besides the signature. */
export type SignatureMaterial =
  /** A key of the trust store, by its id. */
  | { kind: "key"; keyid: string }
  /** An SSHSIG blob is the signature; it names its own public key. */
  | { kind: "ssh"; keyid: string }
  | { kind: "hmac"; keyid: string }
  /** A whole Sigstore bundle v0.3 made over the same payload: certificate, log entries, timestamps. */
  | { kind: "sigstore"; bundle: unknown };

export type Signed = {
  /** Raw signature: 64 bytes (Ed25519), ASN.1 DER (P-256), the SSHSIG blob, or 32 bytes (HMAC-SHA256). */
  signature: Uint8Array;
  material: SignatureMaterial;
};

/**
 * Whoever can sign the pre-authentication encoding of a seal (DSSE v1). What it returns is checked with the public
 * key of the trust store before anything is written, so a signer is never trusted to be right.
 */
export type Signer = {
  /** For messages: a file's name, `ssh-agent`, `awskms:///alias/release`. */
  readonly name: string;
  readonly algorithm: SealAlgorithm;
  /** Id under which the trust store knows the key; for keyless signers "". */
  keyid(): Promise<string>;
  /**
   * @param pae the bytes to sign (`DSSEv1 …`), unhashed
   * @param payload what the encoding is of, for signers that build a bundle themselves
   * @throws SignerError where the key is locked, refused or out of reach
   */
  sign(pae: Uint8Array, payload: { type: string; bytes: Uint8Array }): Promise<Signed>;
};
