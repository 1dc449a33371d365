import { Buffer } from "node:buffer";
import { dsse } from "@sigstore/core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pae } from "./dsse.ts";

describe("the pre-authentication encoding", () => {
  it("is the one of the DSSE specification's example", () => {
    const encoded = pae("http://example.com/HelloWorld", Buffer.from("hello world"));
    expect(encoded.toString()).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  });

  it("counts bytes, not characters", () => {
    expect(pae("é", Buffer.from("€")).toString()).toBe("DSSEv1 2 é 3 €");
  });

  it("is what Sigstore's libraries sign", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), fc.uint8Array(), (type, payload) => {
        expect(pae(type, payload).equals(dsse.preAuthEncoding(type, Buffer.from(payload)))).toBe(true);
      }),
    );
  });

  it("keeps apart what differs only in where the type ends", () => {
    expect(pae("a 1 b", Buffer.from("c")).equals(pae("a", Buffer.from("1 b 1 c")))).toBe(false);
    const space = fc.string({ unit: fc.constantFrom(" ", "1", "a") });
    fc.assert(
      fc.property(space, space, space, space, (type, payload, otherType, otherPayload) => {
        const same = pae(type, Buffer.from(payload)).equals(pae(otherType, Buffer.from(otherPayload)));
        expect(same).toBe(type === otherType && payload === otherPayload);
      }),
    );
  });
});
