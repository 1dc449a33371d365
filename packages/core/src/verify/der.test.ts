import { Buffer } from "node:buffer";
import { ASN1Obj } from "@sigstore/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readSigningCertificate } from "./certificate.ts";
import { copyDer, readDer } from "./der.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);

/** Octet strings that each seem to hold a sequence reaching to the end of the document. */
function bomb(count: number): Buffer {
  let tail = Buffer.alloc(0);
  for (let index = 0; index < count; index++) {
    const inner = header(0x30, tail.length);
    tail = Buffer.concat([header(0x04, inner.length), inner, tail]);
  }
  return Buffer.concat([header(0x30, tail.length), tail]);
}

const header = (tag: number, length: number): Buffer =>
  Buffer.from([
    tag,
    ...(length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]),
  ]);

type Plain = { tag: number; value: string; subs: Plain[] };
const plain = ({ tag, value, subs }: ASN1Obj): Plain => ({
  tag: tag.toDER(),
  value: value.toString("hex"),
  subs: subs.map(plain),
});

/** What the library's parser makes of the same bytes; null where it throws. */
function parsed(bytes: Buffer): ASN1Obj | null {
  try {
    return ASN1Obj.parseBuffer(Buffer.from(bytes));
  } catch {
    return null;
  }
}

function expectSame(bytes: Buffer): void {
  const [ours, theirs] = [readDer(bytes), parsed(bytes)];
  expect(ours === null ? null : plain(ours)).toEqual(theirs === null ? null : plain(theirs));
  if (ours === null || theirs === null) return;
  expect(ours.toDER().equals(bytes)).toBe(true);
  expect(theirs.toDER().equals(bytes)).toBe(true);
}

/** Nearly DER: tags, right, wrong and overlong lengths, nesting, octet strings with and without DER inside. */
const anyDer: fc.Arbitrary<Buffer> = fc.letrec<{ node: Buffer }>((tie) => ({
  node: fc
    .record({
      tag: fc.constantFrom(
        0x02,
        0x04,
        0x04,
        0x04,
        0x05,
        0x06,
        0x30,
        0x30,
        0x31,
        0xa0,
        0xa3,
        0x24,
        0x44,
        0x1f,
        0x00,
      ),
      content: fc.oneof(
        { maxDepth: 4 },
        fc.uint8Array({ maxLength: 140 }).map((bytes) => Buffer.from(bytes)),
        fc.array(tie("node"), { maxLength: 4 }).map((parts) => Buffer.concat(parts)),
      ),
      off: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1),
      overlong: fc.constantFrom(false, false, false, false, false, true),
    })
    .map(({ tag, content, off, overlong }) => {
      const length = Math.max(0, content.length + off);
      const head = overlong ? Buffer.from([tag, 0x82, length >> 8, length & 0xff]) : header(tag, length);
      return Buffer.concat([head, content]);
    }),
})).node;

describe("the DER reader", () => {
  it("makes the library's tree, and takes what the library takes", () => {
    fc.assert(
      fc.property(anyDer, (bytes) => expectSame(bytes)),
      { numRuns: numRuns * 5 },
    );
  });

  it("agrees with the library about every identifier octet and every form of length", () => {
    for (let tag = 0; tag < 0x100; tag++) {
      expectSame(Buffer.of(tag, 0));
      expectSame(Buffer.of(0x04, 2, tag, 0));
      expectSame(Buffer.of(0x30, 3, tag, 1, 0));
    }
    for (let first = 0; first < 0x100; first++) {
      expectSame(Buffer.of(0x04, first));
      expectSame(Buffer.from([0x04, first, 0, 0, 0, 0, 0, 0, 0x80, ...Buffer.alloc(0x80)]));
      expectSame(Buffer.from([0x04, first, 0x80, ...Buffer.alloc(0x80)]));
      expectSame(Buffer.from([0x30, 2, 0x04, first]));
    }
  });

  it.each([
    ["nothing", Buffer.alloc(0)],
    ["an indefinite length", Buffer.of(0x30, 0x80, 0, 0)],
    ["a length in more octets than needed", Buffer.of(0x04, 0x81, 1, 0)],
    ["a length with a leading zero", Buffer.from([0x04, 0x82, 0, 0x80, ...Buffer.alloc(0x80)])],
    ["a length past the end", Buffer.of(0x04, 2, 0)],
    ["bytes behind the node", Buffer.of(0x05, 0, 0)],
    ["a child past its parent's end", Buffer.of(0x30, 2, 0x04, 1, 0)],
  ])("refuses %s", (_what, bytes) => {
    expect(readDer(bytes)).toBeNull();
  });

  it("goes a hundred levels down and no further", () => {
    const nested = (levels: number): Buffer => {
      let bytes: Buffer = Buffer.of(0x05, 0);
      for (let level = 0; level < levels; level++) bytes = Buffer.concat([header(0x30, bytes.length), bytes]);
      return bytes;
    };
    expectSame(nested(100));
    expect(readDer(nested(100))).not.toBeNull();
    expect(readDer(nested(101))).toBeNull();
  });

  it("counts guesses: 40 octet strings are 2^40 of them", () => {
    const start = performance.now();
    expect(readDer(bomb(40))).toBeNull();
    expect(readSigningCertificate(bomb(40))).toMatchObject({ ok: false, code: "bundle/malformed" });
    expect(performance.now() - start).toBeLessThan(500);
    expectSame(bomb(4));
  });
});

describe("a tree", () => {
  const tree = (): ASN1Obj => readDer(Buffer.of(0x30, 5, 0x05, 0, 0x02, 1, 7)) as ASN1Obj;

  it("encodes what it holds now, not what it was read from", () => {
    const changed = tree();
    changed.subs.splice(0, 1);
    expect(changed.toDER()).toEqual(Buffer.of(0x30, 3, 0x02, 1, 7));
  });

  it("hands out bytes of its own: a caller that writes into them changes nothing", () => {
    const original = tree();
    original.toDER().fill(0);
    expect(original.toDER()).toEqual(Buffer.of(0x30, 5, 0x05, 0, 0x02, 1, 7));
  });

  it("is copied whole: what is taken from one stays in the other", () => {
    const original = tree();
    copyDer(original).subs.splice(0, 1);
    expect(original.subs).toHaveLength(2);
  });

  it("decodes an object identifier that is none no better than the library", () => {
    expect(() => tree().toOID()).toThrow("not an OID");
    const identifier = readDer(Buffer.of(0x06, 3, 0x55, 0x1d, 0x0f)) as ASN1Obj;
    expect([identifier.toOID(), identifier.toOID()]).toEqual(["2.5.29.15", "2.5.29.15"]);
  });
});
