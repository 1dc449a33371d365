import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MintedLog, mintedBundle, mintKey, mintRoot } from "../../test/minted-bundle.ts";
import { npmKeys, rootDocument, verifierOf } from "../../test/trust.ts";
import { hasVectors, readVector, vectorsPath } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import type {
  AttestationDocument,
  AttestationFormat,
  DocumentedAttestation,
} from "../evidence/attestation-document.ts";
import { readAttestationDocument } from "../evidence/attestation-reader.ts";
import { foldOutcome, verifyAttestations, type AttestationContext } from "./attestations.ts";
import type { Target } from "./statement.ts";
import type { AttestationVerdict, Outcome } from "./verdict.ts";

type NpmCase = {
  file: string;
  trustRoot: "production" | "staging";
  bundles: { predicate: string; subject: string; outcome: Outcome; san: string | null }[];
};
type PypiCase = {
  file: string;
  trustRoot: "production" | "staging";
  distribution: { name: string; sha256: string };
  outcome: Outcome;
};

const npmCases: readonly NpmCase[] = hasVectors
  ? JSON.parse(readVector("npm", "attestations", "cases.json"))
  : [];
const pypiCases: readonly PypiCase[] = hasVectors ? JSON.parse(readVector("pypi", "cases.json")) : [];
const contexts = new Map<string, AttestationContext>();
function contextOf(instance: "production" | "staging"): AttestationContext {
  const known = contexts.get(instance);
  if (known !== undefined) return known;
  const context: AttestationContext = {
    bundles: { state: "available", value: verifierOf([rootDocument(instance)]) },
    keys: npmKeys(),
  };
  contexts.set(instance, context);
  return context;
}
const read = (...path: string[]): AttestationDocument => {
  const result = readAttestationDocument(readVector(...path), defaultBudget);
  if (result.state === "found") return result.document;
  throw new Error(JSON.stringify(result));
};
const none: Target = { ecosystem: null, name: null, version: null, file: null, digests: [] };
const npmTarget = (name: string, version: string): Target => ({ ...none, ecosystem: "npm", name, version });
const pypiTarget = (file: string, sha256: string): Target => ({
  ...none,
  ecosystem: "pypi",
  file,
  digests: [{ algorithm: "sha256", hex: sha256 }],
});

