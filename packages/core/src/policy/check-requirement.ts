import { codes, kindOf, type Code } from "../codes.ts";
import { formatDuration } from "./duration.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { levels, type Claim, type ClaimName, type Level, type Verdict } from "../verify/verdict.ts";
import { label } from "./check-source.ts";
import type { Candidate } from "./finding-list.ts";
import { exceptionLines, fixOf, highestPath, type FixContext } from "./fixes.ts";
import { identityLines, matchIdentity, type IdentityMatch } from "./identity-pattern.ts";
import type { IdentityPattern, Policy, Requirement } from "./policy.ts";

/** The claims that stand between an artefact and a level. */
const claimsOf: Readonly<Record<Level, readonly ClaimName[]>> = {
  unlocked: [],
  locked: ["digest", "source", "listing"],
  signed: ["digest", "source", "registry-signature"],
  provenance: ["digest", "source", "attestation", "provenance"],
};

const quote = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}…` : text);

/** What contradicts or cannot be trusted blocks whatever was required. */
export function checkRefused(verdict: Verdict, fix: FixContext): Candidate[] {
  if (verdict.outcome !== "refused") return [];
  const failed = verdict.claims.filter(({ status }) => status === "fail");
  const listed: readonly Claim[] = failed.length > 0 ? failed : [{ name: "attestation", status: "fail" }];
  return listed.map((claim) => claimed(verdict, claim, claim.code ?? "attestation/malformed", "", fix));
}

/** What stands in no rule's way and should be known all the same. */
export function checkWithdrawn(verdict: Verdict): Candidate[] {
  const { claims, purl } = verdict;
  if (!claims.some(({ status, code }) => status === "pass" && code === "listing/yanked")) return [];
  const why = `${purl} was withdrawn by its publisher: often a bug, sometimes a compromise.`;
  return [about(verdict, "listing/yanked", why, "Read why at its registry, and lock another version.")];
}

/** Whether an artefact reaches the level of a rule, and was built by whom the rule names. */
export function checkRequirement(verdict: Verdict, rule: Requirement, fix: FixContext): Candidate[] {
  const { label: requiredBy } = rule;
  if (levels.indexOf(verdict.level) < levels.indexOf(rule.level)) {
    const note = ` Required is level ${rule.level}; this has ${verdict.level}.`;
    const missing = verdict.claims.filter(
      ({ name, status }) => status !== "pass" && claimsOf[rule.level].includes(name),
    );
    const listed: readonly Claim[] = missing.length > 0 ? missing : [{ name: "digest", status: "skipped" }];
    return listed.map((claim) => ({
      ...claimed(verdict, claim, claim.code ?? "evidence/not-asked", note, fix),
      requiredBy,
    }));
  }
  if (rule.level !== "provenance") return [];
  return checkIdentity(verdict, rule, fix).map((candidate) => ({ ...candidate, requiredBy }));
}

function claimed(verdict: Verdict, claim: Claim, code: Code, note: string, fix: FixContext): Candidate {
  const { title } = codes[code];
  const compared =
    claim.expected !== undefined
      ? `: expected ${quote(claim.expected)}, found ${quote(claim.actual ?? "nothing")}`
      : claim.actual === undefined
        ? ""
        : ` (${quote(claim.actual)})`;
  const why = `${title.charAt(0).toUpperCase()}${title.slice(1)}${compared}.${note}`;
  return about(verdict, code, why, fixOf(code, verdict.purl, verdict.artefact, fix));
}

function checkIdentity(verdict: Verdict, rule: Requirement, { policy, now }: FixContext): Candidate[] {
  const { identity } = verdict;
  if (identity === null) {
    const why = `${verdict.purl} has provenance without a builder's identity.`;
    return [
      about(
        verdict,
        "identity/issuer-unknown",
        why,
        fixOf("identity/issuer-unknown", verdict.purl, verdict.artefact, { policy, now }),
      ),
    ];
  }
  if (rule.identities.length === 0 && identity.issuerName === null) {
    const why = `${verdict.purl} was built by ${quote(identity.san)} of ${quote(identity.issuer)}, which is no build platform that is known here.`;
    const fix = `If this builder is right, put into ${highestPath(policy)} and name it in the rule:\n${identityLines(identity, verdict.slsaBuild)}`;
    return [about(verdict, "identity/issuer-unknown", why, fix)];
  }
  if (rule.identities.length === 0) {
    const why = `${verdict.purl} was built by ${identity.repository ?? identity.san}; the rule accepts provenance of any identity.`;
    const fix = `To accept only this one, put into ${highestPath(policy)} and name it in the rule:\n${identityLines(identity, verdict.slsaBuild)}`;
    return [{ ...about(verdict, "identity/any", why, fix), effect: "note" }];
  }
  const compared = rule.identities.map((name) => ({
    name,
    result: matchAll(policy.identities.get(name) ?? [], verdict),
  }));
  if (compared.some(({ result }) => result.match === "yes")) return [];
  const below = compared.filter(({ result }) => result.match === "below");
  const code = below.length > 0 ? "slsa/below-required" : "identity/mismatch";
  const differences = (below.length > 0 ? below : compared).map(
    ({ name, result }) => `${name}: ${difference(result)}`,
  );
  const who = identity.repository ?? identity.email ?? identity.san;
  const why = `Built by ${quote(who)}, which is none that the rule names (${quote(differences.join("; "))}).`;
  const fix = [
    `Do not install it unless this builder is right. If it is, put into ${highestPath(policy)} and name it in the rule:`,
    identityLines(identity, verdict.slsaBuild),
    ...(verdict.artefact === null
      ? []
      : ["To accept only these bytes:", exceptionLines(verdict.purl, verdict.artefact, code, now)]),
  ].join("\n");
  return [about(verdict, code, why, fix)];
}

