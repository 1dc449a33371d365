import { generateKeyPairSync, sign, verify } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callKms, kmsFailure, kmsLimits, retryKms, type KmsCall } from "./kms-failure.ts";
import {
  createKmsSigner,
  derSignature,
  readKmsKey,
  verifyKmsSignature,
  type KmsKey,
} from "./kms-signature.ts";
import { SignerError } from "./signer-error.ts";

const p256 = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const ed25519 = generateKeyPairSync("ed25519");

function keyOf(pair: typeof p256): KmsKey {
  const read = readKmsKey({ form: "spki", der: pair.publicKey.export({ type: "spki", format: "der" }) });
  if (!read.ok) throw new Error(read.detail);
  return read.key;
}

describe("derSignature", () => {
  it("F7: what P1363 verifies, DER verifies", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (message) => {
        const p1363 = sign("sha256", message, { key: p256.privateKey, dsaEncoding: "ieee-p1363" });
        const der = derSignature(p1363);
        return der !== null && verify("sha256", message, { key: p256.publicKey, dsaEncoding: "der" }, der);
      }),
      { numRuns: 100 },
    );
  });

  it("F7: integers are the shortest and positive", () => {
    const both = (r: number[], s: number[]): Buffer =>
      Buffer.concat([
        Buffer.alloc(32 - r.length),
        Buffer.from(r),
        Buffer.alloc(32 - s.length),
        Buffer.from(s),
      ]);
    expect(derSignature(both([0x80], [0x7f]))?.toString("hex")).toBe("30070202008002017f");
    expect(derSignature(both([0x01, 0x00], []))?.toString("hex")).toBe("300702020100020100");
    expect(derSignature(Buffer.alloc(64, 0xff))).toHaveLength(2 + 2 * (2 + 33));
  });

  it.each([0, 63, 65, 71, 96])("F7: %d bytes are no signature of P-256", (length) => {
    expect(derSignature(Buffer.alloc(length, 1))).toBeNull();
  });
});

describe("readKmsKey", () => {
  it("F7: every form of one key is one key", () => {
    const jwk = p256.publicKey.export({ format: "jwk" });
    const pem = p256.publicKey.export({ type: "spki", format: "pem" }) as string;
    const read = [readKmsKey({ form: "jwk", jwk }), readKmsKey({ form: "pem", pem })];
    for (const one of read) expect(one.ok && one.key.keyid).toBe(keyOf(p256).keyid);
    const raw = ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32);
    const fromRaw = readKmsKey({ form: "raw-ed25519", bytes: raw });
    expect(fromRaw.ok && fromRaw.key.keyid).toBe(keyOf(ed25519).keyid);
  });

  it.each([
    ["P-384", generateKeyPairSync("ec", { namedCurve: "secp384r1" })],
    ["secp256k1", generateKeyPairSync("ec", { namedCurve: "secp256k1" })],
    ["Ed448", generateKeyPairSync("ed448")],
    ["X25519", generateKeyPairSync("x25519")],
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ])("F7: %s is refused", (_kind, { publicKey }) => {
    const read = readKmsKey({ form: "spki", der: publicKey.export({ type: "spki", format: "der" }) });
    expect(read).toMatchObject({ ok: false, detail: expect.stringMatching(/P-256 and Ed25519/) });
  });

  it("F7: a private key is not taken for a public one", () => {
    const pem = p256.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    expect(readKmsKey({ form: "pem", pem })).toMatchObject({ ok: false });
  });

  it("F7: a small-order point is refused", () => {
    // The neutral element (RFC 8032 §5.1: y = 1): every signature with S = 0 and R = A would verify.
    const bytes = Buffer.alloc(32);
    bytes[0] = 1;
    expect(readKmsKey({ form: "raw-ed25519", bytes })).toMatchObject({ ok: false });
  });

  it("F7: no bytes make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readKmsKey({ form: "spki", der: bytes });
        readKmsKey({ form: "pem", pem: Buffer.from(bytes).toString("latin1") });
        readKmsKey({ form: "raw-ed25519", bytes });
      }),
    );
  });
});

