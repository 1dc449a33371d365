import * as fc from "fast-check";
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { readRegistryKeys, type RegistryKeysResult } from "./registry-keys.ts";

const spki = (namedCurve = "P-256"): Buffer =>
  generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "der", type: "spki" });
const raw = spki();
const rawBytes = raw.toString("base64");

type Change = { entry?: Record<string, unknown>; key?: Record<string, unknown>; validFor?: unknown };
const target = ({
  entry = {},
  key = {},
  validFor = { start: "2025-01-13T00:00:00.000Z" },
}: Change = {}): unknown => ({
  keyId: "SHA256:one",
  keyUsage: "npm:signatures",
  publicKey: { rawBytes, keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor, ...key },
  ...entry,
});
const endpoint = (change: Record<string, unknown> = {}): unknown => ({
  expires: null,
  keyid: "SHA256:one",
  keytype: "ecdsa-sha2-nistp256",
  scheme: "ecdsa-sha2-nistp256",
  key: rawBytes,
  ...change,
});
const read = (...keys: readonly unknown[]): RegistryKeysResult =>
  readRegistryKeys(JSON.stringify({ keys }), defaultBudget);
const malformed = { state: "malformed", code: "evidence/malformed" };

describe("registry keys in the sigstore root's form", () => {
  it("have an id, a use and a period", () => {
    const ended = target({
      entry: { keyId: "SHA256:two" },
      validFor: { start: "1999-01-01T00:00:00Z", end: "2025-01-29T00:00:00Z" },
    });
    expect(read(target(), ended)).toMatchObject({
      state: "found",
      keys: [
        { keyid: "SHA256:one", usage: "npm:signatures", validFrom: Date.UTC(2025, 0, 13), validTo: null },
        { keyid: "SHA256:two", validFrom: Date.UTC(1999, 0, 1), validTo: Date.UTC(2025, 0, 29) },
      ],
    });
  });

  it("need a start: a missing one must not become the epoch", () => {
    for (const validFor of [undefined, null, {}, { end: "2025-01-29T00:00:00Z" }, { start: "yesterday" }]) {
      expect(
        read({
          keyId: "SHA256:one",
          keyUsage: "npm:signatures",
          publicKey: { rawBytes, keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor },
        }),
      ).toMatchObject(malformed);
    }
  });

  it("must end after they start, at a date", () => {
    expect(
      read(target({ validFor: { start: "2025-01-13T00:00:00Z", end: "2025-01-13T00:00:00Z" } })),
    ).toMatchObject(malformed);
    expect(read(target({ validFor: { start: "2025-01-13T00:00:00Z", end: "never" } }))).toMatchObject(
      malformed,
    );
  });

  it("are P-256: other algorithms and uses are left out, not misread", () => {
    const other = target({ entry: { keyId: "SHA256:ed" }, key: { keyDetails: "PKIX_ED25519" } });
    const unused = target({ entry: { keyId: "SHA256:other", keyUsage: "npm:other" } });
    const result = read(other, target(), unused);
    expect(result.state === "found" && result.keys.map(({ keyid }) => keyid)).toEqual(["SHA256:one"]);
    expect(read(other)).toMatchObject(malformed);
  });

  it("are refused whole when one's bytes are no P-256 key", () => {
    const offCurve = Buffer.from(raw);
    offCurve[90] = (offCurve[90] as number) ^ 1;
    for (const bytes of [
      spki("P-384").toString("base64"),
      // A curve whose keys are as long as those of P-256.
      spki("SM2").toString("base64"),
      offCurve.toString("base64"),
      `${rawBytes}\n`,
      "",
      5,
      Buffer.concat([raw, raw]).toString("base64"),
    ]) {
      expect(read(target({ key: { rawBytes: bytes } }))).toMatchObject(malformed);
    }
  });

  it("are refused when one id stands twice for one use", () => {
    expect(read(target(), target({ key: { rawBytes: spki().toString("base64") } }))).toMatchObject(malformed);
    expect(read(target(), target({ entry: { keyUsage: "npm:attestations" } }))).toMatchObject({
      state: "found",
    });
  });
});

describe("registry keys in the registry's form", () => {
  it("serve signatures and attestations, from the epoch to their end", () => {
    const result = read(endpoint({ expires: "2025-01-29T00:00:00.000Z" }));
    expect(result).toMatchObject({
      keys: [
        { usage: "npm:signatures", validFrom: 0, validTo: Date.UTC(2025, 0, 29) },
        { usage: "npm:attestations", validFrom: 0, validTo: Date.UTC(2025, 0, 29) },
      ],
    });
  });

  it("are refused without id, type or a readable end", () => {
    for (const change of [
      { keyid: "" },
      { keytype: null },
      { expires: "later" },
      { expires: 5 },
      { key: "AAAA" },
    ]) {
      expect(read(endpoint(change))).toMatchObject(malformed);
    }
  });
});

describe("a document of registry keys", () => {
  it("is absent when empty or null, malformed when it has no list", () => {
    expect(readRegistryKeys("null", defaultBudget)).toEqual({ state: "absent" });
    expect(readRegistryKeys('{"keys":null}', defaultBudget)).toEqual({ state: "absent" });
    expect(read()).toEqual({ state: "absent" });
    for (const text of ["{}", "[]", '{"keys":{}}', "<html>", '{"keys":[5]}'])
      expect(readRegistryKeys(text, defaultBudget)).toMatchObject(malformed);
  });

  it("is bounded", () => {
    expect(read(...Array.from({ length: 257 }, () => target()))).toMatchObject(malformed);
    expect(
      readRegistryKeys(JSON.stringify({ keys: [target()] }), { ...defaultBudget, documentBytes: 10 }),
    ).toMatchObject({ code: "evidence/too-large" });
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        read(
          value,
          target({ key: { rawBytes: text }, validFor: value }),
          endpoint({ key: value, expires: text }),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!hasVectors)("the real npm keys", () => {
  it("are four: two ids for two uses", () => {
    const result = readRegistryKeys(readVector("trust", "npm-keys.json"), defaultBudget);
    expect(result.state === "found" && result.keys.length).toBe(4);
  });
});
