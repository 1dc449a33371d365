import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget } from "../budget.ts";
import type { DocumentedAttestation } from "./attestation-document.ts";
import { readNpmAttestations } from "./npm-attestations.ts";

const bundle = {
  mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.2",
  verificationMaterial: {},
  dsseEnvelope: {},
};
const read = (value: unknown): ReturnType<typeof readNpmAttestations> =>
  readNpmAttestations(JSON.stringify(value), defaultBudget);
const entries = (...attestations: readonly unknown[]): readonly DocumentedAttestation[] => {
  const result = read({ attestations });
  return result.state === "found" ? result.document.attestations : [];
};

describe("npm attestations", () => {
  it("D4: keep every entry, in order, with its label", () => {
    expect(
      entries({ predicateType: "publish", bundle }, { predicateType: "slsa", bundle, extra: 1 }),
    ).toEqual([
      { state: "read", predicateType: "publish", bundle, publisher: null },
      { state: "read", predicateType: "slsa", bundle, publisher: null },
    ]);
  });

  it("D4: an entry that cannot be read stays beside a good one", () => {
    const bad: readonly (readonly [unknown, string])[] = [
      [null, "attestation/malformed"],
      [{ bundle }, "attestation/malformed"],
      [{ predicateType: 1, bundle }, "attestation/malformed"],
      [{ predicateType: "slsa" }, "bundle/malformed"],
      [
        {
          predicateType: "slsa",
          bundle: { ...bundle, mediaType: "application/vnd.dev.sigstore.bundle.v0.4+json" },
        },
        "bundle/version-unsupported",
      ],
    ];
    for (const [entry, code] of bad) {
      expect(entries({ predicateType: "publish", bundle }, entry)).toMatchObject([
        { state: "read" },
        { state: "malformed", code },
      ]);
    }
  });

  it("D4: an empty list is absent, not a verified attestation", () => {
    expect(read({ attestations: [] })).toEqual({ state: "absent" });
    expect(read({ attestations: null })).toEqual({ state: "absent" });
    expect(read(null)).toEqual({ state: "absent" });
  });

  it("accept no other format from a registry", () => {
    for (const value of [{}, [], bundle, { version: 1, attestation_bundles: [] }, { attestations: {} }]) {
      expect(read(value)).toMatchObject({ state: "malformed", code: "attestation/malformed" });
    }
  });

  it("are bounded", () => {
    expect(
      read({ attestations: Array.from({ length: 65 }, () => ({ predicateType: "p", bundle })) }),
    ).toMatchObject({ code: "budget/entries" });
  });

  it("never throw", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        read(value);
        entries(value, { predicateType: "p", bundle: value });
      }),
      { numRuns: 300 },
    );
  });
});
