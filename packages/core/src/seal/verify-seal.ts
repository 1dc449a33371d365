import type { Code } from "../codes.ts";
import { formatDigest, sameDigest, type Digest, sha256Of } from "../digest.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { matchGlobs } from "../policy/glob.ts";
import { sealTypes, type Resource, type SealStatement, type SealSubject } from "./claim.ts";
import { readSealDocument, type SealDocument } from "./seal-document.ts";
import { verifySealSignature, type SealSignatureResult, type SealTrust } from "./seal-signature.ts";
import { decodeSealStatement, resourceUri } from "./statement.ts";
import type { Revocation, TrustRoot } from "./trust-root.ts";
import { sealChecks, type SealCheck, type SealClaim, type SealVerdict } from "./verdict.ts";

/** What a seal is held against: all of it found out by whoever verifies, none of it from the seal. */
export type SealContext = {
  subject: SealSubject;
  /**
   * The closure as it stands, sorted by name: what always belongs to it, and of the names that a trusted signer sealed
   * those that are there. null where nobody asks: the check is skipped.
   */
  closure: ((sealed: readonly string[]) => readonly Resource[]) | null;
  /** Normalised; null when it is not known. */
  repository: string | null;
  /** What the lockfile is to be used for (`--ref`); null: whatever its signer may sign for. */
  ref: string | null;
  policy: Digest;
  now: Instant;
};

type VerifiedSignature = Extract<SealSignatureResult, { ok: true }>;

/** Clocks of signer and verifier may differ by this much. */
const skew = 5 * 60_000;

/**
 * Verifies one seal file. The signature over the payload's bytes comes first and nothing of the payload is read
 * before it holds; who signed, and with which algorithm, is the trust store's word. Total: a seal that fails in any
 * way counts for nothing and says why.
 * @param file path of the file, whose name is the SHA-256 of the payload
 */
export function verifySeal(
  file: string,
  bytes: Uint8Array,
  context: SealContext,
  trust: SealTrust,
): SealVerdict {
  const read = readSealDocument(bytes);
  if (!read.ok) return failedBefore(file, read.code, read.detail);
  const name = `${sha256Of(read.value.payload).hex}.json`;
  if (file.slice(file.lastIndexOf("/") + 1) !== name)
    return failedBefore(file, "seal/malformed", `its name is not ${name}, the digest of what it signs`);
  return new SealCheckList(file, context, trust).run(read.value);
}

const failedBefore = (file: string, code: Code, detail: string): SealVerdict => ({
  file,
  outcome: "failed",
  code,
  detail,
  kind: null,
  signer: null,
  issuedAt: null,
  expires: null,
  trustedTime: null,
  claims: sealChecks.map((check, index) =>
    index === 0 ? { name: check, status: "fail", code } : { name: check, status: "skipped" },
  ),
  statement: null,
});

type Outcome = { code: Code; detail: string; expected?: string; actual?: string } | null;

class SealCheckList {
  readonly #file: string;
  readonly #context: SealContext;
  readonly #trust: SealTrust;
  readonly #claims: SealClaim[] = [];
  #failure: { code: Code; detail: string } | null = null;

  constructor(file: string, context: SealContext, trust: SealTrust) {
    this.#file = file;
    this.#context = context;
    this.#trust = trust;
  }

  run(document: SealDocument): SealVerdict {
    const signature = verifySealSignature(document, this.#trust);
    this.#check("signature", signature.ok ? null : signature);
    if (!signature.ok) return this.#verdict(null, null);
    this.#check("payload-type", payloadTypeProblem(document.payloadType));
    const statement = this.#failure === null ? decodeSealStatement(document.payload) : null;
    if (statement !== null) {
      const isPredicate = !statement.ok && statement.code === "seal/predicate-unknown";
      this.#check("statement", statement.ok || isPredicate ? null : statement);
      this.#check("predicate", isPredicate ? statement : null);
    }
    if (statement?.ok !== true) return this.#verdict(signature, null);
    this.#checkStatement(statement.value, signature);
    return this.#verdict(signature, statement.value);
  }

  #checkStatement(statement: SealStatement, signature: VerifiedSignature): void {
    const { subject, repository, ref, closure, now } = this.#context;
    const { claim } = statement;
    this.#check("subject", subjectProblem(statement.subject, subject));
    this.#check("repository", repositoryProblem(statement, repository));
    if (ref === null) this.#skip("ref");
    else this.#check("ref", differs("seal/ref-mismatch", ref, claim.ref, "it is for", "ref"));
    this.#check("signer", signerProblem(statement, signature));
    const time = timeProblem(statement, signature, this.#trust.root, now);
    const revocation = revocationProblem(signature, this.#trust.root);
    const isSummary = statement.kind === "summary";
    const policy = isSummary ? policyProblem(claim.policy, this.#context.policy) : null;
    // Only a seal that holds otherwise says which files to look at: a revoked key would have many looked at.
    if (closure === null || (time ?? revocation ?? policy) !== null) this.#skip("closure");
    else
      this.#check("closure", () =>
        closureProblem(closure(claim.resources.map(({ name }) => name)), claim.resources),
      );
    this.#check("time", time);
    this.#check("revocation", revocation);
    if (isSummary) this.#check("policy", policy);
    else this.#skip("policy");
  }

  #check(name: SealCheck, found: Outcome | (() => Outcome)): void {
    if (this.#failure !== null) return this.#skip(name);
    const problem = typeof found === "function" ? found() : found;
    if (problem === null) {
      this.#claims.push({ name, status: "pass" });
      return;
    }
    const { code, detail, expected, actual } = problem;
    this.#failure = { code, detail };
    this.#claims.push({
      name,
      status: "fail",
      code,
      ...(expected === undefined ? {} : { expected }),
      ...(actual === undefined ? {} : { actual }),
    });
  }

