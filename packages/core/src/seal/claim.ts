import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { LockFormat } from "../lockfile/package-set.ts";
import type { Level } from "../verify/verdict.ts";

/** The two claims that a seal can make. */
export type SealKind = "approval" | "summary";
export const sealKinds: readonly SealKind[] = ["approval", "summary"];

/** Every type URI of seals. They name what they stand for and are never fetched. */
export const sealTypes = {
  payload: "application/vnd.in-toto+json",
  statement: "https://in-toto.io/Statement/v1",
  approval: "https://countersign.dev/lockfile-approval/v1",
  /** SLSA Verification Summary Attestation v1. */
  summary: "https://slsa.dev/verification_summary/v1",
  /** Name of the lockfile extension inside a summary: extension fields of a VSA are URIs. */
  extension: "https://countersign.dev/lockfile/v1",
  /** Namespace of SSH signatures: domain separation from git's and everyone else's. */
  sshNamespace: "lockfile@countersign",
} as const;

/** What a seal is about: one lockfile's bytes after {@link sealedBytes}, under its path in the repository. */
export type SealSubject = {
  /** Repository-relative, POSIX. */
  path: string;
  /** Always sha256. */
  digest: Digest;
};

/** One file of the closure. `digest` is sha256 over {@link closureBytes}. */
export type Resource = { name: string; digest: Digest };

/**
 * How a signature is made. It is the trust store's word alone: an envelope that says otherwise is not believed.
 * `sshsig-sk-*` are FIDO keys.
 */
export type SealAlgorithm = (typeof sealAlgorithms)[number];
export const sealAlgorithms = [
  "ed25519",
  "ecdsa-p256-sha256",
  "sshsig-ed25519",
  "sshsig-ecdsa-p256",
  "sshsig-sk-ed25519",
  "sshsig-sk-ecdsa-p256",
  "hmac-sha256",
  "sigstore-keyless",
] as const;

/** What both claims say of a lockfile and of whoever signed it. Everything here is signed. */
export type LockfileClaim = {
  format: LockFormat;
  formatVersion: string;
  packages: number;
  setDigest: Digest;
  /** Sorted by name, each name once. */
  resources: readonly Resource[];
  signer: { id: string; keyid: string; algorithm: SealAlgorithm };
  issuedAt: Instant;
  /** null: does not expire. Summaries always do. */
  expires: Instant | null;
  /** Normalised address of the repository. */
  repository: string | null;
  /** The ref that the lockfile is meant for. */
  ref: string | null;
  /** Full commit id that the change is based on: a seal cannot name the commit that contains it. */
  baseCommit: string | null;
  /** Of the merged policy: see policyDigest. */
  policy: Digest;
  /** Of the root of the trust store that named the signer when it signed; null without one. */
  trust: Digest | null;
  /** Of the verdicts that were passed on: one digest over their sorted rows. */
  evidence: Digest | null;
  /** Packages at each level. */
  levels: Readonly<Record<Level, number>>;
  tool: { name: string; version: string };
};

/** What one seal states, once its payload is read. */
export type SealStatement = {
  kind: SealKind;
  subject: SealSubject;
  claim: LockfileClaim;
  /** Of a summary: who verified, when, and of what. */
  verifier: { id: string; at: Instant; resource: string; passed: boolean } | null;
};
