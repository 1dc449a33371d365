import type { Code } from "../codes.ts";
import { formatDigest, sameDigest, type Digest } from "../digest.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { matchGlobs } from "../policy/glob.ts";
import { sealTypes, type Resource, type SealStatement, type SealSubject } from "./claim.ts";
import { compareResources } from "./resource-changes.ts";
import type { SealSignatureResult } from "./seal-signature.ts";
import { resourceUri } from "./statement.ts";
import type { Revocation, TrustRoot } from "./trust-root.ts";

export type VerifiedSignature = Extract<SealSignatureResult, { ok: true }>;

/** What one check of a seal finds wrong; null where it holds. */
export type SealProblem = { code: Code; detail: string; expected?: string; actual?: string } | null;

/** Clocks of signer and verifier may differ by this much. */
const skew = 5 * 60_000;

export const payloadTypeProblem = (payloadType: string): SealProblem =>
  payloadType === sealTypes.payload
    ? null
    : {
        code: "seal/payload-type",
        detail: "the signed payload is no in-toto statement",
        expected: sealTypes.payload,
        actual: payloadType.slice(0, 160),
      };

/** @param what what it is of or for, where it may name none */
export function differs(
  code: Code,
  expected: string,
  actual: string | null,
  lead: string,
  what = "",
): SealProblem {
  if (expected === actual) return null;
  const detail = `${lead} ${actual ?? `no ${what} in particular`}`;
  return { code, detail, expected, actual: actual ?? "none" };
}

export function subjectProblem(actual: SealSubject, expected: SealSubject): SealProblem {
  return (
    differs("seal/subject-mismatch", expected.path, actual.path, "it is about") ??
    differs(
      "seal/subject-mismatch",
      formatDigest(expected.digest),
      formatDigest(actual.digest),
      "it is about other bytes,",
    )
  );
}

/** The address of a summary must be the one that its parts make, or the parts would be checked and not it. */
export function repositoryProblem(
  { subject, claim, verifier }: SealStatement,
  expected: string | null,
): SealProblem {
  const code = "seal/repository-mismatch";
  if (claim.repository !== null && expected === null) {
    const detail = `it is of ${claim.repository}, and which repository this is nobody says`;
    return { code, detail, expected: "unknown", actual: claim.repository };
  }
  if (expected !== null) {
    const problem = differs(code, expected, claim.repository, "it is of", "repository");
    if (problem !== null) return problem;
  }
  if (verifier === null) return null;
  return differs(
    code,
    resourceUri(claim.repository, claim.ref, subject.path),
    verifier.resource,
    "its resourceUri is",
  );
}

/** What the signer may sign, and that the claim names the signer whose key made it. */
export function signerProblem(
  { kind, subject, claim, verifier }: SealStatement,
  signature: VerifiedSignature,
): SealProblem {
  const { signer, keyid, algorithm } = signature;
  const scope = (detail: string, expected: string, actual: string): SealProblem => ({
    code: "seal/signer-scope",
    detail,
    expected,
    actual,
  });
  const stated = `${claim.signer.id} ${claim.signer.keyid} ${claim.signer.algorithm}`;
  const signed = `${signer.id} ${keyid} ${algorithm}`;
  if (stated !== signed)
    return scope("it names another signer than the one whose key made it", signed, stated);
  if (!signer.predicates.includes(kind))
    return scope(`${signer.id} may not sign this kind of claim`, signer.predicates.join(", "), kind);
  if (!matchGlobs(signer.paths, subject.path))
    return scope(`${signer.id} may not sign for this path`, signer.paths.join(", "), subject.path);
  if (signer.refs.length > 0 && (claim.ref === null || !matchGlobs(signer.refs, claim.ref)))
    return scope(`${signer.id} may not sign for this ref`, signer.refs.join(", "), claim.ref ?? "none");
  if (verifier === null) return null;
  if (!verifier.passed)
    return { code: "seal/verifier-mismatch", detail: "it does not say that verification passed" };
  return signer.verifierId === null
    ? null
    : differs("seal/verifier-mismatch", signer.verifierId, verifier.id, "it names the verifier");
}

