import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { readSigningCertificate } from "./certificate.ts";
import { isBoundedDer } from "./der-bounds.ts";

/** Octet strings that each seem to hold a sequence reaching to the end of the document. */
function bomb(count: number): Buffer {
  const header = (tag: number, length: number): Buffer =>
    Buffer.from([
      tag,
      ...(length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]),
    ]);
  let tail = Buffer.alloc(0);
  for (let index = 0; index < count; index++) {
    const inner = header(0x30, tail.length);
    tail = Buffer.concat([header(0x04, inner.length), inner, tail]);
  }
  return Buffer.concat([header(0x30, tail.length), tail]);
}

describe("DER that would take the parser too long", () => {
  it("is found out before it is parsed: 40 octet strings are 2^40 guesses", () => {
    const start = performance.now();
    expect(isBoundedDer(bomb(40))).toBe(false);
    expect(readSigningCertificate(bomb(40))).toMatchObject({ ok: false, code: "bundle/malformed" });
    expect(performance.now() - start).toBeLessThan(500);
  });

  it("is not what a few nodes, nothing, or nonsense are", () => {
    for (const bytes of [
      bomb(4),
      Buffer.alloc(0),
      Buffer.from([0x30, 0x80]),
      Buffer.alloc(1000, 0x30),
      Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    ]) {
      expect(isBoundedDer(bytes)).toBe(true);
    }
  });
});
