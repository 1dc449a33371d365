import { lockFormats } from "../lockfile/package-set.ts";
import type { Position } from "../position.ts";
import { sealAlgorithms, sealKinds } from "../seal/claim.ts";
import { sealChecks, type SealClaim } from "../seal/verdict.ts";
import type { Identity } from "../verify/identity.ts";
import { levels, type Claim } from "../verify/verdict.ts";
import type { Chain } from "./chains.ts";
import type {
  EvidenceCount,
  LockfileReport,
  RegistrySummary,
  Report,
  ReportCounts,
  ReportedAttestation,
  ReportedFinding,
  ReportedSeal,
  ReportedVerdict,
  RootReport,
} from "./report.ts";
import { outcomes, statuses } from "./status.ts";

type Schema = { readonly [key: string]: unknown };

const text: Schema = { type: "string" };
const natural: Schema = { type: "integer", minimum: 0 };
const flag: Schema = { type: "boolean" };
const instant: Schema = { type: "string", format: "date-time" };
const digest: Schema = {
  type: "string",
  pattern: "^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$",
};
const code: Schema = { type: "string", pattern: "^[a-z]+/[a-z]+(-[a-z]+)*$" };
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const oneOf = (...values: readonly (string | number)[]): Schema => ({ enum: values });
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: "null" }] });
const list = (items: Schema): Schema => ({ type: "array", items });

/** Exactly the properties of a type: each is required unless named in `optional`, and no other is written. */
function object<T>(
  properties: { readonly [K in keyof T]-?: Schema },
  optional: readonly (keyof T)[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name as keyof T));
  return { type: "object", properties, required, additionalProperties: false };
}

const tally = (names: readonly string[]): Schema =>
  object<Record<string, unknown>>(Object.fromEntries(names.map((name) => [name, natural])));

const outcome = oneOf(...outcomes);
const decisionOutcome = oneOf("allow", "block", "incomplete");
const layerKind = oneOf("managed", "base", "head");
const ecosystem = oneOf("npm", "pypi", "jsr");
const offer = oneOf("offered", "none", "not asked", "unavailable");
const status = oneOf("pass", "fail", "skipped");
const slsaBuild = oneOf(0, 1, 2, 3);
const timeSource = oneOf("log", "tsa", "unsigned", "none");
const format = oneOf(...lockFormats);

