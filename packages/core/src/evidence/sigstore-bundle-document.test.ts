import { describe, expect, it } from "vitest";
import { defaultBudget } from "../budget.ts";
import type { DocumentedAttestation } from "./attestation-document.ts";
import { readBundleLines, readSigstoreBundle } from "./sigstore-bundle-document.ts";

const bundle = {
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: {},
  dsseEnvelope: {},
};
const read = (value: unknown): DocumentedAttestation | undefined => {
  const result = readSigstoreBundle(JSON.stringify(value), defaultBudget);
  return result.state === "found" ? result.document.attestations[0] : undefined;
};

describe("a Sigstore bundle", () => {
  it.each([
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
  ])("of type %s is read", (mediaType) => {
    const value = { ...bundle, mediaType };
    expect(read(value)).toEqual({ state: "read", predicateType: null, bundle: value, publisher: null });
  });

  it("of another version is not guessed at", () => {
    for (const mediaType of [
      "application/vnd.dev.sigstore.bundle.v0.9+json",
      "application/vnd.dev.sigstore.bundle+json;version=0.30",
      "text/plain",
    ]) {
      expect(read({ ...bundle, mediaType })).toMatchObject({
        state: "malformed",
        code: "bundle/version-unsupported",
      });
    }
  });

  it("has material and exactly one of envelope and signature", () => {
    const { dsseEnvelope: _envelope, ...without } = bundle;
    const { verificationMaterial: _material, ...unsigned } = bundle;
    const bad = [
      without,
      unsigned,
      { ...bundle, messageSignature: {} },
      { ...bundle, mediaType: undefined },
      { ...bundle, dsseEnvelope: [] },
    ];
    for (const value of bad)
      expect(read(value)).toMatchObject({ state: "malformed", code: "bundle/malformed" });
  });

  it("may carry a message signature", () => {
    const { dsseEnvelope: _envelope, ...without } = bundle;
    expect(read({ ...without, messageSignature: {} })).toMatchObject({ state: "read" });
  });

  it("holds no more entries, timestamps, certificates or signatures than the budget", () => {
    const many = Array.from({ length: 65 }, () => ({}));
    const materials = [
      { tlogEntries: many },
      { timestampVerificationData: { rfc3161Timestamps: many } },
      { x509CertificateChain: { certificates: many } },
    ];
    for (const verificationMaterial of materials) {
      expect(read({ ...bundle, verificationMaterial })).toMatchObject({
        state: "malformed",
        code: "budget/entries",
      });
    }
    expect(read({ ...bundle, dsseEnvelope: { signatures: many } })).toMatchObject({
      state: "malformed",
      code: "budget/entries",
    });
  });
});

describe("JSON lines of bundles", () => {
  it("are absent when there are none", () => {
    expect(readBundleLines("\n \r\n", defaultBudget)).toEqual({ state: "absent" });
  });

  it("may be one", () => {
    expect(readBundleLines(JSON.stringify(bundle), defaultBudget)).toMatchObject({
      state: "found",
      document: { format: "bundle-lines" },
    });
  });
});
