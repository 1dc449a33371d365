import { digestFromHex, type Digest } from "../digest.ts";
import { isJsonObject, jsonMember, parseJson } from "../json.ts";
import { parsePurl, type Ecosystem } from "../purl.ts";
import { matchesProject, sameDistribution } from "../pypi/distribution.ts";
import type { Code } from "../codes.ts";
import { utf8 } from "./fulcio-extension.ts";

export type Subject = { name: string; digests: readonly Digest[] };

/** An in-toto Statement, v0.1 or v1. */
export type Statement = { predicateType: string; predicate: unknown; subjects: readonly Subject[] };
export type StatementResult = { ok: true; statement: Statement } | { ok: false; code: Code; detail: string };

/**
 * What a statement must be about. A part that is not known is null (or an empty list) and its check `skipped`.
 * Digests of several algorithms are of the same bytes.
 */
export type Target = {
  ecosystem: Ecosystem | null;
  name: string | null;
  version: string | null;
  file: string | null;
  digests: readonly Digest[];
};

type CheckStatus = { status: "pass" | "skipped" } | { status: "fail"; code: Code; detail: string };
export type SubjectChecks = { subject: CheckStatus; digest: CheckStatus };

/** Who demands what of subjects: a registry's own format, or a bundle that may be about anything. */
export type SubjectRule = "npm" | "pypi" | "any";

export const inTotoPayloadType = "application/vnd.in-toto+json";
const statementTypes: ReadonlySet<unknown> = new Set([
  "https://in-toto.io/Statement/v0.1",
  "https://in-toto.io/Statement/v1",
]);
const maximumDepth = 64;
const maximumSubjects = 4096;

/** Reads a signed payload as an in-toto Statement: UTF-8, no key twice, named subjects, a predicate type. */
export function readStatement(payloadType: string, payload: Uint8Array): StatementResult {
  if (payloadType !== inTotoPayloadType)
    return refuse("attestation/payload-type", JSON.stringify(payloadType.slice(0, 160)));
  const text = utf8(payload);
  const parsed = text === null ? null : parseJson(text, maximumDepth);
  if (parsed === null || !parsed.ok)
    return malformed(parsed === null ? "the statement is not UTF-8" : parsed.problem.detail);
  const { value } = parsed;
  if (!isJsonObject(value) || !statementTypes.has(jsonMember(value, "_type")))
    return malformed("_type is not an in-toto Statement");
  const predicateType = jsonMember(value, "predicateType");
  if (typeof predicateType !== "string" || predicateType === "") return malformed("predicateType is missing");
  const listed = jsonMember(value, "subject");
  if (!Array.isArray(listed) || listed.length === 0) return malformed("the statement has no subject");
  if (listed.length > maximumSubjects)
    return malformed(`the statement has more than ${maximumSubjects} subjects`);
  const subjects = listed.map((subject: unknown) => readSubject(subject));
  if (!subjects.every((subject) => subject !== null))
    return malformed("a subject lacks its name or digest, or has a malformed one");
  return {
    ok: true,
    statement: { predicateType, predicate: jsonMember(value, "predicate") ?? null, subjects },
  };
}

/** Digests of algorithms that bind nothing here (sha1, gitCommit) are left out; a SHA-2 digest must be one. */
function readSubject(value: unknown): Subject | null {
  if (!isJsonObject(value)) return null;
  const [name, digest] = [jsonMember(value, "name"), jsonMember(value, "digest")];
  if (typeof name !== "string" || !isJsonObject(digest)) return null;
  const digests: Digest[] = [];
  for (const algorithm of ["sha256", "sha384", "sha512"]) {
    const hex = jsonMember(digest, algorithm);
    if (hex === undefined) continue;
    const read = typeof hex === "string" ? digestFromHex(algorithm, hex) : null;
    if (read === null) return null;
    digests.push(read);
  }
  return { name, digests };
}