describe.skipIf(!hasVectors)("npm attestations", () => {
  it.each(npmCases.map((one) => [one.file, one] as const))(
    "D4: every bundle of %s has its outcome",
    (_file, { file, trustRoot, bundles }) => {
      const verdicts = verifyAttestations(read("npm", "attestations", file), null, contextOf(trustRoot));
      expect(verdicts.map(({ outcome }) => outcome)).toEqual(bundles.map(({ outcome }) => outcome));
      expect(verdicts.map(({ index }) => index)).toEqual(bundles.map((_, index) => index));
      for (const [index, { san }] of bundles.entries()) {
        const verdict = verdicts[index] as AttestationVerdict;
        if (verdict.outcome === "verified")
          expect(verdict.identity?.san ?? `keyed ${verdict.keyid}`).toBe(san);
      }
    },
  );

  const document = hasVectors ? read("npm", "attestations", "artifact-keeper--sigstore-5.0.0.json") : null;
  const verify = (
    target: Target,
    edit: (attestations: DocumentedAttestation[]) => void = () => {},
  ): readonly AttestationVerdict[] => {
    const copy = structuredClone(document) as AttestationDocument;
    edit(copy.attestations as DocumentedAttestation[]);
    return verifyAttestations(copy, target, contextOf("production"));
  };
  const statement = hasVectors
    ? (JSON.parse(payloadOf(document, 1)) as { subject: [{ digest: { sha512: string } }] })
    : null;
  const sha512 = statement?.subject[0].digest.sha512 ?? "";
  const locked: Target = {
    ...npmTarget("sigstore", "5.0.0"),
    digests: [{ algorithm: "sha512", hex: sha512 }],
  };

  it("D4: publish and provenance of one package verify together", () => {
    const [publish, provenance] = verify(locked);
    expect(publish).toMatchObject({
      outcome: "verified",
      role: "publish",
      identity: null,
      keyid: "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U",
      slsaBuild: 0,
      time: "log",
    });
    expect(provenance).toMatchObject({
      outcome: "verified",
      role: "provenance",
      keyid: null,
      slsaBuild: 2,
      subject: "pkg:npm/sigstore@5.0.0",
    });
    expect(provenance?.checks.map(({ name, status }) => `${name} ${status}`)).toEqual([
      "signature pass",
      "statement pass",
      "subject pass",
      "digest pass",
      "identity pass",
    ]);
  });

  it("D5: another digest than the statement's is refused", () => {
    const flipped = `${sha512.startsWith("0") ? "1" : "0"}${sha512.slice(1)}`;
    const verdicts = verify({ ...locked, digests: [{ algorithm: "sha512", hex: flipped }] });
    expect(verdicts.map(({ code }) => code)).toEqual([
      "attestation/digest-mismatch",
      "attestation/digest-mismatch",
    ]);
  });

  it("D5: a lock with no digest that the statement names is refused", () => {
    expect(verify({ ...locked, digests: [{ algorithm: "sha384", hex: "0".repeat(96) }] })[1]?.code).toBe(
      "attestation/digest-mismatch",
    );
  });

  it.each([
    ["sigstore", "5.0.1"],
    ["sigstore", "5.0"],
    ["@a/sigstore", "5.0.0"],
    ["Sigstore", "5.0.0"],
  ])("a replay as %s@%s is refused", (name, version) => {
    expect(verify(npmTarget(name, version)).map(({ code }) => code)).toEqual([
      "attestation/subject-mismatch",
      "attestation/subject-mismatch",
    ]);
  });

  it("D4: a forged entry beside good ones is refused and stays in the list", () => {
    const verdicts = verify(locked, (attestations) =>
      attestations.push({
        state: "malformed",
        predicateType: null,
        code: "attestation/malformed",
        detail: "forged",
      }),
    );
    expect(verdicts.map(({ outcome }) => outcome)).toEqual(["verified", "verified", "refused"]);
    expect(foldOutcome(verdicts)).toBe("refused");
  });

  it("D4: a label that the statement does not bear out is refused", () => {
    const verdicts = verify(
      locked,
      (attestations) =>
        ((attestations[0] as { predicateType: string }).predicateType = "https://example/unknown"),
    );
    expect(verdicts[0]).toMatchObject({ outcome: "refused", code: "attestation/predicate-mismatch" });
  });

  it("a root that cannot be had leaves everything unknown", () => {
    const bundles = { state: "unavailable", code: "root/unavailable", detail: "" } as const;
    const verdicts = verifyAttestations(document as AttestationDocument, locked, {
      bundles,
      keys: npmKeys(),
    });
    expect(verdicts.map(({ outcome, code }) => `${outcome} ${code}`)).toEqual([
      "unknown root/unavailable",
      "unknown root/unavailable",
    ]);
  });

  it("D33 M20: the reported build level follows certificate and statement", () => {
    const levelOf = (file: string): number | undefined =>
      verifyAttestations(read("npm", "attestations", file), null, contextOf("production")).find(
        ({ role }) => role === "provenance",
      )?.slsaBuild;
    expect(levelOf("artifact-keeper--sigstore-5.0.0.json")).toBe(2);
    expect(levelOf("slsa-framework-slsa-verifier--provenance-npm-test-ossf.tgz.json")).toBe(3);
    // Certificates of early 2023 do not say which runner it was.
    expect(levelOf("npm-pacote--valid-attestations.json")).toBe(1);
  });

  it("M11: SLSA provenance v0.2 and v1 verify", () => {
    const types = ["npm-pacote--valid-attestations.json", "artifact-keeper--sigstore-5.0.0.json"].map(
      (file) =>
        verifyAttestations(read("npm", "attestations", file), null, contextOf("production")).find(
          ({ role }) => role === "provenance",
        )?.predicateType,
    );
    expect(types).toEqual(["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"]);
  });
});

