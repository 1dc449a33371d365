import type { Code } from "../codes.ts";
import { kindOf } from "../codes.ts";
import { formatDigest } from "../digest.ts";
import type { Evidence } from "../evidence/evidence.ts";
import type { Finding } from "../finding.ts";
import { formatInstant, type Instant } from "../instant.ts";
import type { LockFormat, PackageSet } from "../lockfile/package-set.ts";
import type { Decision, DecisionOutcome } from "../policy/decision.ts";
import { foldDecisions } from "../policy/decide.ts";
import type { Policy } from "../policy/policy.ts";
import type { LockfileClaim } from "../seal/claim.ts";
import type { SealJudgement } from "../seal/verdict.ts";
import type { Verdict } from "../verify/verdict.ts";
import { chainsOf, type Chain } from "./chains.ts";
import { count } from "./count.ts";
import { countEvidence } from "./evidence-counts.ts";
import { reportFinding, reportSeal, reportVerdict } from "./reported.ts";
import type {
  Enforcement,
  LockfileReport,
  RegistryOffer,
  RegistrySummary,
  Report,
  ReportedFinding,
  RootReport,
} from "./report.ts";

/** A lockfile that was decided on. */
export type DecidedLockfile = {
  /** Its packages are empty where a claim stands for them and nobody parsed the lockfile. */
  set: PackageSet;
  verdicts: readonly Verdict[];
  decision: Decision;
  /** What its seals came to; null where nothing demanded them. */
  seals: SealJudgement | null;
  /** Of the summary that replaced the evidence; null where the evidence was checked. */
  claim: LockfileClaim | null;
};
/** A lockfile that its reader refused as a whole. */
export type RefusedLockfile = { path: string; format: LockFormat; findings: readonly Finding[] };

export type ReportParts = {
  /** Version of the tool. */
  version: string;
  now: Instant;
  enforcement: Enforcement;
  platform: "current" | "all";
  policy: Pick<Policy, "mode" | "layers" | "builtIn" | "trust">;
  lockfiles: readonly DecidedLockfile[];
  refused: readonly RefusedLockfile[];
  /** What belongs to no lockfile: discovery, settings, policy files, the root. May repeat what a decision says. */
  findings: readonly Finding[];
  registries: readonly RegistryOffer[];
  evidence: Iterable<Evidence>;
  /** `stale` as whoever loaded the root judged it by the policy's `trust.maxAge`. */
  root: { source: string; updated: Instant | null; stale: boolean } | null;
  requests: number;
};

const day = 86_400_000;
const worst: readonly DecisionOutcome[] = ["block", "incomplete"];

/** Puts the report together; decides nothing that is not decided already, but for the findings of the project itself. */
export function buildReport(parts: ReportParts): Report {
  const { mode } = parts.policy;
  const [first, ...rest] = parts.lockfiles.map(({ decision }) => decision);
  const decision = first === undefined ? null : foldDecisions(first, ...rest);
  const loose = [...parts.findings, ...parts.refused.flatMap(({ findings }) => findings)];
  const strict = fold([decision?.strict ?? "allow", strictOutcome(loose)]);
  const outcome = fold([decision?.outcome ?? "allow", outcomeOf(loose, mode)]);
  const findings = collect(parts, decision);
  const stopped = findings.some(({ code }) => isStopping(code));
  return {
    schema: "countersign/report/1",
    tool: { name: "countersign", version: parts.version },
    at: formatInstant(parts.now),
    enforcement: parts.enforcement,
    platform: parts.platform,
    decision: stopped ? { mode, outcome: "incomplete", strict: "incomplete" } : { mode, outcome, strict },
    lockfiles: [
      ...parts.lockfiles.map(reportLockfile),
      ...parts.refused.map((file) => refusedLockfile(file, mode)),
    ],
    registries: parts.registries.map((offer) => summarise(offer, parts.lockfiles)),
    evidence: countEvidence(parts.evidence),
    root: reportRoot(parts),
    policy: {
      layers: parts.policy.layers.map(({ kind, path }) => ({ kind, path })),
      builtIn: parts.policy.builtIn,
    },
    counts: count(parts.lockfiles, decision, findings),
    requests: parts.requests,
    findings,
  };
}

/** What strict mode makes of findings: anything that contradicts blocks; where evidence is only missing, incomplete. */
export function strictOutcome(findings: readonly Finding[]): DecisionOutcome {
  return fold(
    findings.map(({ code, effect }) =>
      effect !== "block" ? "allow" : kindOf(code) === "unknown" ? "incomplete" : "block",
    ),
  );
}

