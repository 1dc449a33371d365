import { describe, expect, it } from "vitest";
import { crc32c } from "./crc32c.ts";

// RFC 3720 appendix B.4, and the check value of the CRC catalogues.
describe("crc32c", () => {
  it.each([
    [Buffer.alloc(0), 0],
    [Buffer.from("123456789"), 0xe306_9283],
    [Buffer.alloc(32), 0x8a91_36aa],
    [Buffer.alloc(32, 0xff), 0x62a8_ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd_794e],
    [Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113f_db5c],
  ])("F7: CRC-32C of %o", (bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});
