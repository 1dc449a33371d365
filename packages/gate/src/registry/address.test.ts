import { liesUnder, normaliseAddress } from "@countersign/core";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { hostAndPath, liesBelow, normaliseRegistry, parseAddress } from "./address.ts";

it.each([
  ["https://a.example/npm/@s%2fx", "https://a.example/npm/", true],
  ["https://a.example/npm", "https://a.example/npm/", true],
  ["https://a.example/npm/x?y=1", "https://a.example/npm/", true],
  ["https://A.example:443/npm/x", "https://a.example/npm", true],
  ["https://a.example/npmx/x", "https://a.example/npm/", false],
  ["https://a.example/npm/../x", "https://a.example/npm/", false],
  ["https://a.example/npm/..%2fx", "https://a.example/npm/", false],
  ["https://a.example/npm/x%2F..%2F..%2fy", "https://a.example/npm/", false],
  ["https://a.example/npm/%2e%2E%5cx", "https://a.example/npm/", false],
  ["https://a.example.evil.example/npm/x", "https://a.example/npm/", false],
  ["https://a.example:444/npm/x", "https://a.example/npm/", false],
  ["https://a.example@evil.example/npm/x", "https://a.example/npm/", false],
  ["https://a.example\\@evil.example/npm/x", "https://a.example/npm/", false],
  ["http://127.0.0.1:1/x", "http://127.0.0.1:1/", true],
  ["http://127.0.0.1:1/x", "http://127.0.0.1:2/", false],
  ["http://a.example/x", "http://a.example/", false],
])("D29: %s lies below %s: %s", (address, prefix, expected) => {
  expect(liesBelow(address, prefix)).toBe(expected);
});

it("names a key target as the sigstore root does", () => {
  expect(hostAndPath("https://a.example:8443/npm/")).toBe("a.example:8443/npm");
  expect(hostAndPath("https://a.example/")).toBe("a.example");
});

const part = fc.constantFrom(
  "a",
  "b",
  "npm",
  "@s%2fx",
  "..",
  ".",
  "%2e%2e",
  "..%2f",
  "%5c",
  "\\",
  " ",
  "?q",
  "#f",
  "",
  "u@",
  "u:p@",
);
const text = fc
  .tuple(
    fc.constantFrom("https://", "http://", "HTTPS://", "file://", "//"),
    fc.constantFrom(
      "a.example",
      "A.example:443",
      "a.example:1",
      "127.0.0.1:1",
      "localhost",
      "u@a.example",
      "[::1]",
    ),
    fc.array(part, { maxLength: 5 }),
  )
  .map(([scheme, host, parts]) => `${scheme}${host}/${parts.join("/")}`);

it("core and gate agree on every address", () => {
  fc.assert(
    fc.property(text, text, (address, other) => {
      expect(normaliseRegistry(address)).toBe(normaliseAddress(address));
      const prefix = normaliseAddress(other);
      // What may be connected to, but for its query, is an address; what core accepts may be, unless it climbs.
      const parsed = parseAddress(address);
      if (parsed !== null) expect(normaliseAddress(`${parsed.origin}${parsed.pathname}`)).not.toBeNull();
      if (prefix === null) return;
      // Gate grants nothing that core would not, encoded separators of a scoped name aside.
      const encoded = /%2f|%5c|%2e/i.test(address);
      const below = liesBelow(address, prefix);
      const deeper = parsed !== null && parsed.href !== prefix.slice(0, -1);
      if (below && !encoded && deeper) expect(liesUnder(address, prefix)).toBe(true);
      if (liesUnder(address, prefix) && parsed !== null) expect(below).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