describe("createKmsSigner", () => {
  const pae = Buffer.from("DSSEv1 1 a 1 b");
  const open = (key: KmsKey, signature: Uint8Array): ReturnType<typeof createKmsSigner> =>
    createKmsSigner({ service: "KMS", uri: "kms://key", key, sign: () => Promise.resolve(signature) });
  const refused = /does not verify/;

  it("F7: P1363 where DER is due is refused", async () => {
    const signature = sign("sha256", pae, { key: p256.privateKey, dsaEncoding: "ieee-p1363" });
    await expect(open(keyOf(p256), signature).sign(pae, { type: "a", bytes: pae })).rejects.toThrow(refused);
  });

  it("F7: a signature over the digest of the digest is refused", async () => {
    const signature = sign("sha512", pae, p256.privateKey);
    await expect(open(keyOf(p256), signature).sign(pae, { type: "a", bytes: pae })).rejects.toThrow(refused);
  });

  it.each([0, 1, 63, 64, 65, 100_000])("F7: %d bytes of nothing are refused", async (length) => {
    for (const pair of [p256, ed25519])
      await expect(
        open(keyOf(pair), Buffer.alloc(length)).sign(pae, { type: "a", bytes: pae }),
      ).rejects.toThrow(refused);
  });

  it("F7: what verifies with one key does not with another", () => {
    const signature = sign(null, pae, ed25519.privateKey);
    expect(verifyKmsSignature(keyOf(ed25519), pae, signature)).toBe(true);
    expect(verifyKmsSignature(keyOf(generateKeyPairSync("ed25519")), pae, signature)).toBe(false);
    expect(verifyKmsSignature(keyOf(p256), pae, signature)).toBe(false);
  });
});

describe("callKms", () => {
  const call: KmsCall = {
    service: "KMS",
    key: "kms://key\u001b[31m",
    operation: "sign",
    signal: new AbortController().signal,
    cancelled: undefined,
    explain: () => ({ kind: "unavailable", detail: "line\nbreak" }),
  };

  it("F7: foreign text is one visible line, and the SDK's error is left behind", async () => {
    const failed = callKms(call, () => Promise.reject(new Error("secret")));
    const error = await failed.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SignerError);
    expect((error as SignerError).message).not.toMatch(/[\n\u001b]|secret/);
    expect((error as SignerError).cause).toBeUndefined();
  });

  it("F7: nothing is asked once the call is over", async () => {
    let asked = false;
    const over = { ...call, signal: AbortSignal.abort() };
    const run = (): Promise<void> => {
      asked = true;
      return Promise.resolve();
    };
    await expect(callKms(over, run)).rejects.toThrow(/took too long/);
    expect(asked).toBe(false);
  });

  it("F7: every cause has a fix", () => {
    for (const cause of [
      { kind: "denied", fix: "x" },
      { kind: "credentials", fix: "x" },
      { kind: "missing" },
      { kind: "refused", detail: "x", fix: "x" },
      { kind: "malformed", detail: "x" },
      { kind: "oversize" },
      { kind: "unavailable", detail: "x" },
    ] as const)
      for (const operation of ["read", "sign"] as const)
        expect(kmsFailure({ ...call, operation }, cause).fix).not.toBe("");
  });
});

describe("retryKms", () => {
  it("F7: gives up after a few attempts, waiting longer each time", async () => {
    let attempts = 0;
    const pauses: number[] = [];
    const run = (): Promise<never> => Promise.reject(new Error(String(++attempts)));
    const pause = (milliseconds: number): Promise<void> => {
      pauses.push(milliseconds);
      return Promise.resolve();
    };
    await expect(retryKms(run, () => true, pause)).rejects.toThrow("3");
    expect(pauses).toEqual([kmsLimits.pauseMs, 2 * kmsLimits.pauseMs]);
    await expect(retryKms(run, () => false, pause)).rejects.toThrow("4");
  });
});

describe("SignerError", () => {
  it("F7: is known by what it holds, not by which copy of the class made it", () => {
    const other = Object.assign(new Error("why; fix"), { name: "SignerError", why: "why", fix: "fix" });
    expect(other instanceof SignerError).toBe(true);
    expect(new SignerError("why", "fix") instanceof SignerError).toBe(true);
    for (const none of [
      new Error("why"),
      { name: "SignerError", why: "", fix: "" },
      null,
      undefined,
      "SignerError",
    ])
      expect(none instanceof SignerError).toBe(false);
  });
});
