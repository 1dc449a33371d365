import type { Code } from "../codes.ts";
import { sha256Of, type Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { Resource, SealStatement, SealSubject } from "./claim.ts";
import { readSealDocument, type SealDocument } from "./seal-document.ts";
import {
  closureProblem,
  differs,
  payloadTypeProblem,
  policyProblem,
  repositoryProblem,
  revocationProblem,
  signerProblem,
  subjectProblem,
  timeProblem,
  type SealProblem,
  type VerifiedSignature,
} from "./seal-problems.ts";
import { verifySealSignature, type SealTrust } from "./seal-signature.ts";
import { decodeSealStatement } from "./statement.ts";
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

  #check(name: SealCheck, found: SealProblem | (() => SealProblem)): void {
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
