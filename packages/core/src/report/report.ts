import type { Code, CodeKind } from "../codes.ts";
import type { Effect } from "../finding.ts";
import type { LockFormat } from "../lockfile/package-set.ts";
import type { DecisionOutcome } from "../policy/decision.ts";
import type { LayerKind, Mode } from "../policy/policy.ts";
import type { Position } from "../position.ts";
import type { Ecosystem } from "../purl.ts";
import type { SealAlgorithm, SealKind } from "../seal/claim.ts";
import type { SealClaim } from "../seal/verdict.ts";
import type { Identity } from "../verify/identity.ts";
import type { AttestationVerdict, Claim, Level, Outcome, TimeSource } from "../verify/verdict.ts";
import type { Chain } from "./chains.ts";
import type { Status } from "./status.ts";

/**
 * How far this run reaches: a hook can be removed by the change it checks, a wrapper or CI cannot, a plain
 * command stops nothing.
 */
export type Enforcement = "hook" | "wrapper" | "ci" | "command";

export type Offer = "offered" | "none" | "not asked" | "unavailable";

/** What one registry offered in this run, as whoever asked it saw it. */
export type RegistryOffer = {
  registry: string;
  ecosystem: Ecosystem;
  signatures: Offer;
  attestations: Offer;
};

/** The offer with what it means: how many packages come from there, and how many of them no proof lifts above `locked`. */
export type RegistrySummary = RegistryOffer & { packages: number; locked: number };

/** How many artefacts have one kind of evidence from one source; `origin` is null unless found or absent. */
export type EvidenceCount = {
  kind: "listing" | "signatures" | "attestations";
  state: "found" | "absent" | "unavailable" | "not asked";
  origin: string | null;
  artefacts: number;
};

/** An {@link AttestationVerdict} with its time in RFC 3339. */
export type ReportedAttestation = Omit<AttestationVerdict, "logTime"> & { logTime: string | null };

/** A verdict as plain JSON: digests as `sha512:…`, times in RFC 3339, and the one-word status. */
export type ReportedVerdict = {
  purl: string;
  artefact: string | null;
  file: string | null;
  at: Position;
  registry: string | null;
  status: Status;
  outcome: Outcome;
  level: Level;
  identity: Identity | null;
  slsaBuild: 0 | 1 | 2 | 3;
  time: TimeSource;
  published: { at: string; source: "log" | "tsa" | "unsigned" } | null;
  claims: readonly Claim[];
  attestations: readonly ReportedAttestation[];
};

/** A finding as plain JSON, with its code's kind and the dependants that bring the package in. */
export type ReportedFinding = {
  code: Code;
  kind: CodeKind;
  effect: Effect;
  purl: string | null;
  digest: string | null;
  at: Position;
  why: string;
  fix: string;
  requiredBy: string | null;
  exception: string | null;
  /** Shortest way from a root of the lockfile to the package; null when the finding names no locked package. */
  chain: Chain | null;
};

export type LockfileReport = {
  path: string;
  format: LockFormat;
  /** null, as the three after it, when the file was refused as a whole. */
  formatVersion: string | null;
  /** `sha256:…` over the bytes. */
  digest: string | null;
  setDigest: string | null;
  outcome: DecisionOutcome;
  /** `summary`: a sealed summary replaced it, so there are no verdicts and no artefacts are counted. */
  evidence: "checked" | "summary";
  packages: number;
  artefacts: number;
  /** Ids of the signers whose approval counts. */
  approvals: readonly string[];
  /** Every seal of these bytes, whether it counts or not; [] where nothing demands seals. */
  seals: readonly ReportedSeal[];
  verdicts: readonly ReportedVerdict[];
};

/** What came of one seal, with its times in RFC 3339. */
export type ReportedSeal = {
  file: string;
  kind: SealKind | null;
  outcome: "verified" | "failed";
  code: Code | null;
  detail: string | null;
  /** null unless the signature is a trusted signer's. */
  signer: { id: string; keyid: string; algorithm: SealAlgorithm } | null;
  issuedAt: string | null;
  /** When it stops counting: of a summary the earlier of its own word and the policy's `maxAge`. */
  expires: string | null;
  /** A log's or timestamp authority's word; null for plain keys. */
  trustedTime: { at: string; source: "log" | "tsa" } | null;
  claims: readonly SealClaim[];
};

/** Packages, each counted once per lockfile at the worst of its artefacts. */
export type ReportCounts = {
  packages: number;
  artefacts: number;
  /** Packages without an artefact: workspaces and other local sources. */
  local: number;
  /** Packages with a blocking finding; `unchecked` are those for which nothing worse than missing evidence was found. */
  failed: number;
  unchecked: number;
  byLevel: Readonly<Record<Level, number>>;
  byOutcome: Readonly<Record<Outcome, number>>;
  byStatus: Readonly<Record<Status, number>>;
};

export type RootReport = {
  source: string;
  /** RFC 3339; null when the root carries no date. */
  updated: string | null;
  ageDays: number | null;
  maxAgeDays: number;
  stale: boolean;
};

/** Versioned data; `schema/report-1.json` is its published JSON schema. Renderers only format it. */
export type Report = {
  schema: "countersign/report/1";
  tool: { name: "countersign"; version: string };
  /** RFC 3339. */
  at: string;
  enforcement: Enforcement;
  platform: "current" | "all";
  /** The worst of all lockfiles and of the project's own findings; `strict` is what strict mode would decide. */
  decision: { mode: Mode; outcome: DecisionOutcome; strict: DecisionOutcome };
  lockfiles: readonly LockfileReport[];
  registries: readonly RegistrySummary[];
  evidence: readonly EvidenceCount[];
  root: RootReport | null;
  policy: { layers: readonly { kind: LayerKind; path: string }[]; builtIn: boolean };
  counts: ReportCounts;
  /** Requests sent to any server in this run. */
  requests: number;
  findings: readonly ReportedFinding[];
};
