import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ed25519PointProblem } from "./ed25519-point.ts";

/** What another implementation makes of the bytes. */
function verdictOf(bytes: Uint8Array): string | null {
  try {
    return ed25519.Point.fromBytes(bytes).isSmallOrder() ? "small order" : null;
  } catch {
    return "not on the curve";
  }
}
function expectAgreement(bytes: Uint8Array): void {
  const [ours, theirs] = [ed25519PointProblem(bytes), verdictOf(bytes)];
  if (theirs === null) expect(ours).toBeNull();
  else expect(ours).toContain(theirs);
}
const littleEndian = (value: bigint): Uint8Array =>
  Buffer.from(value.toString(16).padStart(64, "0"), "hex").toReversed();
const prime = 2n ** 255n - 19n;

describe("F9: the point of an Ed25519 key", () => {
  it("is taken where somebody can sign with it", () => {
    for (let round = 0; round < 50; round += 1) {
      const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
      expect(ed25519PointProblem(Buffer.from(x, "base64url"))).toBeNull();
    }
  });

  it("is judged as another implementation judges it, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), expectAgreement), {
      numRuns: 500,
    });
  });

  it("so at both ends of the field, of the torsion points' neighbours, and beyond the prime", () => {
    const torsion = [
      0n,
      1n,
      prime - 1n,
      0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
      0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
    ];
    for (const y of [...torsion, prime, 2n ** 255n - 1n])
      for (let near = y - 20n; near <= y + 20n; near += 1n)
        for (const sign of [0n, 2n ** 255n])
          if (near >= 0n && near < 2n ** 255n) expectAgreement(littleEndian(near + sign));
    expect(torsion.map((y) => ed25519PointProblem(littleEndian(y)))).toEqual(
      Array.from({ length: 5 }, () => "the Ed25519 point is of small order"),
    );
  });

  it("has 32 bytes", () => {
    for (const length of [0, 31, 33])
      expect(ed25519PointProblem(Buffer.alloc(length, 1))).toMatch(/32 bytes/);
  });
});
