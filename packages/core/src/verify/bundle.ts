import type { X509Certificate } from "@sigstore/core";
import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { RegistryKey } from "./trust.ts";

/** What a bundle must be checked with besides the sigstore root. */
export type BundleContext = {
  /** Keys that a `publicKey` bundle's hint may name (npm publish attestations, managed keys); only those of usage `npm:attestations` count. */
  keys: readonly RegistryKey[];
  /** Digests of the artefact, one of them required by message-signature bundles; DSSE bundles bind by their subject. */
  digests: readonly Digest[];
};

/** What stands in a bundle whose signatures, certificate, log entries and times all verified. */
export type VerifiedBundle = {
  content: { kind: "dsse"; payloadType: string; payload: Uint8Array } | { kind: "message"; digest: Digest };
  signer: { kind: "certificate"; certificate: X509Certificate } | { kind: "key"; keyid: string };
  /** Earliest trusted time. */
  time: { at: Instant; source: "log" | "tsa" } | null;
  logTime: Instant | null;
  logIndex: string | null;
};

export type BundleResult = { ok: true; value: VerifiedBundle } | { ok: false; code: Code; detail: string };

/**
 * Verifies the signature, certificate chain, SCTs, log entries and timestamps of one Sigstore bundle (any of
 * v0.1–v0.3 as protobuf-JSON). Total: whatever the bundle holds, the answer is a value; nothing is thrown.
 */
export type BundleVerifier = {
  /** Names engine, version and trust-root digest: part of every cache key. */
  readonly id: string;
  verify(bundle: unknown, context: BundleContext): BundleResult;
};