/** A file that came, went or changed is named. */
export function closureProblem(now: readonly Resource[], sealed: readonly Resource[]): SealProblem {
  const changes = compareResources(sealed, now);
  const changed = [...changes.added, ...changes.removed, ...changes.changed].toSorted();
  const [first] = changed;
  if (first === undefined) return null;
  const shown = changed.slice(0, 5).join(", ");
  const more = changed.length > 5 ? ` and ${changed.length - 5} more` : "";
  return {
    code: "seal/closure-changed",
    detail: `since it was made, these changed: ${shown}${more}`,
    expected: stated(sealed, first),
    actual: stated(now, first),
  };
}

function stated(resources: readonly Resource[], name: string): string {
  const resource = resources.find((each) => each.name === name);
  return `${name} ${resource === undefined ? "absent" : formatDigest(resource.digest)}`;
}

/**
 * Times are the signer's own word unless there is a trusted one, which then must lie in the signer's validity too. A
 * claim from the future would outlive what it is compared with.
 */
export function timeProblem(
  { kind, subject, claim }: SealStatement,
  { signer: { validFrom, validTo }, trustedTime }: VerifiedSignature,
  root: TrustRoot,
  now: Instant,
): SealProblem {
  const { issuedAt, expires } = claim;
  const time = (code: Code, detail: string, expected: string, actual: Instant): SealProblem => ({
    code,
    detail,
    expected,
    actual: formatInstant(actual),
  });
  if (issuedAt > now + skew)
    return time(
      "seal/not-yet-valid",
      "it was issued in the future",
      `at most ${formatInstant(now)}`,
      issuedAt,
    );
  const made = trustedTime === null ? [issuedAt] : [issuedAt, trustedTime.at];
  const [first, last] = [Math.min(...made), Math.max(...made)];
  if (validFrom !== null && first < validFrom)
    return time(
      "seal/not-yet-valid",
      "its signer was not valid yet",
      `from ${formatInstant(validFrom)}`,
      first,
    );
  if (validTo !== null && last >= validTo)
    return time(
      "seal/expired",
      "its signer was not valid any more",
      `before ${formatInstant(validTo)}`,
      last,
    );
  if (kind === "summary" && expires === null)
    return { code: "seal/expired", detail: "a summary must say when it expires" };
  if (expires !== null && now >= expires)
    return time("seal/expired", "it has expired", `after ${formatInstant(now)}`, expires);
  const floor = root.notBefore.get(subject.path);
  if (floor !== undefined && issuedAt < floor)
    return time(
      "seal/rollback",
      "the trust store wants newer seals here",
      `from ${formatInstant(floor)}`,
      issuedAt,
    );
  return null;
}

/** On a plain key nobody but its holder says when it signed, so a revocation takes all that it ever signed. */
export function revocationProblem(
  { signer, keyid, trustedTime }: VerifiedSignature,
  { revoked }: TrustRoot,
): SealProblem {
  for (const revocation of revoked) {
    if (!concerns(revocation, signer.id, keyid)) continue;
    const kept =
      revocation.reason === "superseded" && trustedTime !== null && trustedTime.at < revocation.since;
    if (kept) continue;
    return {
      code: "seal/revoked",
      detail: `${revocation.keyid === null ? `signer ${signer.id}` : `key ${keyid}`} is ${revocation.reason} since ${formatInstant(revocation.since)}`,
      expected:
        revocation.reason === "superseded"
          ? `trusted time before ${formatInstant(revocation.since)}`
          : "none",
      actual: trustedTime === null ? "no trusted time" : formatInstant(trustedTime.at),
    };
  }
  return null;
}

const concerns = (revocation: Revocation, signer: string, keyid: string): boolean =>
  (revocation.signer !== null && revocation.signer === signer) ||
  (revocation.keyid !== null && revocation.keyid === keyid);

export const policyProblem = (made: Digest, holds: Digest): SealProblem =>
  sameDigest(made, holds)
    ? null
    : {
        code: "seal/policy-mismatch",
        detail: "it was made under another policy than the one that holds here",
        expected: formatDigest(holds),
        actual: formatDigest(made),
      };