const definitions: Readonly<Record<string, Schema>> = {
  position: object<Position>({
    path: text,
    line: { type: "integer", minimum: 1 },
    column: { type: "integer", minimum: 1 },
  }),
  identity: object<Identity>({
    issuerName: orNull(oneOf("github", "gitlab", "circleci", "buildkite", "google")),
    issuer: text,
    san: text,
    repository: orNull(text),
    repositoryUri: orNull(text),
    repositoryId: orNull(text),
    owner: orNull(text),
    ownerId: orNull(text),
    workflow: orNull(text),
    buildConfigUri: orNull(text),
    workflowFrom: orNull(oneOf("build-config", "san")),
    signer: orNull(text),
    ref: orNull(text),
    commit: orNull(text),
    event: orNull(text),
    runner: orNull(text),
    runUrl: orNull(text),
    email: orNull(text),
  }),
  claim: object<Claim>(
    {
      name: oneOf("digest", "source", "listing", "registry-signature", "attestation", "provenance"),
      status,
      code,
      expected: text,
      actual: text,
    },
    ["code", "expected", "actual"],
  ),
  attestation: object<ReportedAttestation>({
    index: natural,
    predicateType: orNull(text),
    subject: orNull(text),
    outcome,
    code: orNull(code),
    detail: orNull(text),
    role: oneOf("provenance", "publish", "other"),
    identity: orNull(ref("identity")),
    keyid: orNull(text),
    slsaBuild,
    logTime: orNull(instant),
    logIndex: orNull(text),
    time: timeSource,
    checks: list(
      object<ReportedAttestation["checks"][number]>(
        { name: oneOf("signature", "statement", "subject", "digest", "identity"), status, code },
        ["code"],
      ),
    ),
  }),
  verdict: object<ReportedVerdict>({
    purl: text,
    artefact: orNull(digest),
    file: orNull(text),
    at: ref("position"),
    registry: orNull(text),
    status: oneOf(...statuses),
    outcome,
    level: oneOf(...levels),
    identity: orNull(ref("identity")),
    slsaBuild,
    time: timeSource,
    published: orNull(
      object<NonNullable<ReportedVerdict["published"]>>({
        at: instant,
        source: oneOf("log", "tsa", "unsigned"),
      }),
    ),
    claims: list(ref("claim")),
    attestations: list(ref("attestation")),
  }),
  chain: object<Chain>({ packages: list(text), omitted: natural }),
  finding: object<ReportedFinding>({
    code,
    kind: oneOf("refused", "unverified", "unknown", "note"),
    effect: oneOf("block", "warn", "note"),
    purl: orNull(text),
    digest: orNull(digest),
    at: ref("position"),
    why: text,
    fix: text,
    requiredBy: orNull(text),
    exception: orNull(text),
    chain: orNull(ref("chain")),
  }),
  seal: object<ReportedSeal>({
    file: text,
    kind: orNull(oneOf(...sealKinds)),
    outcome: oneOf("verified", "failed"),
    code: orNull(code),
    detail: orNull(text),
    signer: orNull(
      object<NonNullable<ReportedSeal["signer"]>>({
        id: text,
        keyid: text,
        algorithm: oneOf(...sealAlgorithms),
      }),
    ),
    issuedAt: orNull(instant),
    expires: orNull(instant),
    trustedTime: orNull(
      object<NonNullable<ReportedSeal["trustedTime"]>>({ at: instant, source: oneOf("log", "tsa") }),
    ),
    claims: list(
      object<SealClaim>({ name: oneOf(...sealChecks), status, code, expected: text, actual: text }, [
        "code",
        "expected",
        "actual",
      ]),
    ),
  }),
  lockfile: object<LockfileReport>({
    path: text,
    format,
    formatVersion: orNull(text),
    digest: orNull(digest),
    setDigest: orNull(digest),
    outcome: decisionOutcome,
    packages: natural,
    artefacts: natural,
    evidence: oneOf("checked", "summary"),
    approvals: list(text),
    seals: list(ref("seal")),
    verdicts: list(ref("verdict")),
  }),
  registry: object<RegistrySummary>({
    registry: text,
    ecosystem,
    signatures: offer,
    attestations: offer,
    packages: natural,
    locked: natural,
  }),
  evidence: object<EvidenceCount>({
    kind: oneOf("listing", "signatures", "attestations"),
    state: oneOf("found", "absent", "unavailable", "not asked"),
    origin: orNull(text),
    artefacts: natural,
  }),
  root: object<RootReport>({
    source: text,
    updated: orNull(instant),
    ageDays: orNull(natural),
    maxAgeDays: natural,
    stale: flag,
  }),
};

/** The JSON schema (draft 2020-12) of {@link Report}, published as `schema/report-1.json`. */
export const reportSchema: Schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "urn:countersign:report:1",
  title: "Countersign report, version 1",
  ...object<Report>({
    schema: { const: "countersign/report/1" },
    tool: object<Report["tool"]>({ name: { const: "countersign" }, version: text }),
    at: instant,
    enforcement: oneOf("hook", "wrapper", "ci", "command"),
    platform: oneOf("current", "all"),
    decision: object<Report["decision"]>({
      mode: oneOf("disabled", "warn", "strict"),
      outcome: decisionOutcome,
      strict: decisionOutcome,
    }),
    lockfiles: list(ref("lockfile")),
    registries: list(ref("registry")),
    evidence: list(ref("evidence")),
    root: orNull(ref("root")),
    policy: object<Report["policy"]>({
      layers: list(object<Report["policy"]["layers"][number]>({ kind: layerKind, path: text })),
      builtIn: flag,
    }),
    counts: object<ReportCounts>({
      packages: natural,
      artefacts: natural,
      local: natural,
      failed: natural,
      unchecked: natural,
      byLevel: tally(levels),
      byOutcome: tally(outcomes),
      byStatus: tally(statuses),
    }),
    requests: natural,
    findings: list(ref("finding")),
  }),
  $defs: definitions,
};