describe.skipIf(!hasVectors)("PyPI attestations", () => {
  it.each(pypiCases.map((one) => [one.file, one] as const))(
    "D8: %s has its outcome",
    (_file, { file, trustRoot, distribution, outcome }) => {
      const result = readAttestationDocument(readFileSync(vectorsPath("pypi", file), "utf8"), defaultBudget);
      const verdicts =
        result.state === "found"
          ? verifyAttestations(
              result.document,
              pypiTarget(distribution.name, distribution.sha256),
              contextOf(trustRoot),
            )
          : [];
      expect(foldOutcome(verdicts) === "verified").toBe(outcome === "verified");
      expect(verdicts.every((verdict) => verdict.outcome === "verified" || verdict.code !== null)).toBe(true);
    },
  );

  const reasonOf = (file: string): (string | null)[] => {
    const one = pypiCases.find((candidate) => candidate.file.endsWith(file)) as PypiCase;
    return verifyAttestations(
      read("pypi", one.file),
      pypiTarget(one.distribution.name, one.distribution.sha256),
      contextOf(one.trustRoot),
    ).map(({ code }) => code);
  };

  it.each([
    ["forged-publisher.provenance", "attestation/publisher-mismatch"],
    ["unknown-kind.provenance", "attestation/publisher-mismatch"],
    ["human-identity.provenance", "attestation/publisher-mismatch"],
    ["publish.attestation.with_rekor2_timestamp", "identity/not-a-builder"],
    ["publish.attestation.with_timestamp", "identity/not-a-builder"],
    ["replayed-from-2024.10.3.provenance", "attestation/subject-mismatch"],
    ["duplicate-tlog.provenance", "bundle/log-invalid"],
    ["integrated-time-plus-1d.provenance", "bundle/certificate-time"],
    ["cert-swapped.provenance", "bundle/log-mismatch"],
    ["no-proof.provenance", "bundle/log-invalid"],
    ["no-set.provenance", "bundle/time-missing"],
    ["signature-flipped.provenance", "bundle/log-mismatch"],
    ["statement-digest-changed.provenance", "bundle/log-mismatch"],
    ["newlines-in-base64.provenance", "bundle/encoding"],
    ["whl.staging.provenance", "bundle/log-untrusted"],
  ])("D12 D26: %s is refused as %s", (file, code) => expect(reasonOf(file)).toEqual([code]));

  it("D9: every attestation of a file is looked at", () => {
    const one = pypiCases.find(({ file }) => file.endsWith("publish+slsa.provenance")) as PypiCase;
    const target = pypiTarget(one.distribution.name, one.distribution.sha256);
    const document = read("pypi", one.file);
    expect(verifyAttestations(document, target, contextOf("production")).map(({ role }) => role)).toEqual([
      "publish",
      "provenance",
    ]);
    const other = { ...target, digests: [{ algorithm: "sha256" as const, hex: "0".repeat(64) }] };
    expect(verifyAttestations(document, other, contextOf("production")).map(({ code }) => code)).toEqual([
      "attestation/digest-mismatch",
      "attestation/digest-mismatch",
    ]);
  });

  it("M19: a GitLab publisher is held against the certificate", () => {
    const document = structuredClone(read("pypi", "derived--gitlab_oidc_project-0.0.3.tar.gz.provenance"));
    const [verdict] = verifyAttestations(document, null, contextOf("production"));
    expect(verdict).toMatchObject({
      outcome: "verified",
      identity: { issuerName: "gitlab", repository: "facutuesca/gitlab-oidc-project" },
    });
    const [attestation] = document.attestations;
    const publisher = (attestation as { publisher: { claims: Record<string, string | null> } }).publisher;
    publisher.claims["workflow_filepath"] = "other.yml";
    expect(verifyAttestations(document, null, contextOf("production"))[0]?.code).toBe(
      "attestation/publisher-mismatch",
    );
  });
});

