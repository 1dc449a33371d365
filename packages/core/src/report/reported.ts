import { kindOf } from "../codes.ts";
import { formatDigest } from "../digest.ts";
import type { Finding } from "../finding.ts";
import { formatInstant } from "../instant.ts";
import type { SealVerdict } from "../seal/verdict.ts";
import type { Verdict } from "../verify/verdict.ts";
import type { Chain } from "./chains.ts";
import { clamp } from "./escape.ts";
import type { ReportedFinding, ReportedSeal, ReportedVerdict } from "./report.ts";
import { statusOf } from "./status.ts";

/** Findings quote foreign text; a report stays readable, and of bounded size, whatever its length. */
const bounds = { why: 2000, fix: 4000 };

/** A finding as plain JSON. */
export function reportFinding(finding: Finding, chain: Chain | null): ReportedFinding {
  return {
    code: finding.code,
    kind: kindOf(finding.code),
    effect: finding.effect,
    purl: finding.purl ?? null,
    digest: finding.digest === undefined ? null : formatDigest(finding.digest),
    at: finding.at,
    why: clamp(finding.why, bounds.why),
    fix: clamp(finding.fix, bounds.fix),
    requiredBy: finding.requiredBy ?? null,
    exception: finding.exception ?? null,
    chain,
  };
}

/** A verdict as plain JSON. */
export function reportVerdict(verdict: Verdict): ReportedVerdict {
  return {
    purl: verdict.purl,
    artefact: verdict.artefact === null ? null : formatDigest(verdict.artefact),
    file: verdict.file,
    at: verdict.at,
    registry: verdict.registry,
    status: statusOf(verdict),
    outcome: verdict.outcome,
    level: verdict.level,
    identity: verdict.identity,
    slsaBuild: verdict.slsaBuild,
    time: verdict.time,
    published:
      verdict.published === null
        ? null
        : { at: formatInstant(verdict.published.at), source: verdict.published.source },
    claims: verdict.claims,
    attestations: verdict.attestations.map((attestation) => ({
      ...attestation,
      logTime: attestation.logTime === null ? null : formatInstant(attestation.logTime),
    })),
  };
}

/** What came of a seal, as plain JSON. Texts of a seal that failed may be an attacker's, and are cut. */
export function reportSeal(verdict: SealVerdict): ReportedSeal {
  const { file, kind, outcome, code, detail, signer, issuedAt, expires, trustedTime, claims } = verdict;
  return {
    file,
    kind,
    outcome,
    code,
    detail: detail === null ? null : clamp(detail, bounds.why),
    signer,
    issuedAt: issuedAt === null ? null : formatInstant(issuedAt),
    expires: expires === null ? null : formatInstant(expires),
    trustedTime:
      trustedTime === null ? null : { at: formatInstant(trustedTime.at), source: trustedTime.source },
    claims,
  };
}
