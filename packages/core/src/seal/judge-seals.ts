import type { Code } from "../codes.ts";
import { sameDigest } from "../digest.ts";
import type { Finding } from "../finding.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { startOf } from "../position.ts";
import { formatDuration } from "../policy/duration.ts";
import { highestPath } from "../policy/fixes.ts";
import { shellWord } from "../report/escape.ts";
import type { Policy } from "../policy/policy.ts";
import type { SealStatement } from "./claim.ts";
import { demandedAt, failureText, firstReasons, missingApproval } from "./missing-approval.ts";
import type { TrustRoot } from "./trust-root.ts";
import type { SealJudgement, SealVerdict } from "./verdict.ts";

/** What a judgement must know besides the verdicts. */
export type JudgementContext = {
  /** Path of the lockfile, for findings. */
  path: string;
  /** null: nothing could be verified: there is no trust store, or it was refused and another finding says why. */
  root: TrustRoot | null;
  refused: boolean;
  /** What approvals of the trusted base's lockfile state, whatever its closure is now; [] without a base. */
  approvedAtBase: readonly SealStatement[];
  now: Instant;
};

/** Seals that count for nothing are named up to here; the rest is counted. */
const shownFailures = 20;

/**
 * What the seals of a lockfile come to. Approvals are counted by signer, so a second key, a malleated signature or a
 * copy of one signer counts once; a shared secret (HMAC) proves no single signer and counts only where one is enough.
 * An approval never replaces evidence, a summary never an approval.
 */
export function judgeSeals(
  verdicts: readonly SealVerdict[],
  policy: Pick<Policy, "seal" | "layers" | "origins">,
  context: JudgementContext,
): SealJudgement {
  const current = verdicts.map((verdict) =>
    withinAge(withoutRollback(verdict, context.approvedAtBase), policy),
  );
  const approvals = approvalsOf(current, policy);
  const summary = summaryOf(current, policy, context);
  return {
    verdicts: current,
    approvals,
    summary,
    findings: [
      ...missingApproval(approvals, current, policy, context),
      ...unusedSummary(summary, current, policy, context),
      ...unknownSigners(policy, context),
      ...failures(current, context),
    ],
  };
}

/**
 * Whoever goes back to an older lockfile, or to an older closure of the same one, brings its older approval along. Of
 * one state many may approve, each at their own time.
 */
function withoutRollback(verdict: SealVerdict, approvedAtBase: readonly SealStatement[]): SealVerdict {
  const { outcome, kind, statement } = verdict;
  if (outcome !== "verified" || kind !== "approval" || statement === null) return verdict;
  const { issuedAt } = statement.claim;
  const newer = approvedAtBase.filter(({ claim }) => claim.issuedAt > issuedAt);
  const others = newer.filter((approved) => !isSameState(approved, statement));
  if (others.length === 0) return verdict;
  const newest = Math.max(...others.map(({ claim }) => claim.issuedAt));
  const code = "seal/rollback";
  const expected = `from ${formatInstant(newest)}`;
  return {
    ...verdict,
    outcome: "failed",
    code,
    detail: "the trusted base has a newer approval, of another state",
    claims: verdict.claims.map((claim) =>
      claim.name === "time"
        ? { name: "time", status: "fail", code, expected, actual: formatInstant(issuedAt) }
        : claim,
    ),
  };
}

/** A summary ends with the policy's age, however long it says that it lasts. */
function withinAge(verdict: SealVerdict, { seal: { summary } }: Pick<Policy, "seal">): SealVerdict {
  const { kind, issuedAt, expires } = verdict;
  if (summary === null || kind !== "summary" || issuedAt === null || expires === null) return verdict;
  return { ...verdict, expires: Math.min(expires, issuedAt + summary.maxAge) };
}

const isSameState = (one: SealStatement, other: SealStatement): boolean =>
  sameDigest(one.subject.digest, other.subject.digest) &&
  one.claim.resources.length === other.claim.resources.length &&
  one.claim.resources.every(({ name, digest }, index) => {
    const resource = other.claim.resources[index];
    return resource !== undefined && resource.name === name && sameDigest(resource.digest, digest);
  });

function approvalsOf(
  verdicts: readonly SealVerdict[],
  { seal: { approval } }: Pick<Policy, "seal">,
): string[] {
  if (approval === null) return [];
  const ids = verdicts.flatMap(({ outcome, kind, signer }) => {
    if (outcome !== "verified" || kind !== "approval" || signer === null) return [];
    if (signer.algorithm === "hmac-sha256" && approval.threshold > 1) return [];
    return approval.signers.includes(signer.id) ? [signer.id] : [];
  });
  return [...new Set(ids)].toSorted();
}

