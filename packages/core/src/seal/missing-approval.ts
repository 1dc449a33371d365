import type { Finding } from "../finding.ts";
import type { Instant } from "../instant.ts";
import type { Policy } from "../policy/policy.ts";
import { startOf } from "../position.ts";
import { shellWord } from "../report/escape.ts";
import type { JudgementContext } from "./judge-seals.ts";
import type { SealSigner, TrustRoot } from "./trust-root.ts";
import type { SealVerdict } from "./verdict.ts";

/** What blocks where fewer signers have approved than the policy demands; [] where enough have. */
export function missingApproval(
  approvals: readonly string[],
  verdicts: readonly SealVerdict[],
  policy: Pick<Policy, "seal" | "layers" | "origins">,
  context: JudgementContext,
): Finding[] {
  const { path, root, refused } = context;
  const { approval } = policy.seal;
  if (approval === null || (root !== null && approvals.length >= approval.threshold)) return [];
  const needed = approval.threshold === 1 ? "an approval" : `${approval.threshold} approvals`;
  const none = refused ? "none counts under a trust store that is refused" : "there is none";
  const have = approvals.length === 0 ? none : `there is only that of ${approvals.join(", ")}`;
  const failed = verdicts.filter(({ outcome, kind }) => outcome === "failed" && kind !== "summary");
  const because =
    failed.length === 0
      ? ""
      : ` Of its seals ${failed.length} count${failed.length === 1 ? "s" : ""} for nothing: ${firstReasons(failed.map(failureText))}.`;
  return [
    {
      code: "seal/approval-missing",
      effect: "block",
      at: startOf(path),
      why: `The policy wants ${needed} of exactly these bytes and ${have}, so nobody trusted vouches for what this lockfile names.${because}`,
      fix: refused
        ? "Settle the trust store first: until then no seal can count."
        : approvalFix(approval, approvals, context),
      requiredBy: demandedAt(policy, "seal.approval"),
    },
  ];
}

/** Whoever cannot approve, such as a signer who is revoked, is not asked to. */
function approvalFix(
  { threshold, signers }: NonNullable<Policy["seal"]["approval"]>,
  approvals: readonly string[],
  { path, root, now }: JudgementContext,
): string {
  const others = signers.filter((id) => !approvals.includes(id));
  const able = root === null ? others : approversOf(root, others, { threshold, now });
  const wanted = threshold - approvals.length;
  if (root !== null && able.length < wanted) {
    const who =
      able.length === 0 ? `None of ${others.join(", ")}` : `Of ${others.join(", ")} only ${able.join(", ")}`;
    return `${who} can approve under version ${root.version} of the trust store. Name other signers in the policy, or add them: countersign trust add ID --public-key FILE`;
  }
  const who = wanted >= able.length ? able.join(" and ") : `${wanted} of ${able.join(", ")}`;
  const have = root === null ? "Start a trust store (countersign trust init), then have" : "Have";
  return `${have} ${who} review the change and run: countersign sign --approve --key FILE --lockfile ${shellWord(path)}`;
}

/** Those of some signers whose next approval a trust store would let count, where so many approvals are demanded. */
function approversOf(
  root: TrustRoot,
  ids: readonly string[],
  { threshold, now }: { threshold: number; now: Instant },
): string[] {
  const canSign = ({ id, keys, identities, predicates, validTo }: SealSigner): boolean => {
    const isRevoked = root.revoked.some(({ signer }) => signer === id);
    const hasEnded = validTo !== null && validTo <= now;
    if (isRevoked || hasEnded || !predicates.includes("approval")) return false;
    const usable = keys.filter(
      ({ keyid, algorithm }) =>
        !root.revoked.some((revocation) => revocation.keyid === keyid) &&
        !(algorithm === "hmac-sha256" && threshold > 1),
    );
    return identities.length > 0 || usable.length > 0;
  };
  return ids.filter((id) => root.signers.some((signer) => signer.id === id && canSign(signer)));
}

/** Why a seal counts for nothing by itself. */
export const failureText = ({ detail, code }: SealVerdict): string =>
  `${detail ?? "it failed"} (${code ?? "failed"})`;

/** Each reason once, the first three of them. */
export function firstReasons(all: readonly string[]): string {
  const reasons = [...new Set(all)];
  return `${reasons.slice(0, 3).join("; ")}${reasons.length > 3 ? "; …" : ""}`;
}

/** Name of a field of the policy, with the place that states it. */
export const demandedAt = ({ origins }: Pick<Policy, "origins">, field: string): string => {
  const at = origins.get(field);
  return at === undefined ? field : `${field} (${at.path}:${at.line})`;
};
