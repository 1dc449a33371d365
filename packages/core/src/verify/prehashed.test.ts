import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { verifyPrehashed } from "./prehashed.ts";

const message = Buffer.from("an artefact");

describe("a signature of which only the digest is known", () => {
  it.each([
    ["P-256", "sha256"],
    ["P-256", "sha512"],
    ["P-384", "sha384"],
    ["P-384", "sha256"],
    ["P-521", "sha512"],
  ] as const)("%s with %s verifies as node:crypto signs it", (namedCurve, algorithm) => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
    const digest = createHash(algorithm).update(message).digest();
    // Twenty, so that both high and low values of s occur.
    for (let count = 0; count < 20; count++)
      expect(verifyPrehashed(publicKey, digest, sign(algorithm, message, privateKey))).toBe(true);
    const signature = sign(algorithm, message, privateKey);
    const other = createHash(algorithm).update("another").digest();
    expect(verifyPrehashed(publicKey, other, signature)).toBe(false);
    expect(verifyPrehashed(generateKeyPairSync("ec", { namedCurve }).publicKey, digest, signature)).toBe(
      false,
    );
    expect(verifyPrehashed(publicKey, digest, signature.subarray(0, -1))).toBe(false);
    expect(verifyPrehashed(publicKey, digest, Buffer.concat([signature, Buffer.of(0)]))).toBe(false);
    expect(verifyPrehashed(publicKey, digest, Buffer.from([0x30, 6, 2, 1, 0, 2, 1, 0]))).toBe(false);
    expect(verifyPrehashed(publicKey, digest, Buffer.alloc(0))).toBe(false);
  });

  it("is not decided for keys that sign the message itself", () => {
    const digest = createHash("sha256").update(message).digest();
    expect(verifyPrehashed(generateKeyPairSync("ed25519").publicKey, digest, Buffer.alloc(64))).toBeNull();
    expect(
      verifyPrehashed(
        generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey,
        digest,
        Buffer.alloc(64),
      ),
    ).toBeNull();
  });
});