/**
 * Compares a statement with its target. npm: exactly one subject, a purl that names package and version, with
 * sha512. PyPI (PEP 740): exactly one subject, a file name that parses to the same distribution, with sha256.
 * Elsewhere one subject must match in everything that the target knows.
 */
export function checkSubjects(
  { subjects }: Statement,
  target: Target | null,
  rule: SubjectRule,
): SubjectChecks {
  const [only] = subjects;
  if (rule === "any" || only === undefined) return bestMatch(subjects, target);
  if (subjects.length > 1)
    return both(
      "attestation/statement-malformed",
      `the statement has ${subjects.length} subjects, one is expected`,
    );
  const algorithm = rule === "npm" ? "sha512" : "sha256";
  if (!only.digests.some((digest) => digest.algorithm === algorithm)) {
    return both("attestation/statement-malformed", `the subject has no ${algorithm} digest`);
  }
  if (rule === "npm" && parsePurl(only.name)?.ecosystem !== "npm") {
    return both("attestation/statement-malformed", `the subject ${shown(only.name)} is not an npm purl`);
  }
  return checkSubject(only, target);
}

function bestMatch(subjects: readonly Subject[], target: Target | null): SubjectChecks {
  const checked = subjects.map((subject) => checkSubject(subject, target));
  const failures = ({ subject, digest }: SubjectChecks): number =>
    Number(subject.status === "fail") + Number(digest.status === "fail");
  const best = checked.reduce<SubjectChecks | null>(
    (first, next) => (first === null || failures(next) < failures(first) ? next : first),
    null,
  );
  return best ?? both("attestation/statement-malformed", "the statement has no subject");
}

const checkSubject = (subject: Subject, target: Target | null): SubjectChecks => ({
  subject: target === null ? { status: "skipped" } : checkName(subject.name, target),
  digest: target === null ? { status: "skipped" } : checkDigests(subject, target.digests),
});

function checkName(name: string, { ecosystem, name: project, version, file }: Target): CheckStatus {
  if (ecosystem === "npm") {
    if (project === null || version === null) return { status: "skipped" };
    const purl = parsePurl(name);
    return verdict(purl?.ecosystem === "npm" && purl.name === project && purl.version === version, name);
  }
  if (ecosystem === "pypi") {
    if (file !== null) return verdict(sameDistribution(file, name), name);
    return project === null || version === null
      ? { status: "skipped" }
      : verdict(matchesProject(name, project, version), name);
  }
  return file === null ? { status: "skipped" } : verdict(name === file, name);
}

const verdict = (same: boolean, name: string): CheckStatus =>
  same
    ? { status: "pass" }
    : {
        status: "fail",
        code: "attestation/subject-mismatch",
        detail: `the statement is about ${shown(name)}`,
      };

/** Every digest that both sides know must agree, and there must be one. */
function checkDigests(subject: Subject, digests: readonly Digest[]): CheckStatus {
  if (digests.length === 0) return { status: "skipped" };
  const known = subject.digests.flatMap(({ algorithm, hex }) => {
    const ours = digests.find((digest) => digest.algorithm === algorithm);
    return ours === undefined ? [] : [{ same: ours.hex === hex, algorithm, hex }];
  });
  const other = known.find(({ same }) => !same);
  if (other !== undefined) return digestFailure(`the statement says ${other.algorithm}:${other.hex}`);
  if (known.length > 0) return { status: "pass" };
  const ours = digests.map(({ algorithm }) => algorithm).join(" or ");
  return digestFailure(`the statement has no ${ours} digest to compare`);
}

const digestFailure = (detail: string): CheckStatus => ({
  status: "fail",
  code: "attestation/digest-mismatch",
  detail,
});
const both = (code: Code, detail: string): SubjectChecks => ({
  subject: { status: "fail", code, detail },
  digest: { status: "skipped" },
});
const shown = (name: string): string => JSON.stringify(name.slice(0, 200));
const refuse = (code: Code, detail: string): StatementResult => ({ ok: false, code, detail });
const malformed = (detail: string): StatementResult => refuse("attestation/statement-malformed", detail);
