import * as fc from "fast-check";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { digestFromHex, parseIntegrity, toIntegrity, type Digest } from "../digest.ts";
import type { RegistrySignature } from "../evidence/evidence.ts";
import { readRegistryKeys } from "../evidence/registry-keys.ts";
import { parseInstant, type Instant } from "../instant.ts";
import { verifyRegistrySignatures, type SignatureResult, type SignedVersion } from "./registry-signature.ts";
import type { RegistryKey } from "./trust.ts";

const digest = digestFromHex("sha512", "a1".repeat(64)) as Digest;
const now = Date.UTC(2026, 0, 1);
const start = Date.UTC(2020, 0, 1);
const end = Date.UTC(2024, 0, 1);
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });

const keyOf = (keyid: string, key: KeyObject, change: Partial<RegistryKey> = {}): RegistryKey => ({
  keyid,
  usage: "npm:signatures",
  key,
  validFrom: start,
  validTo: null,
  ...change,
});
const key = keyOf("SHA256:one", pair.publicKey);
const expired = keyOf("SHA256:one", pair.publicKey, { validTo: end });
const signed = (message: string, keyid = "SHA256:one", privateKey = pair.privateKey): RegistrySignature => ({
  keyid,
  sig: sign("sha256", Buffer.from(message), privateKey).toString("base64"),
});
const message = `leaf@1.0.0:${toIntegrity(digest)}`;
const good = signed(message);
const check = (change: Partial<SignedVersion> = {}): SignatureResult =>
  verifyRegistrySignatures({
    name: "leaf",
    version: "1.0.0",
    digest,
    signatures: [good],
    keys: [key],
    published: null,
    now,
    ...change,
  });
const at = (instant: Instant, source: "log" | "unsigned" = "unsigned"): Partial<SignedVersion> => ({
  published: { at: instant, source },
});

describe("a registry signature", () => {
  it("D3: over the locked digest, by a known key, verifies", () => {
    expect(check()).toEqual({ ok: true, keyid: "SHA256:one", time: null });
  });

  it("D5: over another digest, name or version than the locked one is invalid", () => {
    const evil = digestFromHex("sha512", "e1".repeat(64)) as Digest;
    for (const change of [{ digest: evil }, { name: "other" }, { version: "1.0.1" }]) {
      expect(check(change)).toMatchObject({ ok: false, code: "signature/invalid" });
    }
  });

  it("by a key that this registry does not have proves nothing", () => {
    expect(check({ signatures: [signed(message, "SHA256:two", other.privateKey)] })).toMatchObject({
      code: "signature/key-unknown",
    });
    expect(check({ keys: [] })).toMatchObject({ code: "signature/keys-unavailable" });
  });

  it("by a key made for attestations does not count", () => {
    expect(
      check({ keys: [keyOf("SHA256:one", pair.publicKey, { usage: "npm:attestations" })] }),
    ).toMatchObject({ code: "signature/keys-unavailable" });
  });

  it("that is no canonical DER in canonical base64 is malformed", () => {
    const der = Buffer.from(good.sig, "base64");
    const rLength = der[3] as number;
    const padded = Buffer.concat([
      Buffer.from([0x30, (der[1] as number) + 1, 0x02, rLength + 1, 0]),
      der.subarray(4),
    ]);
    const bad = [
      `${good.sig}\n`,
      good.sig.replace(/=*$/, ""),
      "",
      Buffer.concat([der, Buffer.from([0])]).toString("base64"),
      padded.toString("base64"),
      Buffer.from([0x30, 0x06, 0x02, 0x01, 0x81, 0x02, 0x01, 0x01]).toString("base64"),
      Buffer.from([0x30, 0x80, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01, 0, 0]).toString("base64"),
      Buffer.alloc(64, 1).toString("base64"),
      "A".repeat(4000),
    ].filter((sig) => sig !== good.sig);
    expect(bad.length).toBeGreaterThanOrEqual(8);
    for (const sig of bad)
      expect(check({ signatures: [{ keyid: "SHA256:one", sig }] })).toMatchObject({
        ok: false,
        code: "signature/malformed",
      });
  });

  it("is absent when the list is empty", () => {
    expect(check({ signatures: [] })).toMatchObject({ ok: false, code: "signature/absent" });
  });
});

