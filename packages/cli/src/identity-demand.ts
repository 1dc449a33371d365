import {
  foldOutcome,
  matchIdentity,
  normaliseRepository,
  startOf,
  type AttestationVerdict,
  type Code,
  type IdentityPattern,
} from "@countersign/core";
import { CommandError } from "./command-error.ts";

const textKeys = [
  "issuer",
  "repository",
  "repositoryId",
  "owner",
  "ownerId",
  "workflow",
  "signer",
  "ref",
  "event",
  "runner",
  "email",
] as const;
const keys: readonly string[] = [...textKeys, "slsaBuild"];

/**
 * The identity that `--identity KEY=VALUE` asks for, in the words of a policy. Names of repositories mean nothing
 * without the forge they are on, so the issuer is GitHub unless another is given.
 */
export function readIdentityDemand(pairs: readonly string[]): IdentityPattern | null {
  if (pairs.length === 0) return null;
  const given = new Map<string, string>();
  for (const pair of pairs) {
    const [, key = "", value = ""] = /^([A-Za-z]+)=(.+)$/s.exec(pair) ?? [];
    if (!keys.includes(key))
      throw new CommandError(
        `--identity ${pair} is not KEY=VALUE with a known key`,
        `use one of ${keys.join(", ")}`,
      );
    if (given.has(key)) throw new CommandError(`--identity names ${key} twice`, "give it once");
    given.set(key, value);
  }
  const level = given.get("slsaBuild") ?? "0";
  if (!/^[0-3]$/.test(level))
    throw new CommandError(`--identity slsaBuild=${level} is no build level`, "use 0, 1, 2 or 3");
  const issuer = given.get("issuer") ?? "github";
  const text = (key: (typeof textKeys)[number]): string | null => given.get(key) ?? null;
  const repository = text("repository");
  return {
    issuer,
    repository: repository === null ? null : normaliseRepository(issuer, repository),
    repositoryId: text("repositoryId"),
    owner: text("owner"),
    ownerId: text("ownerId"),
    workflow: text("workflow"),
    signer: text("signer"),
    ref: text("ref"),
    event: text("event"),
    runner: text("runner"),
    email: text("email"),
    slsaBuild: Number(level) as IdentityPattern["slsaBuild"],
    at: startOf("--identity"),
  };
}

/**
 * Holds the verified attestations against the identity asked for. Every certificate among them must be its, and one
 * of them must reach the build level; a key names no builder, so a keyed attestation passes only beside such a one.
 */
export function demandIdentity(
  verdicts: readonly AttestationVerdict[],
  pattern: IdentityPattern,
): readonly AttestationVerdict[] {
  const judged = verdicts.map((verdict) => {
    if (verdict.outcome !== "verified" || verdict.identity === null) return verdict;
    // Only provenance states a build level; what else the same builder signed is not the worse for having none.
    const level = verdict.role === "provenance" ? pattern.slsaBuild : 0;
    const result = matchIdentity({ ...pattern, slsaBuild: level }, verdict.identity, verdict.slsaBuild);
    if (result.match === "yes") return verdict;
    if (result.match === "below")
      return refuse(
        verdict,
        "slsa/below-required",
        `required is level ${result.required}, this has ${result.actual}`,
      );
    return refuse(
      verdict,
      "identity/mismatch",
      `${result.field}: expected ${result.expected}, found ${result.actual ?? "nothing"}`,
    );
  });
  const reached = judged.some(
    ({ outcome, identity, role }) =>
      outcome === "verified" && identity !== null && (role === "provenance" || pattern.slsaBuild === 0),
  );
  if (reached || foldOutcome(judged) === "refused") return judged;
  return judged.map((verdict) =>
    verdict.outcome === "verified"
      ? refuse(verdict, "identity/mismatch", "nothing in the document names the builder asked for")
      : verdict,
  );
}

const refuse = (verdict: AttestationVerdict, code: Code, detail: string): AttestationVerdict => ({
  ...verdict,
  outcome: "refused",
  code,
  detail,
  checks: verdict.checks.map((check) =>
    check.name === "identity" ? { name: "identity", status: "fail", code } : check,
  ),
});
