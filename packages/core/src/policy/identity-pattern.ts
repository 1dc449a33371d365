import type { Identity } from "../verify/identity.ts";
import { matchSegments } from "./glob.ts";
import type { IdentityPattern } from "./policy.ts";

/** The forges whose `https://host/owner/repo` is written `owner/repo`. */
const forges: Readonly<Record<string, string>> = {
  github: "https://github.com/",
  gitlab: "https://gitlab.com/",
};

/** Short names that stand for an issuer; every other issuer is written as its URL. */
export const issuerNames: readonly string[] = ["github", "gitlab", "circleci", "buildkite", "google"];

/** First field of a pattern that a certificate does not satisfy. */
export type IdentityMismatch = { field: string; expected: string; actual: string | null };
export type IdentityMatch =
  | { match: "yes" }
  | { match: "below"; required: number; actual: number }
  | ({ match: "no" } & IdentityMismatch);

/**
 * Compares a certificate's identity with a policy's pattern. Values are compared whole and with case, `*` within one
 * path segment; a field that the pattern names and the certificate lacks is a mismatch. Ids survive renames and are
 * never given to anyone else, so `repositoryId` is compared instead of `repository`, and `ownerId` instead of `owner`.
 * @param slsaBuild the build level that was earned
 */
export function matchIdentity(
  pattern: IdentityPattern,
  identity: Identity,
  slsaBuild: number,
): IdentityMatch {
  const issuer = issuerNames.includes(pattern.issuer) ? identity.issuerName : identity.issuer;
  if (issuer !== pattern.issuer) {
    return {
      match: "no",
      field: "issuer",
      expected: pattern.issuer,
      actual: identity.issuerName ?? identity.issuer,
    };
  }
  const compared: readonly (readonly [string, string | null, string | null])[] = [
    ["repositoryId", pattern.repositoryId, identity.repositoryId],
    ["ownerId", pattern.ownerId, identity.ownerId],
    ["repository", pattern.repositoryId === null ? pattern.repository : null, identity.repository],
    ["owner", pattern.ownerId === null ? pattern.owner : null, identity.owner],
    ["workflow", pattern.workflow, identity.workflow],
    ["signer", pattern.signer, identity.signer],
    ["ref", pattern.ref, identity.ref],
    ["event", pattern.event, identity.event],
    ["runner", pattern.runner, identity.runner],
    ["email", pattern.email, identity.email],
  ];
  for (const [field, expected, actual] of compared) {
    if (expected === null) continue;
    const literal = field === "repositoryId" || field === "ownerId" || field === "email";
    const same = actual !== null && (literal ? expected === actual : matchSegments(expected, actual));
    if (!same) return { match: "no", field, expected, actual };
  }
  if (slsaBuild < pattern.slsaBuild)
    return { match: "below", required: pattern.slsaBuild, actual: slsaBuild };
  return { match: "yes" };
}

/**
 * A repository as identities carry it: `owner/repo` on a known forge, its https address elsewhere; `git+`, a trailing
 * `.git` and a trailing slash are dropped. Nothing else is folded: case counts.
 */
export function normaliseRepository(issuer: string, text: string): string {
  const bare = text
    .replace(/^git\+/, "")
    .replace(/\/$/, "")
    .replace(/\.git$/, "");
  const forge = forges[issuer];
  return forge !== undefined && bare.startsWith(forge) ? bare.slice(forge.length) : bare;
}

/** An identity as the lines of a policy's `identities` entry, to be named by a person. */
export function identityLines(identity: Identity, slsaBuild: number): string {
  const fields: readonly (readonly [string, string | null])[] = [
    ["issuer", identity.issuerName ?? identity.issuer],
    ["repository", identity.repository],
    ["repositoryId", identity.repositoryId],
    ["email", identity.email],
    ["workflow", identity.workflow],
    ["runner", identity.runner],
  ];
  const lines = fields.flatMap(([name, value]) =>
    value === null ? [] : [`    ${name}: ${JSON.stringify(value)}`],
  );
  return ["identities:", "  NAME:", ...lines, `    slsaBuild: ${slsaBuild}`].join("\n");
}