/** `warn` lets everything pass but a layer that loosens a higher one; `disabled` decides nothing. */
function outcomeOf(findings: readonly Finding[], mode: Policy["mode"]): DecisionOutcome {
  if (mode === "strict") return strictOutcome(findings);
  if (mode === "disabled") return "allow";
  return strictOutcome(findings.filter(({ code }) => code === "policy/loosens"));
}

/** With such a finding nothing was decided, whatever the mode: the policy is not understood, or there is nothing to verify. */
export const isStopping = (code: Code): boolean =>
  code === "policy/malformed" || code === "policy/unreadable" || code === "lockfile/not-found";

const fold = (outcomes: readonly DecisionOutcome[]): DecisionOutcome =>
  worst.find((outcome) => outcomes.includes(outcome)) ?? "allow";

function collect(parts: ReportParts, decision: Decision | null): ReportedFinding[] {
  const found = new Map<string, Finding>();
  const refused = parts.refused.flatMap(({ findings }) => findings);
  for (const finding of [...parts.findings, ...refused, ...(decision?.findings ?? [])]) {
    const { code, effect, purl, at, why } = finding;
    const key = JSON.stringify([code, effect, purl ?? null, at.path, at.line, at.column, why]);
    if (!found.has(key)) found.set(key, finding);
  }
  const chainOf = chainLookup(parts.lockfiles.map(({ set }) => set));
  return [...found.values()].map((finding) => reportFinding(finding, chainOf(finding)));
}

/** The way to a finding's package, in the lockfile that the finding is about, else in the first that has one. */
function chainLookup(sets: readonly PackageSet[]): (finding: Finding) => Chain | null {
  const built = new Map<PackageSet, (purl: string) => Chain | null>();
  return ({ purl, at }) => {
    if (purl === undefined) return null;
    const own = sets.filter(({ lockfile }) => lockfile.path === at.path);
    for (const set of own.length > 0 ? own : sets) {
      const chainOf = built.get(set) ?? chainsOf(set);
      built.set(set, chainOf);
      const chain = chainOf(purl);
      if (chain !== null) return chain;
    }
    return null;
  };
}

function reportLockfile({ set, verdicts, decision, seals, claim }: DecidedLockfile): LockfileReport {
  return {
    path: set.lockfile.path,
    format: set.lockfile.format,
    formatVersion: set.lockfile.formatVersion,
    digest: formatDigest(set.lockfile.digest),
    setDigest: formatDigest(set.setDigest),
    outcome: decision.outcome,
    evidence: claim === null ? "checked" : "summary",
    packages: claim?.packages ?? set.packages.length,
    artefacts: set.packages.reduce((sum, { artefacts }) => sum + artefacts.length, 0),
    approvals: seals?.approvals ?? [],
    seals: (seals?.verdicts ?? []).map(reportSeal),
    verdicts: verdicts.map(reportVerdict),
  };
}

function refusedLockfile({ path, format, findings }: RefusedLockfile, mode: Policy["mode"]): LockfileReport {
  const outcome = outcomeOf(findings, mode);
  return {
    path,
    format,
    formatVersion: null,
    digest: null,
    setDigest: null,
    outcome,
    evidence: "checked",
    packages: 0,
    artefacts: 0,
    approvals: [],
    seals: [],
    verdicts: [],
  };
}

function summarise(offer: RegistryOffer, lockfiles: readonly DecidedLockfile[]): RegistrySummary {
  const packages = new Set<string>();
  const atLocked = new Set<string>();
  const below = new Set<string>();
  for (const { verdicts } of lockfiles) {
    for (const { purl, registry, level } of verdicts) {
      if (registry !== offer.registry) continue;
      packages.add(purl);
      if (level === "locked") atLocked.add(purl);
      if (level === "unlocked") below.add(purl);
    }
  }
  const locked = [...atLocked].filter((purl) => !below.has(purl)).length;
  return { ...offer, packages: packages.size, locked };
}

function reportRoot({ root, now, policy }: ReportParts): RootReport | null {
  if (root === null) return null;
  const maxAgeDays = Math.floor(policy.trust.maxAge / day);
  const { source, updated, stale } = root;
  if (updated === null) return { source, updated, ageDays: null, maxAgeDays, stale };
  const ageDays = Math.max(0, Math.floor((now - updated) / day));
  return { source, updated: formatInstant(updated), ageDays, maxAgeDays, stale };
}
