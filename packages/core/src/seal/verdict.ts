import type { Code } from "../codes.ts";
import type { Finding } from "../finding.ts";
import type { Instant } from "../instant.ts";
import type { SealAlgorithm, SealKind, SealStatement } from "./claim.ts";

/** In the order in which they are checked: nothing of a payload is read before its signature holds. */
export const sealChecks = [
  "signature",
  "payload-type",
  "statement",
  "predicate",
  "subject",
  "repository",
  "ref",
  "signer",
  "closure",
  "time",
  "revocation",
  "policy",
] as const;
export type SealCheck = (typeof sealChecks)[number];

/** One check of a seal. After the first that fails the others are `skipped`. */
export type SealClaim = {
  name: SealCheck;
  status: "pass" | "fail" | "skipped";
  code?: Code;
  expected?: string;
  actual?: string;
};

/** What came of one seal file. */
export type SealVerdict = {
  /** Path of the file, from the project. */
  file: string;
  outcome: "verified" | "failed";
  /** Why it counts for nothing; null when it counts. */
  code: Code | null;
  detail: string | null;
  kind: SealKind | null;
  /** null unless the signature is one of the trust store's keys or identities. */
  signer: { id: string; keyid: string; algorithm: SealAlgorithm } | null;
  issuedAt: Instant | null;
  /** When it stops counting: of a judged summary the earlier of its own word and the policy's `maxAge`. */
  expires: Instant | null;
  /** A log's or timestamp authority's word; null for plain keys. */
  trustedTime: { at: Instant; source: "log" | "tsa" } | null;
  claims: readonly SealClaim[];
  /** null unless the signature holds and the payload could be read. */
  statement: SealStatement | null;
};

/** What the seals of one lockfile come to under a policy. */
export type SealJudgement = {
  verdicts: readonly SealVerdict[];
  /** Ids of signers whose approval counts, each once. */
  approvals: readonly string[];
  /** The summary that replaces the evidence; null: the evidence itself is checked. */
  summary: SealVerdict | null;
  /** A missing approval blocks; why no summary counts, and seals that count for nothing, are notes. */
  findings: readonly Finding[];
};