/** An identity defined in several layers must match all of its patterns. A name that no layer defines matches nobody. */
function matchAll(patterns: readonly IdentityPattern[], verdict: Verdict): IdentityMatch {
  const { identity, slsaBuild } = verdict;
  if (patterns.length === 0 || identity === null)
    return { match: "no", field: "name", expected: "an identity", actual: null };
  const results = patterns.map((pattern) => matchIdentity(pattern, identity, slsaBuild));
  return (
    results.find(({ match }) => match === "no") ??
    results.find(({ match }) => match === "below") ?? { match: "yes" as const }
  );
}

function difference(result: IdentityMatch): string {
  switch (result.match) {
    case "yes":
      return "matches";
    case "below":
      return `SLSA build level ${result.required} wanted, ${result.actual} earned`;
    case "no":
      return `${result.field} is ${result.actual === null ? "not stated" : JSON.stringify(result.actual)}, not ${JSON.stringify(result.expected)}`;
  }
}

/** Whether a version has been published for long enough. An unsigned publish time counts, and the finding says so. */
export function checkAge(verdict: Verdict, age: NonNullable<Policy["age"]>, fix: FixContext): Candidate[] {
  const requiredBy = label(fix.policy, "age.minimum");
  const { published, purl, artefact } = verdict;
  if (published === null) {
    const why = `When ${purl} was published is not known; the policy wants ${formatDuration(age.minimum)}.`;
    const text = fixOf("age/unknown", purl, artefact, fix);
    return [{ ...about(verdict, "age/unknown", why, text), effect: age.unknown, requiredBy }];
  }
  const ripe: Instant = published.at + age.minimum;
  if (ripe <= fix.now) return [];
  const source =
    published.source === "unsigned" ? "by the registry's unsigned word" : `by its ${published.source}`;
  const why = `${purl} was published at ${shown(published.at)} (${source}); the policy wants it ${formatDuration(age.minimum)} old.`;
  const accept =
    artefact === null
      ? ""
      : `\nTo accept it now:\n${exceptionLines(purl, artefact, "age/too-young", fix.now)}`;
  const text = `Wait until ${shown(ripe)}, or lock an older version.${accept}`;
  return [{ ...about(verdict, "age/too-young", why, text), requiredBy }];
}

/** Times come from evidence: one that no calendar holds is shown as the number it is. */
const shown = (instant: Instant): string =>
  Math.abs(instant) <= 8.64e15 ? formatInstant(instant) : String(instant);

const about = (verdict: Verdict, code: Code, why: string, fix: string): Candidate => ({
  code,
  effect: kindOf(code) === "note" ? "note" : "block",
  purl: verdict.purl,
  ...(verdict.artefact !== null && { digest: verdict.artefact }),
  at: verdict.at,
  why,
  fix,
});