  #skip(name: SealCheck): void {
    this.#claims.push({ name, status: "skipped" });
  }

  #verdict(signature: VerifiedSignature | null, statement: SealStatement | null): SealVerdict {
    const done = new Set(this.#claims.map(({ name }) => name));
    const rest = sealChecks.filter((name) => !done.has(name));
    return {
      file: this.#file,
      outcome: this.#failure === null ? "verified" : "failed",
      code: this.#failure?.code ?? null,
      detail: this.#failure?.detail ?? null,
      kind: statement?.kind ?? null,
      signer:
        signature === null
          ? null
          : { id: signature.signer.id, keyid: signature.keyid, algorithm: signature.algorithm },
      issuedAt: statement?.claim.issuedAt ?? null,
      expires: statement?.claim.expires ?? null,
      trustedTime: signature?.trustedTime ?? null,
      claims: [...this.#claims, ...rest.map((name): SealClaim => ({ name, status: "skipped" }))],
      statement,
    };
  }
}

const payloadTypeProblem = (payloadType: string): Outcome =>
  payloadType === sealTypes.payload
    ? null
    : {
        code: "seal/payload-type",
        detail: "the signed payload is no in-toto statement",
        expected: sealTypes.payload,
        actual: payloadType.slice(0, 160),
      };

/** @param what what it is of or for, where it may name none */
function differs(code: Code, expected: string, actual: string | null, lead: string, what = ""): Outcome {
  if (expected === actual) return null;
  const detail = `${lead} ${actual ?? `no ${what} in particular`}`;
  return { code, detail, expected, actual: actual ?? "none" };
}

function subjectProblem(actual: SealSubject, expected: SealSubject): Outcome {
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
function repositoryProblem({ subject, claim, verifier }: SealStatement, expected: string | null): Outcome {
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
function signerProblem(
  { kind, subject, claim, verifier }: SealStatement,
  signature: VerifiedSignature,
): Outcome {
  const { signer, keyid, algorithm } = signature;
  const scope = (detail: string, expected: string, actual: string): Outcome => ({
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

/** Both lists are sorted; a file that came, went or changed is named. */
function closureProblem(now: readonly Resource[], sealed: readonly Resource[]): Outcome {
  const before = new Map(sealed.map(({ name, digest }) => [name, formatDigest(digest)]));
  const after = new Map(now.map(({ name, digest }) => [name, formatDigest(digest)]));
  const changed = [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .toSorted();
  const [first] = changed;
  if (first === undefined) return null;
  const shown = changed.slice(0, 5).join(", ");
  const more = changed.length > 5 ? ` and ${changed.length - 5} more` : "";
  return {
    code: "seal/closure-changed",
    detail: `since it was made, these changed: ${shown}${more}`,
    expected: `${first} ${before.get(first) ?? "absent"}`,
    actual: `${first} ${after.get(first) ?? "absent"}`,
  };
}

/**
 * Times are the signer's own word unless there is a trusted one, which then must lie in the signer's validity too. A
 * claim from the future would outlive what it is compared with.
 */
function timeProblem(
  { kind, subject, claim }: SealStatement,
  { signer: { validFrom, validTo }, trustedTime }: VerifiedSignature,
  root: TrustRoot,
  now: Instant,
): Outcome {
  const { issuedAt, expires } = claim;
  const time = (code: Code, detail: string, expected: string, actual: Instant): Outcome => ({
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
function revocationProblem(
  { signer, keyid, trustedTime }: VerifiedSignature,
  { revoked }: TrustRoot,
): Outcome {
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

const policyProblem = (made: Digest, holds: Digest): Outcome =>
  sameDigest(made, holds)
    ? null
    : {
        code: "seal/policy-mismatch",
        detail: "it was made under another policy than the one that holds here",
        expected: formatDigest(holds),
        actual: formatDigest(made),
      };