/**
 * The newest that a signer of the policy made within its age; none under a trust store that has expired, since whoever
 * withholds a newer one can keep a revoked key alive.
 */
function summaryOf(
  verdicts: readonly SealVerdict[],
  { seal: { summary } }: Pick<Policy, "seal">,
  { root, now }: JudgementContext,
): SealVerdict | null {
  if (summary === null || hasExpired(root, now)) return null;
  const usable = verdicts.filter(
    ({ outcome, kind, signer, issuedAt }) =>
      outcome === "verified" &&
      kind === "summary" &&
      signer !== null &&
      summary.signers.includes(signer.id) &&
      issuedAt !== null &&
      now - issuedAt <= summary.maxAge,
  );
  return usable.toSorted((a, b) => (b.issuedAt as Instant) - (a.issuedAt as Instant))[0] ?? null;
}

const hasExpired = (root: TrustRoot | null, now: Instant): boolean => root !== null && root.expires <= now;

function unusedSummary(
  used: SealVerdict | null,
  verdicts: readonly SealVerdict[],
  policy: Pick<Policy, "seal" | "layers" | "origins">,
  { path, root, now }: JudgementContext,
): Finding[] {
  const { summary } = policy.seal;
  if (summary === null || used !== null) return [];
  // What a seal claims whose signature does not verify nobody knows.
  const made = verdicts.filter(({ kind }) => kind !== "approval");
  const reasons = hasExpired(root, now)
    ? ["the trust store has expired"]
    : made.map((verdict) => unused(verdict, summary, now));
  const why =
    made.length === 0
      ? "No summary seals these bytes, so the evidence itself is checked."
      : `No summary counts (${firstReasons(reasons)}), so the evidence itself is checked.`;
  return [
    {
      code: "seal/summary-unused",
      effect: "note",
      at: startOf(path),
      why,
      fix: `Where a summary signer's key is: countersign sign --summary --key FILE --lockfile ${shellWord(path)}`,
      requiredBy: demandedAt(policy, "seal.summary"),
    },
  ];
}

function unused(
  verdict: SealVerdict,
  { signers, maxAge }: NonNullable<Policy["seal"]["summary"]>,
  now: Instant,
): string {
  const { outcome, signer, issuedAt } = verdict;
  if (outcome === "failed" || signer === null || issuedAt === null) return failureText(verdict);
  if (!signers.includes(signer.id)) return `${signer.id} is no summary signer of the policy`;
  return now - issuedAt > maxAge ? `older than ${formatDuration(maxAge)}` : "unused";
}

/** A group may name people before they have a key; it is said, since their approval cannot count. */
function unknownSigners(
  policy: Pick<Policy, "seal" | "layers" | "origins">,
  { path, root }: JudgementContext,
): Finding[] {
  if (root === null) return [];
  const known = new Set(root.signers.map(({ id }) => id));
  const named = [...(policy.seal.approval?.signers ?? []), ...(policy.seal.summary?.signers ?? [])];
  const unknown = [...new Set(named)].filter((id) => !known.has(id)).toSorted();
  if (unknown.length === 0) return [];
  return [
    {
      code: "trust/signer-unknown",
      effect: "note",
      at: startOf(path),
      why: `${highestPath(policy as Policy)} names ${unknown.join(", ")}, and version ${root.version} of the trust store does not: what they sign counts for nothing.`,
      fix: `countersign trust add ${unknown[0]} --public-key FILE`,
    },
  ];
}

function failures(verdicts: readonly SealVerdict[], { path }: JudgementContext): Finding[] {
  const failed = verdicts.filter(({ outcome }) => outcome === "failed");
  return failed.slice(0, shownFailures).map((verdict, index): Finding => {
    const more = index === shownFailures - 1 ? failed.length - shownFailures : 0;
    const whose = verdict.signer === null ? "" : ` of ${verdict.signer.id}`;
    return {
      code: verdict.code ?? "seal/malformed",
      effect: "note",
      at: startOf(verdict.file),
      why: `This seal${whose} for ${path} counts for nothing: ${verdict.detail ?? "it failed"}.${more > 0 ? ` So do ${more} more.` : ""}`,
      fix: fixes.get(verdict.code ?? "seal/malformed") ?? "Sign again, or remove it: countersign seal prune",
    };
  });
}

/** Where pruning would take away what is good elsewhere. */
const fixes: ReadonlyMap<Code, string> = new Map([
  [
    "seal/closure-changed",
    "Restore those files (git status tells which are this machine's own), or sign again.",
  ],
  [
    "seal/key-unknown",
    "Give this machine the secret or sigstore root that it wants; a seal by a key that the trust store does not have goes with: countersign seal prune",
  ],
  ["seal/rollback", "Merge the trusted base, or sign this older state anew."],
]);
