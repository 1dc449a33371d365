import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import type { DocumentedAttestation } from "./attestation-document.ts";
import { readPep740Attestation, readProvenance } from "./provenance.ts";

const material = { certificate: "AAAA", transparency_entries: [{ logIndex: "1" }] };
const envelope = { statement: "e30=", signature: "MEQC" };
const attestation = { version: 1, verification_material: material, envelope };
const publisher = {
  kind: "GitHub",
  repository: "acme/widgets",
  workflow: "release.yml",
  environment: null,
  claims: null,
};
const provenanceOf = (...attestations: readonly unknown[]): unknown => ({
  version: 1,
  attestation_bundles: [{ publisher, attestations }],
});
const read = (value: unknown): ReturnType<typeof readProvenance> =>
  readProvenance(JSON.stringify(value), defaultBudget);
const entries = (value: unknown): readonly DocumentedAttestation[] => {
  const result = read(value);
  return result.state === "found" ? result.document.attestations : [];
};
const one = (value: unknown): DocumentedAttestation | undefined => {
  const result = readPep740Attestation(JSON.stringify(value), defaultBudget);
  return result.state === "found" ? result.document.attestations[0] : undefined;
};

describe("PEP 740 provenance", () => {
  it("D8: becomes Sigstore bundles, with the payload type that the format implies", () => {
    const [entry] = entries(provenanceOf(attestation));
    expect(entry).toMatchObject({
      state: "read",
      predicateType: null,
      publisher: {
        kind: "GitHub",
        claims: { repository: "acme/widgets", workflow: "release.yml", environment: null },
      },
      bundle: {
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { certificate: { rawBytes: "AAAA" }, tlogEntries: [{ logIndex: "1" }] },
        dsseEnvelope: {
          payload: "e30=",
          payloadType: "application/vnd.in-toto+json",
          signatures: [{ sig: "MEQC" }],
        },
      },
    });
  });

  it("D9: keeps every attestation of every bundle, in order", () => {
    const other = { kind: "GitLab" };
    const value = {
      version: 1,
      attestation_bundles: [
        { publisher, attestations: [attestation, { ...attestation, version: 2 }] },
        { publisher: other, attestations: [attestation] },
      ],
    };
    expect(entries(value)).toMatchObject([
      { state: "read", publisher: { kind: "GitHub" } },
      { state: "malformed" },
      { state: "read", publisher: { kind: "GitLab" } },
    ]);
  });

  it("D9: a broken bundle stays beside a good one", () => {
    for (const bad of [null, {}, { publisher, attestations: {} }]) {
      const value = { version: 1, attestation_bundles: [{ publisher, attestations: [attestation] }, bad] };
      expect(entries(value)).toMatchObject([
        { state: "read" },
        { state: "malformed", code: "attestation/malformed" },
      ]);
    }
  });

  it("without an attestation is absent", () => {
    expect(read(provenanceOf())).toEqual({ state: "absent" });
    expect(read({ version: 1, attestation_bundles: [] })).toEqual({ state: "absent" });
    expect(read({ version: 1, attestation_bundles: null })).toEqual({ state: "absent" });
    expect(read(null)).toEqual({ state: "absent" });
  });

  it("has version 1", () => {
    for (const version of [2, "1", null, undefined]) {
      expect(read({ version, attestation_bundles: [] })).toMatchObject({
        state: "malformed",
        code: "attestation/malformed",
      });
    }
  });

  it("names a publisher's kind for every bundle", () => {
    for (const bad of [undefined, null, "GitHub", { repository: "acme/widgets" }]) {
      const value = { version: 1, attestation_bundles: [{ publisher: bad, attestations: [attestation] }] };
      expect(entries(value)).toMatchObject([{ state: "malformed", code: "attestation/malformed" }]);
    }
  });

  it("gives claims no prototype", () => {
    const text = JSON.stringify(provenanceOf(attestation)).replace('"environment":null', '"__proto__":"x"');
    const result = readProvenance(text, defaultBudget);
    const first = result.state === "found" ? result.document.attestations[0] : undefined;
    const claims = first?.state === "read" ? first.publisher?.claims : undefined;
    expect(claims !== undefined && Object.getPrototypeOf(claims)).toBeNull();
    expect(Object.keys(claims ?? {})).toContain("__proto__");
  });

  it("accepts no other format from an index", () => {
    for (const value of [[], {}, attestation, { attestations: [] }])
      expect(read(value)).toMatchObject({ state: "malformed" });
  });

  it("is bounded over all its bundles", () => {
    const bundles = Array.from({ length: 5 }, () => ({
      publisher,
      attestations: Array.from({ length: 20 }, () => attestation),
    }));
    expect(read({ version: 1, attestation_bundles: bundles })).toMatchObject({ code: "budget/entries" });
    expect(read({ version: 1, attestation_bundles: Array.from({ length: 65 }, () => null) })).toMatchObject({
      code: "budget/entries",
    });
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        read(value);
        entries({ version: 1, attestation_bundles: [{ publisher: value, attestations: [value] }, value] });
        one({ version: 1, verification_material: value, envelope: value });
        one({
          version: 1,
          verification_material: { ...material, timestamps: value, transparency_entries: value },
          envelope,
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe("a PEP 740 attestation", () => {
  it("keeps its timestamps: Rekor v2 has no other time", () => {
    expect(
      one({ ...attestation, verification_material: { ...material, timestamps: ["BBBB", "CCCC"] } }),
    ).toMatchObject({
      bundle: {
        verificationMaterial: {
          timestampVerificationData: {
            rfc3161Timestamps: [{ signedTimestamp: "BBBB" }, { signedTimestamp: "CCCC" }],
          },
        },
      },
    });
  });

  it("has canonical base64 only", () => {
    const wrap = (change: Record<string, unknown>): unknown => ({
      ...attestation,
      verification_material: { ...material, ...change },
    });
    const bad = [
      wrap({ certificate: "AA\nAA" }),
      wrap({ certificate: "" }),
      wrap({ timestamps: ["BBBB\n"] }),
      { ...attestation, envelope: { ...envelope, statement: "e30" } },
      { ...attestation, envelope: { ...envelope, signature: "ME-_" } },
      { ...attestation, envelope: { ...envelope, signature: "MER=" } },
    ];
    for (const value of bad)
      expect(one(value)).toMatchObject({ state: "malformed", code: "bundle/encoding" });
  });

  it("has at least one log entry", () => {
    const value = { ...attestation, verification_material: { ...material, transparency_entries: [] } };
    expect(one(value)).toMatchObject({ state: "malformed", code: "bundle/log-missing" });
  });

  it("lacks no part and has version 1", () => {
    const bad = [
      { ...attestation, version: 2 },
      { ...attestation, verification_material: null },
      { ...attestation, envelope: null },
      { ...attestation, verification_material: { ...material, transparency_entries: {} } },
      { ...attestation, verification_material: { ...material, transparency_entries: [5] } },
      { ...attestation, verification_material: { ...material, timestamps: "x" } },
      { ...attestation, verification_material: { ...material, certificate: 5 } },
      { ...attestation, envelope: { statement: "e30=" } },
    ];
    for (const value of bad)
      expect(one(value)).toMatchObject({ state: "malformed", code: "attestation/malformed" });
  });

  it("is bounded", () => {
    const many = Array.from({ length: 65 }, () => ({}));
    expect(
      one({ ...attestation, verification_material: { ...material, transparency_entries: many } }),
    ).toMatchObject({ code: "budget/entries" });
  });
});

describe.skipIf(!hasVectors)("a real PEP 740 object", () => {
  it("D8: converts to the bundle that its publisher's tool made of it", () => {
    const result = readProvenance(
      readVector("pypi", "artifact-keeper-artifact-keeper--pypi-sigstore-4.5.0-whl-provenance.json"),
      defaultBudget,
    );
    const expected = JSON.parse(
      readVector("pypi", "artifact-keeper-artifact-keeper--pypi-sigstore-4.5.0-whl-bundle-v0.3.json"),
    ) as Record<string, unknown>;
    const first = result.state === "found" ? result.document.attestations[0] : undefined;
    const bundle = (first?.state === "read" ? first.bundle : {}) as {
      dsseEnvelope: unknown;
      verificationMaterial: Record<string, unknown>;
    };
    const theirs = expected as typeof bundle;
    expect(bundle.dsseEnvelope).toEqual(theirs.dsseEnvelope);
    expect(bundle.verificationMaterial["certificate"]).toEqual(theirs.verificationMaterial["certificate"]);
    expect(bundle.verificationMaterial["tlogEntries"]).toEqual(theirs.verificationMaterial["tlogEntries"]);
  });
});
