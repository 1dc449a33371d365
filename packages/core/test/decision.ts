import { digestFromHex, type Digest } from "../src/digest.ts";
import { parseInstant, type Instant } from "../src/instant.ts";
import { noMarkers, type LockedPackage, type PackageSet, type Source } from "../src/lockfile/package-set.ts";
import type { Finding } from "../src/finding.ts";
import { decide } from "../src/policy/decide.ts";
import { lockfileContext, type DecisionContext } from "../src/policy/context.ts";
import type { Decision } from "../src/policy/decision.ts";
import { mergePolicy } from "../src/policy/merge.ts";
import type { LayerKind, Policy, PolicyLayer } from "../src/policy/policy.ts";
import { readPolicy } from "../src/policy/read-policy.ts";
import { formatPurl, type Ecosystem } from "../src/purl.ts";
import type { Identity } from "../src/verify/identity.ts";
import type { Verdict } from "../src/verify/verdict.ts";

export const now: Instant = parseInstant("2026-11-21T12:00:00Z") as Instant;
export const npmHost = "https://npm.acme.example/";
export const pypiHost = "https://pypi.acme.example/simple/";
const zero = digestFromHex("sha256", "0".repeat(64)) as Digest;

/** A layer from its YAML; throws with the findings when it is refused. */
export function layer(yaml: string, kind: LayerKind = "head", path = `${kind}.yaml`): PolicyLayer {
  const read = readPolicy(path, yaml.startsWith("version:") ? yaml : `version: 1\n${yaml}`, kind);
  if (!read.ok) throw new Error(read.findings.map(({ why }) => why).join("\n"));
  return read.value;
}

export const policyOf = (yaml: string): Policy => mergePolicy([layer(yaml)], now);

export const digestOf = (text: string): Digest =>
  digestFromHex(
    "sha512",
    [...text]
      .map((c) => c.charCodeAt(0).toString(16).padStart(4, "0"))
      .join("")
      .padEnd(128, "0")
      .slice(0, 128),
  ) as Digest;

let line = 1;

/** A package of a registry with one artefact; anything may be overridden. */
export function locked(
  name: string,
  overrides: Partial<LockedPackage> & { ecosystem?: Ecosystem } = {},
): LockedPackage {
  const { ecosystem = "npm", ...rest } = overrides;
  const version = rest.version ?? "1.0.0";
  line += 1;
  const at = { path: "the.lock", line, column: 1 };
  const registry = ecosystem === "npm" ? npmHost : pypiHost;
  const source: Source = rest.source ?? { kind: "registry", ecosystem, registry };
  const file = ecosystem === "pypi" ? `${name}-${version}-py3-none-any.whl` : null;
  const digest = digestOf(`${name}@${version}`);
  return {
    purl: formatPurl({ ecosystem, name, version }),
    name,
    version,
    artefacts: [{ form: ecosystem === "pypi" ? "wheel" : "tarball", file, url: null, digest, at }],
    aliases: [],
    requires: [],
    markers: noMarkers,
    at,
    ...rest,
    source,
  };
}

export const setOf = (packages: readonly LockedPackage[], problems: readonly Finding[] = []): PackageSet => ({
  lockfile: { path: "the.lock", format: "package-lock", formatVersion: "3", digest: zero },
  setDigest: zero,
  packages,
  problems,
});

export const builder: Identity = {
  issuerName: "github",
  issuer: "https://issuer.example",
  san: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1.0.0",
  repository: "acme/widgets",
  repositoryUri: "https://github.com/acme/widgets",
  buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1.0.0",
  repositoryId: "42",
  owner: "acme",
  ownerId: "7",
  workflow: ".github/workflows/release.yml",
  workflowFrom: "build-config",
  signer: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1.0.0",
  ref: "refs/tags/v1.0.0",
  commit: "c".repeat(40),
  event: "push",
  runner: "github-hosted",
  runUrl: null,
  email: null,
};

const claims: Record<Verdict["level"], Verdict["claims"]> = {
  unlocked: [{ name: "listing", status: "skipped", code: "listing/absent" }],
  locked: [
    { name: "digest", status: "pass" },
    { name: "listing", status: "pass" },
    { name: "registry-signature", status: "skipped", code: "signature/absent" },
    { name: "attestation", status: "skipped", code: "attestation/absent" },
    { name: "provenance", status: "skipped", code: "attestation/absent" },
  ],
  signed: [
    { name: "digest", status: "pass" },
    { name: "listing", status: "pass" },
    { name: "registry-signature", status: "pass" },
    { name: "attestation", status: "skipped", code: "attestation/absent" },
    { name: "provenance", status: "skipped", code: "attestation/absent" },
  ],
  provenance: [
    { name: "digest", status: "pass" },
    { name: "listing", status: "pass" },
    { name: "attestation", status: "pass" },
    { name: "provenance", status: "pass" },
  ],
};

/** The verdict on a package's first artefact at a level. */
export function judged(
  pkg: LockedPackage,
  level: Verdict["level"],
  overrides: Partial<Verdict> = {},
): Verdict {
  const artefact = pkg.artefacts[0];
  return {
    purl: pkg.purl,
    artefact: artefact?.digest ?? null,
    file: artefact?.file ?? null,
    at: artefact?.at ?? pkg.at,
    registry: npmHost,
    outcome: level === "unlocked" ? "unverified" : "verified",
    level,
    identity: level === "provenance" ? builder : null,
    slsaBuild: level === "provenance" ? 2 : 0,
    time: "unsigned",
    published: null,
    claims: claims[level],
    attestations: [],
    ...overrides,
  };
}

/** A verdict on which something could not be had. */
export const offline = (pkg: LockedPackage): Verdict =>
  judged(pkg, "unlocked", {
    outcome: "unknown",
    claims: [
      { name: "listing", status: "skipped", code: "evidence/offline" },
      { name: "registry-signature", status: "skipped", code: "evidence/offline" },
      { name: "attestation", status: "skipped", code: "evidence/offline" },
      { name: "provenance", status: "skipped", code: "evidence/offline" },
    ],
  });

/** Decides on packages given with their verdicts. */
export function run(
  policy: Policy | string,
  pairs: readonly (readonly [LockedPackage, (Verdict | undefined)?])[],
  context: Partial<DecisionContext> = {},
  problems: readonly Finding[] = [],
  at: Instant = now,
): Decision {
  const set = setOf(
    pairs.map(([pkg]) => pkg),
    problems,
  );
  const verdicts = pairs.flatMap(([, verdict]) => (verdict === undefined ? [] : [verdict]));
  const merged = typeof policy === "string" ? policyOf(policy) : policy;
  return decide(set, verdicts, merged, { ...lockfileContext, ...context }, at);
}

export const blocks = (decision: Decision): string[] =>
  decision.findings.filter(({ effect }) => effect === "block").map(({ code }) => code);
export const codesOf = (decision: Decision): string[] => decision.findings.map(({ code }) => code);