describe("who signs what", () => {
  const log = new MintedLog("one");
  const key = mintKey("k");
  const context: AttestationContext = {
    bundles: { state: "available", value: verifierOf([mintRoot(log)]) },
    keys: [key.trusted],
  };
  const purl = "pkg:npm/%40a/b@1.0.0";
  const sha512 = "ab".repeat(64);
  const statementOf = (
    predicateType: string,
    subject: unknown = [{ name: purl, digest: { sha512 } }],
    more: object = {},
  ): object => ({ _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate: {}, ...more });
  const publishType = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
  const target: Target = { ...npmTarget("@a/b", "1.0.0"), digests: [{ algorithm: "sha512", hex: sha512 }] };
  const verify = (
    statement: object | string,
    format: AttestationFormat = "npm-attestations",
    payloadType?: string,
  ): AttestationVerdict => {
    const bundle = mintedBundle(key, [{ log }], statement, payloadType);
    const document: AttestationDocument = {
      format,
      attestations: [{ state: "read", predicateType: null, bundle, publisher: null }],
    };
    return verifyAttestations(document, target, context)[0] as AttestationVerdict;
  };

  it("publish attestations by the registry's key", () =>
    expect(verify(statementOf(publishType))).toMatchObject({ outcome: "verified", role: "publish" }));

  it.each(["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"])("%s by no key", (type) => {
    expect(verify(statementOf(type))).toMatchObject({
      outcome: "refused",
      code: "attestation/key-not-keyless",
      slsaBuild: 0,
    });
  });

  it("unknown predicates earn nothing from a registry, and may stand in a plain bundle", () => {
    expect(verify(statementOf("https://example/other/v1"))).toMatchObject({
      outcome: "unverified",
      code: "attestation/predicate-unknown",
      role: "other",
    });
    expect(verify(statementOf("https://example/other/v1"), "bundle")).toMatchObject({
      outcome: "verified",
      role: "other",
    });
    expect(verify(statementOf("https://docs.pypi.org/attestations/publish/v1"))).toMatchObject({
      outcome: "unverified",
    });
  });

  it("only in-toto statements", () => {
    expect(verify(statementOf(publishType), "npm-attestations", "application/json")).toMatchObject({
      outcome: "refused",
      code: "attestation/payload-type",
    });
  });

  it.each([
    ["no subject", []],
    [
      "two subjects",
      [
        { name: purl, digest: { sha512 } },
        { name: purl, digest: { sha512 } },
      ],
    ],
    ["a subject that is no purl", [{ name: "@a/b@1.0.0", digest: { sha512 } }]],
    ["a subject without sha512", [{ name: purl, digest: { sha256: "ab".repeat(32) } }]],
    ["a digest that is none", [{ name: purl, digest: { sha512: "zz" } }]],
    ["a subject without a name", [{ digest: { sha512 } }]],
  ])("refuses npm statements with %s", (_what, subject) => {
    expect(verify(statementOf(publishType, subject))).toMatchObject({
      outcome: "refused",
      code: "attestation/statement-malformed",
    });
  });

  it("refuses a statement that names one key twice, or is of another type", () => {
    expect(
      verify(statementOf(publishType, undefined, { _type: "https://in-toto.io/Statement/v2" })).code,
    ).toBe("attestation/statement-malformed");
    const twice = JSON.stringify(statementOf(publishType)).replace(
      '{"_type"',
      '{"predicateType":"x","_type"',
    );
    expect(verify(twice).code).toBe("attestation/statement-malformed");
    expect(verify("[]").code).toBe("attestation/statement-malformed");
    expect(verify("{").code).toBe("attestation/statement-malformed");
  });

  it("in a plain bundle one of several subjects may match", () => {
    const other = { name: "pkg:npm/other@1.0.0", digest: { sha512: "cd".repeat(64) } };
    const mine = { name: purl, digest: { sha512 } };
    expect(verify(statementOf("https://example/v1", [other, mine]), "bundle").outcome).toBe("verified");
    expect(verify(statementOf("https://example/v1", [other]), "bundle").code).toBe(
      "attestation/subject-mismatch",
    );
    // Name of one subject and digest of another are no match.
    const swapped = [
      { name: purl, digest: other.digest },
      { name: other.name, digest: mine.digest },
    ];
    expect(verify(statementOf("https://example/v1", swapped), "bundle").outcome).toBe("refused");
  });
});

describe("D19: the whole", () => {
  it.each([
    [[], "unverified"],
    [["verified"], "verified"],
    [["verified", "unverified"], "unverified"],
    [["unverified", "unknown"], "unknown"],
    [["verified", "unknown", "refused"], "refused"],
  ] as const)("of %j is %s", (outcomes, whole) =>
    expect(foldOutcome(outcomes.map((outcome) => ({ outcome })))).toBe(whole),
  );
});

function payloadOf(document: AttestationDocument | null, index: number): string {
  const attestation = document?.attestations[index] as { bundle: { dsseEnvelope: { payload: string } } };
  return Buffer.from(attestation.bundle.dsseEnvelope.payload, "base64").toString("utf8");
}
