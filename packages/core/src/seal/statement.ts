import { Buffer } from "node:buffer";
import canonicalize from "canonicalize";
import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import { formatInstant } from "../instant.ts";
import { isJsonObject, jsonMember, parseJson } from "../json.ts";
import { levels, type Level } from "../verify/verdict.ts";
import { utf8 } from "../verify/fulcio-extension.ts";
import { ClaimReader } from "./claim-reader.ts";
import { sealTypes, type LockfileClaim, type SealKind, type SealStatement } from "./claim.ts";

export type SealStatementResult =
  | { ok: true; value: SealStatement }
  | { ok: false; code: Extract<Code, `seal/${string}`>; detail: string };

const maximumDepth = 16;

/** Names of levels in a summary's `dependencyLevels`; those of SLSA's own track must not be used for ours. */
const dependencyLevels: Readonly<Record<Level, string>> = {
  unlocked: "COUNTERSIGN_UNLOCKED",
  locked: "COUNTERSIGN_LOCKED",
  signed: "COUNTERSIGN_SIGNED",
  provenance: "COUNTERSIGN_PROVENANCE",
};
const verifiedLevel = "COUNTERSIGN_STRICT";

/**
 * The payload of a seal: an in-toto Statement v1 with one subject, in RFC 8785 form. Its predicate is the claim
 * itself, or for a summary an SLSA VSA v1 that carries the claim as its lockfile extension.
 */
export function encodeSealStatement(statement: Omit<SealStatement, "verifier">, verifierId: string): Buffer {
  const { kind, subject, claim } = statement;
  const predicate = claimJson(claim);
  return Buffer.from(
    canonicalize({
      _type: sealTypes.statement,
      subject: [{ name: subject.path, digest: digestJson(subject.digest) }],
      predicateType: sealTypes[kind],
      predicate: kind === "approval" ? predicate : summaryJson(claim, subject.path, verifierId, predicate),
    }) as string,
  );
}

/**
 * Reads a payload whose signature holds: UTF-8, no key twice, one subject with a sha256 digest, a predicate of one of
 * the two kinds. Members that are not known are ignored (in-toto's monotonic principle): nothing depends on them.
 */
export function decodeSealStatement(payload: Uint8Array): SealStatementResult {
  const text = utf8(payload);
  const parsed = text === null ? null : parseJson(text, maximumDepth);
  if (parsed === null) return malformed("the payload is not UTF-8");
  if (!parsed.ok) return malformed(parsed.problem.detail);
  const { value } = parsed;
  if (!isJsonObject(value) || jsonMember(value, "_type") !== sealTypes.statement)
    return malformed("_type is not an in-toto Statement v1");
  const predicateType = jsonMember(value, "predicateType");
  const kind = kindOf(predicateType);
  if (kind === null) {
    const named = typeof predicateType === "string" ? predicateType.slice(0, 160) : "none";
    return { ok: false, code: "seal/predicate-unknown", detail: `the predicate type is ${named}` };
  }
  const reader = new ClaimReader();
  const statement = reader.statement(value, kind);
  return reader.problem === null ? { ok: true, value: statement } : malformed(reader.problem);
}

/** `git+https://…@refs/heads/main#package-lock.json`: what a summary is about, so that none is taken for another. */
export const resourceUri = (repository: string | null, ref: string | null, path: string): string =>
  `${repository === null ? "" : `git+${repository}`}${ref === null ? "" : `@${ref}`}#${path}`;

const kindOf = (predicateType: unknown): SealKind | null => {
  if (predicateType === sealTypes.approval) return "approval";
  return predicateType === sealTypes.summary ? "summary" : null;
};

const malformed = (detail: string): SealStatementResult => ({
  ok: false,
  code: "seal/statement-malformed",
  detail,
});

const digestJson = (digest: Digest): Record<string, string> => ({ [digest.algorithm]: digest.hex });

const claimJson = (claim: LockfileClaim): Record<string, unknown> => ({
  format: claim.format,
  formatVersion: claim.formatVersion,
  packages: claim.packages,
  setDigest: digestJson(claim.setDigest),
  resources: claim.resources.map(({ name, digest }) => ({ name, digest: digestJson(digest) })),
  signer: claim.signer,
  issuedAt: formatInstant(claim.issuedAt),
  expires: claim.expires === null ? null : formatInstant(claim.expires),
  repository: claim.repository,
  ref: claim.ref,
  baseCommit: claim.baseCommit,
  policy: digestJson(claim.policy),
  trust: claim.trust === null ? null : digestJson(claim.trust),
  evidence: claim.evidence === null ? null : digestJson(claim.evidence),
  levels: Object.fromEntries(levels.map((level) => [level, claim.levels[level]])),
  tool: claim.tool,
});

/** https://slsa.dev/spec/v1.1/verification_summary */
const summaryJson = (
  claim: LockfileClaim,
  path: string,
  verifierId: string,
  extension: Record<string, unknown>,
): Record<string, unknown> => ({
  verifier: { id: verifierId, version: { [claim.tool.name]: claim.tool.version } },
  timeVerified: formatInstant(claim.issuedAt),
  resourceUri: resourceUri(claim.repository, claim.ref, path),
  policy: { uri: "file:.countersign/policy.yaml", digest: digestJson(claim.policy) },
  verificationResult: "PASSED",
  verifiedLevels: [verifiedLevel],
  dependencyLevels: Object.fromEntries(
    levels
      .filter((level) => claim.levels[level] > 0)
      .map((level) => [dependencyLevels[level], claim.levels[level]]),
  ),
  slsaVersion: "1.1",
  [sealTypes.extension]: extension,
});
