import type { KeyObject } from "node:crypto";
import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { SealAlgorithm, SealKind } from "./claim.ts";

/** A key that can make seals. HMAC secrets are never in the trust store: it names the variable that holds one. */
export type SealKey = {
  /** Lower-case hex; see keyidOf. */
  keyid: string;
} & (
  | {
      algorithm: Exclude<SealAlgorithm, "hmac-sha256" | "sigstore-keyless">;
      key: KeyObject;
      /** Of FIDO keys: the application they were made for, `ssh:`. */
      application: string | null;
    }
  | { algorithm: "hmac-sha256"; variable: string }
);

/** A certificate's identity, compared whole; `*` in `san` spans one path segment. Ids, where given, must match too. */
export type KeylessIdentity = {
  issuer: string;
  san: string;
  repositoryId: string | null;
  ownerId: string | null;
};

/** Who may sign what, for which lockfiles and refs, and when. */
export type SealSigner = {
  id: string;
  keys: readonly SealKey[];
  identities: readonly KeylessIdentity[];
  predicates: readonly SealKind[];
  /** Globs over repository-relative lockfile paths. */
  paths: readonly string[];
  /** Globs over full ref names; [] any, and claims without a ref too. */
  refs: readonly string[];
  validFrom: Instant | null;
  /** From this moment on what it signs counts for nothing. */
  validTo: Instant | null;
  /** Summaries of this signer must name this verifier. */
  verifierId: string | null;
};

export type Revocation = {
  /** A key's id, or the id of a signer as a whole. */
  keyid: string | null;
  signer: string | null;
  since: Instant;
  /** `superseded`: what has trusted time before `since` still counts. `compromised`: nothing does. */
  reason: "superseded" | "compromised";
};

/** One version of the trust store (TUF root form), its signatures verified. */
export type TrustRoot = {
  version: number;
  expires: Instant;
  /** sha256 of the signed part in OLPC canonical JSON: what two people compare. */
  digest: Digest;
  /** Normalised address of the repository whose lockfiles its signers approve; null: not bound to one. */
  repository: string | null;
  signers: readonly SealSigner[];
  revoked: readonly Revocation[];
  /** By lockfile path: seals issued before it count for nothing. */
  notBefore: ReadonlyMap<string, Instant>;
  /** Ids of the keys that sign the next version, and how many must. */
  root: { keyids: readonly string[]; threshold: number };
};
