import canonicalize from "canonicalize";
import { formatDigest, type Digest, sha256Of } from "../digest.ts";
import type { Instant } from "../instant.ts";
import { formatBinding, type IdentityPattern, type Policy, type RegistryRule } from "../policy/policy.ts";
import type { Resource } from "./claim.ts";

/**
 * SHA-256 over what a policy demands, in RFC 8785 form: equal for equal demands, however many files state them, in
 * whatever order and on whatever lines. The mode is left out, since a summary says what strict decides; so are the
 * demands on seals themselves, and exceptions that have expired: with the last day of an exception the digest
 * changes, and with it every summary that may have needed it.
 * @param files what the policy names and reads (registry keys, sigstore roots), by name, in any order
 */
export function policyDigest(policy: Policy, files: readonly Resource[], now: Instant): Digest {
  const demands = {
    files: unordered(files.map(({ name, digest }) => ({ name, digest: formatDigest(digest) }))),
    registries: unordered(policy.registries.map(registry)),
    require: unordered(
      policy.require.map(({ ecosystem, names, registries, level, identities }) => ({
        ecosystem,
        names: names.toSorted(),
        registries: registries === null ? null : registries.toSorted(),
        level,
        identities: identities.toSorted(),
      })),
    ),
    identities: [...policy.identities]
      .map(([name, patterns]) => ({ name, patterns: unordered(patterns.map(identity)) }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    sources: policy.sources,
    drift: policy.drift,
    age: policy.age,
    trust: { ...policy.trust, roots: policy.trust.roots.toSorted() },
    exceptions: unordered(
      policy.exceptions
        .filter(({ expires }) => now < expires)
        .map(({ purl, digest, codes, expires }) => ({
          purl,
          digest: formatBinding(digest),
          codes: codes.toSorted(),
          expires,
        })),
    ),
  };
  return sha256Of(canonicalize(demands) as string);
}

const registry = ({
  url,
  ecosystem,
  speaksFor,
  evidenceFrom,
  keys,
  files,
  scopes,
  withdrawn,
}: RegistryRule): object => ({
  url,
  ecosystem,
  speaksFor,
  evidenceFrom: evidenceFrom.toSorted(),
  keys,
  files: files.toSorted(),
  scopes: scopes.toSorted(),
  withdrawn,
});

const identity = (pattern: IdentityPattern): object => ({ ...pattern, at: null });

/** Each once, in the order of their canonical texts. */
const unordered = (items: readonly object[]): unknown[] =>
  [...new Set(items.map((item) => canonicalize(item) as string))]
    .toSorted()
    .map((text): unknown => JSON.parse(text));
