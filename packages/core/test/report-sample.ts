import { createHash } from "node:crypto";
import type { Code } from "../src/codes.ts";
import { digestFromHex, type Digest } from "../src/digest.ts";
import { noEvidence } from "../src/evidence/evidence.ts";
import type { Finding } from "../src/finding.ts";
import { noMarkers, type LockedPackage, type PackageSet } from "../src/lockfile/package-set.ts";
import type { Decision, DecisionOutcome } from "../src/policy/decision.ts";
import type { Mode } from "../src/policy/policy.ts";
import { formatPurl } from "../src/purl.ts";
import { buildReport, type ReportParts } from "../src/report/build-report.ts";
import type { Report } from "../src/report/report.ts";
import type { Verdict } from "../src/verify/verdict.ts";

export const now: number = 1_795_000_000_000;
export const digestOf = (text: string): Digest =>
  digestFromHex("sha512", createHash("sha512").update(text).digest("hex")) as Digest;
export const purlOf = (name: string): string => formatPurl({ ecosystem: "npm", name, version: "1.0.0" });

export function packageOf(name: string, line: number, requires: readonly string[] = []): LockedPackage {
  const at = { path: "package-lock.json", line, column: 5 };
  return {
    purl: purlOf(name),
    name,
    version: "1.0.0",
    source: { kind: "registry", ecosystem: "npm", registry: null },
    artefacts: [{ form: "tarball", file: null, url: null, digest: digestOf(name), at }],
    aliases: [],
    requires: requires.map((as) => ({ as, purl: purlOf(as) })),
    markers: noMarkers,
    at,
  };
}

export function setOf(packages: readonly LockedPackage[], path = "package-lock.json"): PackageSet {
  const digest = digestFromHex("sha256", "ab".repeat(32)) as Digest;
  return {
    lockfile: { path, format: "package-lock", formatVersion: "3", digest },
    setDigest: digest,
    packages,
    problems: [],
  };
}

export function verdictOf(name: string, change: Partial<Verdict> = {}): Verdict {
  return {
    purl: purlOf(name),
    artefact: digestOf(name),
    file: null,
    at: { path: "package-lock.json", line: 1, column: 1 },
    registry: "https://npm.acme.example/",
    outcome: "verified",
    level: "signed",
    identity: null,
    slsaBuild: 0,
    time: "unsigned",
    published: { at: now - 86_400_000, source: "unsigned" },
    claims: [{ name: "registry-signature", status: "pass" }],
    attestations: [],
    ...change,
  };
}

export function findingOf(code: Code, name: string | null, change: Partial<Finding> = {}): Finding {
  return {
    code,
    effect: "block",
    ...(name === null ? {} : { purl: purlOf(name), digest: digestOf(name) }),
    at: { path: "package-lock.json", line: 12, column: 3 },
    why: "The signature is over other bytes than the locked ones: the lockfile or the mirror was changed.",
    fix: name === null ? "npm install" : `npm install ${name}@1.0.0`,
    requiredBy: "require[0] of .countersign/policy.yaml",
    ...change,
  };
}

export function decisionOf(
  mode: Mode,
  strict: DecisionOutcome,
  findings: readonly Finding[],
  verdicts: readonly Verdict[] = [],
): Decision {
  const counts = {
    byLevel: { unlocked: 0, locked: 0, signed: 0, provenance: 0 },
    byOutcome: { verified: 0, unverified: 0, refused: 0, unknown: 0 },
  };
  for (const { level, outcome } of verdicts) {
    counts.byLevel[level] += 1;
    counts.byOutcome[outcome] += 1;
  }
  return {
    mode,
    outcome: mode === "strict" ? strict : "allow",
    strict,
    findings,
    counts,
  };
}

/** A lockfile of which no policy demands seals. */
export const unsealed = { seals: null, claim: null } as const;

export function partsOf(change: Partial<ReportParts> = {}): ReportParts {
  return {
    version: "0.1.0",
    now,
    enforcement: "command",
    platform: "all",
    policy: {
      mode: "strict",
      layers: [{ kind: "head", path: ".countersign/policy.yaml" }],
      builtIn: false,
      trust: { maxAge: 90 * 86_400_000, sct: 1, log: 1, time: 1, roots: [] },
    },
    lockfiles: [],
    refused: [],
    findings: [],
    registries: [],
    evidence: [noEvidence],
    root: { source: "TUF cache", updated: now - 3 * 86_400_000, stale: false },
    requests: 7,
    ...change,
  };
}

/** A report on packages `a` to `e`, of which `a` requires `b` and so on, with these findings. */
export function sampleReport(findings: readonly Finding[], change: Partial<ReportParts> = {}): Report {
  const names = ["a", "b", "c", "d", "e"];
  const set = setOf(
    names.map((name, index) => packageOf(name, 10 + index, names.slice(index + 1, index + 2))),
  );
  const parts = partsOf(change);
  const verdicts = names.map((name) => verdictOf(name));
  const blocks = findings.some(({ effect }) => effect === "block");
  const decision = decisionOf(parts.policy.mode, blocks ? "block" : "allow", findings, verdicts);
  return buildReport({
    ...parts,
    lockfiles: [{ ...unsealed, set, verdicts, decision }],
  });
}
