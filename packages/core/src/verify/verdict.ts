import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { Position } from "../position.ts";
import type { Identity } from "./identity.ts";

/** `refused`: evidence contradicts. `unverified`: honestly absent. `unknown`: could not be had. */
export type Outcome = "verified" | "unverified" | "refused" | "unknown";

/** How much stands behind an artefact, weakest first. */
export type Level = "unlocked" | "locked" | "signed" | "provenance";
export const levels: readonly Level[] = ["unlocked", "locked", "signed", "provenance"];

/** Where a trusted or untrusted time came from. */
export type TimeSource = "log" | "tsa" | "unsigned" | "none";

export type ClaimName = "digest" | "source" | "listing" | "registry-signature" | "attestation" | "provenance";

/** One check. `skipped` always carries the code that says why: absent, unavailable or not asked. */
export type Claim = {
  name: ClaimName;
  status: "pass" | "fail" | "skipped";
  code?: Code;
  expected?: string;
  actual?: string;
};

/** What came of one attestation of a document, in the document's order. */
export type AttestationVerdict = {
  index: number;
  predicateType: string | null;
  /** First subject as the statement names it. */
  subject: string | null;
  outcome: Outcome;
  code: Code | null;
  detail: string | null;
  /** provenance: a builder's keyless attestation; publish: the registry's or index's; other: earns nothing. */
  role: "provenance" | "publish" | "other";
  identity: Identity | null;
  /** Hint of the key, for keyed bundles. */
  keyid: string | null;
  slsaBuild: 0 | 1 | 2 | 3;
  logTime: Instant | null;
  logIndex: string | null;
  time: TimeSource;
  /** Individual checks for `--json` and `explain`; a check that had nothing to compare is `skipped`. */
  checks: readonly {
    name: "signature" | "statement" | "subject" | "digest" | "identity";
    status: "pass" | "fail" | "skipped";
    code?: Code;
  }[];
};

/** All that was found out about one artefact, without regard to any requirement. */
export type Verdict = {
  purl: string;
  artefact: Digest | null;
  file: string | null;
  at: Position;
  registry: string | null;
  /** refused if anything contradicts; else verified if `level` is at least locked; else unverified or unknown. */
  outcome: Outcome;
  level: Level;
  /** Identity behind `provenance`; null below that level. */
  identity: Identity | null;
  slsaBuild: 0 | 1 | 2 | 3;
  time: TimeSource;
  /** Best known publish time and where it came from. */
  published: { at: Instant; source: "log" | "tsa" | "unsigned" } | null;
  claims: readonly Claim[];
  attestations: readonly AttestationVerdict[];
};
