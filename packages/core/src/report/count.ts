import type { Decision } from "../policy/decision.ts";
import type { DecidedLockfile } from "./build-report.ts";
import type { ReportCounts, ReportedFinding } from "./report.ts";
import { statuses, statusOf, type Status } from "./status.ts";

/**
 * Counts packages, each once per lockfile at the worst of its artefacts. Levels and outcomes are the decision's,
 * which knows the artefacts in scope.
 */
export function count(
  lockfiles: readonly DecidedLockfile[],
  decision: Decision | null,
  findings: readonly ReportedFinding[],
): ReportCounts {
  const byStatus = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;
  let artefacts = 0;
  let packages = 0;
  let local = 0;
  for (const { set, verdicts, claim } of lockfiles) {
    const worst = new Map<string, number>();
    for (const verdict of verdicts) {
      worst.set(verdict.purl, Math.max(worst.get(verdict.purl) ?? 0, statuses.indexOf(statusOf(verdict))));
    }
    for (const status of worst.values()) byStatus[statuses[status] as Status] += 1;
    packages += claim?.packages ?? set.packages.length;
    for (const pkg of set.packages) {
      artefacts += pkg.artefacts.length;
      if (pkg.artefacts.length === 0) local += 1;
    }
  }
  const byLevel = decision?.counts.byLevel ?? { unlocked: 0, locked: 0, signed: 0, provenance: 0 };
  const byOutcome = decision?.counts.byOutcome ?? { verified: 0, unverified: 0, refused: 0, unknown: 0 };
  return { packages, artefacts, local, ...blocked(findings), byLevel, byOutcome, byStatus };
}

function blocked(findings: readonly ReportedFinding[]): { failed: number; unchecked: number } {
  const failed = new Set<string>();
  const unchecked = new Set<string>();
  for (const { purl, effect, kind } of findings) {
    if (purl === null || effect !== "block") continue;
    (kind === "unknown" ? unchecked : failed).add(purl);
  }
  return { failed: failed.size, unchecked: [...unchecked].filter((purl) => !failed.has(purl)).length };
}