describe("several registry signatures", () => {
  const unknown = signed(message, "SHA256:two", other.privateKey);
  const forged = signed("evil", "SHA256:one");

  it("verify by one known key, an unknown one beside it", () => {
    expect(check({ signatures: [unknown, good] })).toMatchObject({ ok: true, keyid: "SHA256:one" });
    expect(check({ signatures: [good, good] })).toMatchObject({ ok: true });
  });

  it("are refused when one by a known key does not verify, wherever it stands", () => {
    expect(check({ signatures: [good, forged] })).toMatchObject({ code: "signature/invalid" });
    expect(check({ signatures: [forged, good] })).toMatchObject({ code: "signature/invalid" });
  });

  it("are refused when one cannot be read", () => {
    expect(check({ signatures: [good, { keyid: "SHA256:two", sig: "x" }] })).toMatchObject({
      code: "signature/malformed",
    });
  });

  it("verify by a valid key beside an expired one", () => {
    const keys = [expired, keyOf("SHA256:two", other.publicKey)];
    expect(check({ signatures: [good, unknown], keys, ...at(Date.UTC(2025, 0, 1)) })).toMatchObject({
      ok: true,
      keyid: "SHA256:two",
    });
  });
});

describe("the time of a registry signature", () => {
  it("is the publish time: up to the key's end it verifies, after it does not", () => {
    expect(check({ keys: [expired], ...at(end) })).toMatchObject({
      ok: true,
      time: { source: "unsigned" },
    });
    expect(check({ keys: [expired], ...at(end, "log") })).toMatchObject({
      ok: true,
      time: { source: "log" },
    });
    expect(check({ keys: [expired], ...at(end + 1) })).toMatchObject({ code: "signature/key-expired" });
    expect(check({ keys: [expired], ...at(now) })).toMatchObject({ code: "signature/key-expired" });
  });

  it("before the key's start does not verify", () => {
    expect(check(at(start))).toMatchObject({ ok: true });
    expect(check(at(start - 1))).toMatchObject({ code: "signature/key-expired" });
  });

  it("unknown, with an expired key, stays unknown: an old key must not pass for want of a time", () => {
    expect(check({ keys: [expired] })).toMatchObject({ ok: false, code: "signature/time-unknown" });
  });

  it("unknown, with a key that is valid now, needs none", () => {
    expect(check({ keys: [expired], now: end - 1 })).toMatchObject({ ok: true, time: null });
    expect(check({ now: start - 1 })).toMatchObject({ code: "signature/time-unknown" });
  });
});

describe("registry signatures as a whole", () => {
  it("never throw and never verify by chance", () => {
    const signature = fc.record({
      keyid: fc.constantFrom("SHA256:one", "SHA256:two"),
      sig: fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")),
      ),
    });
    fc.assert(
      fc.property(fc.array(signature), (signatures) => {
        expect(check({ signatures }).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe.skipIf(!hasVectors)("real registry signatures", () => {
  type Case = {
    name: string;
    version: string;
    integrity: string;
    published: string | null;
    signatures: RegistrySignature[];
    outcome: string;
  };

  it("D3: each has its outcome; without a trusted time an expired key's stays unknown", () => {
    const cases = JSON.parse(readVector("npm", "registry-signatures.json")) as Case[];
    const keys = readRegistryKeys(readVector("trust", "npm-keys.json"), defaultBudget);
    if (keys.state !== "found") throw new Error("no keys");
    expect(cases.length).toBeGreaterThan(600);
    for (const { name, version, integrity, published, signatures, outcome } of cases) {
      const digest = parseIntegrity(integrity);
      if (!digest.ok) throw new Error(integrity);
      const instant = published === null ? null : parseInstant(published);
      const input = { name, version, digest: digest.digest, signatures, keys: keys.keys, now };
      const result = verifyRegistrySignatures({
        ...input,
        published: instant === null ? null : { at: instant, source: "unsigned" },
      });
      const expected = {
        verified: null,
        refused: "signature/invalid",
        "no-trusted-time": "signature/time-unknown",
      }[outcome];
      expect([name, version, result.ok ? null : result.code]).toEqual([name, version, expected]);
      if (outcome !== "no-trusted-time") continue;
      expect(
        verifyRegistrySignatures({ ...input, published: { at: Date.UTC(2024, 0, 1), source: "log" } }).ok,
      ).toBe(true);
    }
  });
});
