import { Buffer } from "node:buffer";
import type {
  AttestationDocument,
  AttestationFormat,
  DocumentedAttestation,
} from "../evidence/attestation-document.ts";
import type { Code } from "../codes.ts";
import { kindOf } from "../codes.ts";
import type { VerifiedBundle } from "./bundle.ts";
import { identityOf, type Identity } from "./identity.ts";
import { checkPublisher } from "./publisher.ts";
import { reportedBuildLevel } from "./slsa.ts";
import { checkSubjects, readStatement, type Statement, type SubjectRule, type Target } from "./statement.ts";
import type { RegistryKey, TrustMaterial } from "./trust.ts";
import type { AttestationVerdict, Outcome } from "./verdict.ts";

export type AttestationContext = {
  bundles: TrustMaterial["bundles"];
  /** The registry's keys; those of other usages than `npm:attestations` are ignored. */
  keys: readonly RegistryKey[];
};

type Check = AttestationVerdict["checks"][number];
type Role = AttestationVerdict["role"];
type Predicate = { role: Role; signedBy: "key" | "certificate"; in: ReadonlySet<AttestationFormat> };

const npm: readonly AttestationFormat[] = ["npm-attestations"];
const pypi: readonly AttestationFormat[] = ["pep740-provenance", "pep740-attestation"];
const plain: readonly AttestationFormat[] = ["bundle", "bundle-lines"];

/** Predicates that say something here, who must sign them, and in which documents. */
const predicates: ReadonlyMap<string, Predicate> = new Map([
  [
    "https://slsa.dev/provenance/v0.2",
    { role: "provenance", signedBy: "certificate", in: new Set([...npm, ...plain]) },
  ],
  [
    "https://slsa.dev/provenance/v1",
    { role: "provenance", signedBy: "certificate", in: new Set([...npm, ...pypi, ...plain]) },
  ],
  [
    "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
    { role: "publish", signedBy: "key", in: new Set([...npm, ...plain]) },
  ],
  [
    "https://docs.pypi.org/attestations/publish/v1",
    { role: "publish", signedBy: "certificate", in: new Set([...pypi, ...plain]) },
  ],
]);

/**
 * Verifies every attestation of a document and holds it against the target: bundle, statement, subject, digest,
 * signer. Never empty-handed: what cannot be read stays in the list as `refused`.
 * @param target what the attestations must be about; null, or a part of it missing, skips that check
 * @returns one verdict per attestation, in the document's order
 */
export function verifyAttestations(
  document: AttestationDocument,
  target: Target | null,
  context: AttestationContext,
): readonly AttestationVerdict[] {
  return document.attestations.map((attestation, index) => {
    const draft = new Draft(index, attestation.predicateType);
    if (attestation.state === "malformed")
      return draft.refuse("signature", attestation.code, attestation.detail);
    if (context.bundles.state === "unavailable")
      return draft.stop("signature", context.bundles.code, context.bundles.detail);
    const result = context.bundles.value.verify(attestation.bundle, {
      keys: context.keys,
      digests: target?.digests ?? [],
    });
    if (!result.ok) return draft.stop("signature", result.code, result.detail);
    draft.signed(result.value);
    if (pypi.includes(document.format) && hasOtherCurve(result.value))
      return draft.refuse("signature", "attestation/key-algorithm", "PEP 740 takes ECDSA keys on P-256 only");
    return judge(draft, attestation, result.value, document.format, target);
  });
}

/**
 * The worst of the parts: `refused`, then `unknown`, then `unverified`, then `verified`. No parts at all
 * are `unverified`.
 */
export function foldOutcome(verdicts: readonly { outcome: Outcome }[]): Outcome {
  const outcomes = new Set(verdicts.map(({ outcome }) => outcome));
  const worst: readonly Outcome[] = ["refused", "unknown", "unverified", "verified"];
  return worst.find((outcome) => outcomes.has(outcome)) ?? "unverified";
}

function judge(
  draft: Draft,
  attestation: Extract<DocumentedAttestation, { state: "read" }>,
  bundle: VerifiedBundle,
  format: AttestationFormat,
  target: Target | null,
): AttestationVerdict {
  const isPlain = plain.includes(format);
  const { content } = bundle;
  if (content.kind === "message") {
    // The verifier compared the digest: it takes no message bundle without one.
    if (isPlain) return draft.message();
    return draft.refuse(
      "statement",
      "attestation/payload-type",
      "a registry's attestation is a signed statement, not a signed file",
    );
  }
  const read = readStatement(content.payloadType, content.payload);
  if (!read.ok) return draft.refuse("statement", read.code, read.detail);
  const { statement } = read;
  draft.stated(statement);
  if (attestation.predicateType !== null && attestation.predicateType !== statement.predicateType) {
    const label = JSON.stringify(attestation.predicateType.slice(0, 160));
    return draft.refuse(
      "statement",
      "attestation/predicate-mismatch",
      `labelled ${label}, signed as ${JSON.stringify(statement.predicateType.slice(0, 160))}`,
    );
  }
  const known = predicates.get(statement.predicateType);
  const predicate = known?.in.has(format) === true ? known : null;
  draft.pass("statement");
  const subjects = checkSubjects(statement, target, isPlain ? plainRule(statement) : ruleOf(format));
  draft.role = predicate?.role ?? "other";
  for (const name of ["subject", "digest"] as const) {
    const check = subjects[name];
    if (check.status === "fail") return draft.refuse(name, check.code, check.detail);
    draft.add({ name, status: check.status });
  }
  if (predicate === null && !isPlain)
    return draft.stop("identity", "attestation/predicate-unknown", statement.predicateType.slice(0, 200));
  return judgeSigner(draft, statement, predicate, bundle, attestation);
}

/** SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point (RFC 5480 §2). */
const p256 = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");

const hasOtherCurve = ({ signer }: VerifiedBundle): boolean =>
  signer.kind === "certificate" && !p256.equals(signer.certificate.publicKey.subarray(0, p256.length));

const ruleOf = (format: AttestationFormat): SubjectRule => (npm.includes(format) ? "npm" : "pypi");

/** A plain bundle is about anything, but npm's publish statement is npm's wherever it lies. */
const plainRule = ({ predicateType }: Statement): SubjectRule =>
  predicates.get(predicateType)?.signedBy === "key" ? "npm" : "any";

function judgeSigner(
  draft: Draft,
  statement: Statement,
  predicate: Predicate | null,
  { signer }: VerifiedBundle,
  { publisher }: Extract<DocumentedAttestation, { state: "read" }>,
): AttestationVerdict {
  if (predicate !== null && predicate.signedBy !== signer.kind) {
    const expected = predicate.signedBy === "key" ? "the registry's key" : "a builder's certificate";
    return draft.refuse(
      "identity",
      "attestation/key-not-keyless",
      `${statement.predicateType.slice(0, 200)} is signed by ${expected} only`,
    );
  }
  const { identity } = draft;
  if (identity === null) return draft.verified(0);
  if (publisher !== null) {
    const published = checkPublisher(publisher, identity);
    if (!published.ok) return draft.refuse("identity", published.code, published.detail);
  }
  if (predicate !== null && !isBuilder(identity)) {
    return draft.refuse(
      "identity",
      "identity/not-a-builder",
      `${JSON.stringify(identity.san.slice(0, 200))} is not a build platform's`,
    );
  }
  return draft.verified(
    predicate?.role === "provenance"
      ? reportedBuildLevel(statement.predicateType, statement.predicate, identity)
      : 0,
  );
}

/** Of e-mail addresses only a Google service account can be a workload; every other is a person. */
const isBuilder = ({ email }: Identity): boolean => email === null || email.endsWith(".gserviceaccount.com");

/** One verdict as it grows: what has been established stays in it, whatever fails next. */
class Draft {
  role: Role = "other";
  identity: Identity | null = null;
  readonly #index: number;
  readonly #checks: Check[] = [];
  #predicateType: string | null;
  #subject: string | null = null;
  #bundle: VerifiedBundle | null = null;

  constructor(index: number, predicateType: string | null) {
    this.#index = index;
    this.#predicateType = predicateType;
  }

  signed(bundle: VerifiedBundle): void {
    this.#bundle = bundle;
    this.identity = bundle.signer.kind === "certificate" ? identityOf(bundle.signer.certificate) : null;
    this.pass("signature");
  }

  stated({ predicateType, subjects }: Statement): void {
    this.#predicateType ??= predicateType;
    this.#subject = subjects[0]?.name ?? null;
  }

  pass(name: Check["name"]): void {
    this.add({ name, status: "pass" });
  }

  add(check: Check): void {
    this.#checks.push(check);
  }

  refuse(name: Check["name"], code: Code, detail: string): AttestationVerdict {
    this.add({ name, status: "fail", code });
    return this.#verdict("refused", code, detail, 0);
  }

  /** Ends with the outcome that the code's kind stands for. */
  stop(name: Check["name"], code: Code, detail: string): AttestationVerdict {
    const kind = kindOf(code);
    if (kind !== "unverified" && kind !== "unknown") return this.refuse(name, code, detail);
    this.add({ name, status: "skipped", code });
    return this.#verdict(kind, code, detail, 0);
  }

  message(): AttestationVerdict {
    this.add({ name: "statement", status: "skipped" });
    this.add({ name: "subject", status: "skipped" });
    this.pass("digest");
    return this.verified(0);
  }

  verified(slsaBuild: AttestationVerdict["slsaBuild"]): AttestationVerdict {
    this.pass("identity");
    return this.#verdict("verified", null, null, slsaBuild);
  }

  #verdict(
    outcome: Outcome,
    code: Code | null,
    detail: string | null,
    slsaBuild: AttestationVerdict["slsaBuild"],
  ): AttestationVerdict {
    const bundle = this.#bundle;
    return {
      index: this.#index,
      predicateType: this.#predicateType,
      subject: this.#subject,
      outcome,
      code,
      detail,
      role: this.role,
      identity: this.identity,
      keyid: bundle?.signer.kind === "key" ? bundle.signer.keyid : null,
      slsaBuild,
      logTime: bundle?.logTime ?? null,
      logIndex: bundle?.logIndex ?? null,
      time: bundle?.time?.source ?? "none",
      checks: this.#checks,
    };
  }
}
