import { formatInstant, type Instant } from "../instant.ts";
import type { LockedPackage, LockFormat, PackageSet, Source } from "../lockfile/package-set.ts";
import type { Decision } from "../policy/decision.ts";
import type { Exception, Requirement } from "../policy/policy.ts";
import type { Position } from "../position.ts";
import type { Verdict } from "../verify/verdict.ts";
import { chainsOf, type Chain } from "./chains.ts";
import type { ReportedFinding, ReportedVerdict } from "./report.ts";
import { reportFinding, reportVerdict } from "./reported.ts";

/** Everything known about one locked package, as plain JSON. */
export type Explanation = {
  schema: "countersign/explanation/1";
  purl: string;
  name: string;
  version: string;
  lockfile: { path: string; format: LockFormat };
  at: Position;
  source: Source;
  /** `passes`: no finding blocks it; `unchecked`: only missing evidence does. Independent of the mode. */
  result: "passes" | "fails" | "unchecked";
  /** One per artefact, in the lockfile's order. */
  verdicts: readonly ReportedVerdict[];
  /** Names or places under which it is installed besides its own. */
  aliases: readonly string[];
  /** Shortest way from a root of the lockfile; null when no root reaches it. */
  chain: Chain | null;
  /** Packages that require it, and under which name. */
  dependants: readonly { purl: string; as: string }[];
  /** Rules of the policy that match it; all of them apply. */
  rules: readonly {
    label: string;
    at: Position;
    level: string;
    names: readonly string[];
    identities: readonly string[];
  }[];
  exceptions: readonly {
    at: Position;
    codes: readonly string[];
    reason: string;
    owner: string;
    expires: string;
    expired: boolean;
  }[];
  findings: readonly ReportedFinding[];
};

export type ExplanationParts = {
  set: PackageSet;
  package: LockedPackage;
  /** Of the whole set or of this package. */
  verdicts: readonly Verdict[];
  decision: Decision;
  /** The rules that match this package. */
  rules: readonly Requirement[];
  /** The exceptions that name this package. */
  exceptions: readonly Exception[];
  now: Instant;
};

/** Gathers what set, verdicts and decision say about one package. */
export function buildExplanation(parts: ExplanationParts): Explanation {
  const { set, package: pkg, now } = parts;
  const chain = chainsOf(set)(pkg.purl);
  const findings = parts.decision.findings
    .filter(({ purl }) => purl === pkg.purl)
    .map((finding) => reportFinding(finding, chain));
  const blocking = findings.filter(({ effect }) => effect === "block");
  return {
    schema: "countersign/explanation/1",
    purl: pkg.purl,
    name: pkg.name,
    version: pkg.version,
    lockfile: { path: set.lockfile.path, format: set.lockfile.format },
    at: pkg.at,
    source: pkg.source,
    result:
      blocking.length === 0
        ? "passes"
        : blocking.every(({ kind }) => kind === "unknown")
          ? "unchecked"
          : "fails",
    verdicts: parts.verdicts.filter(({ purl }) => purl === pkg.purl).map(reportVerdict),
    aliases: pkg.aliases,
    chain,
    dependants: set.packages.flatMap(({ purl, requires }) =>
      requires.filter((edge) => edge.purl === pkg.purl).map(({ as }) => ({ purl, as })),
    ),
    rules: parts.rules.map(({ label, at, level, names, identities }) => ({
      label,
      at,
      level,
      names,
      identities,
    })),
    exceptions: parts.exceptions.map(({ at, codes, reason, owner, expires }) => ({
      at,
      codes,
      reason,
      owner,
      expires: formatInstant(expires),
      expired: expires <= now,
    })),
    findings,
  };
}
