import { expect, it } from "vitest";
import { liesUnder, normaliseAddress } from "./address.ts";

it.each([
  ["https://NPM.acme.example", "https://npm.acme.example/"],
  ["https://npm.acme.example:443/api/npm", "https://npm.acme.example/api/npm/"],
  ["http://127.0.0.1:4873/", "http://127.0.0.1:4873/"],
  ["http://localhost:4873", "http://localhost:4873/"],
  ["http://npm.acme.example/", null],
  ["http://127.0.0.1.evil.example/", null],
  ["https://user:secret@npm.acme.example/", null],
  ["https://npm.acme.example/?a=b", null],
  ["https://npm.acme.example/#a", null],
  ["https://npm.acme.example\\evil", null],
  ["file:///etc", null],
  ["npm.acme.example", null],
])("%s is %s", (text, expected) => {
  expect(normaliseAddress(text)).toBe(expected);
});

it.each([
  ["https://files.acme.example/a/b.whl", true],
  ["https://files.acme.example.evil.example/a/b.whl", false],
  ["https://files.acme.example@evil.example/a/b.whl", false],
  ["https://files.acme.example/b/../a/b.whl", true],
  ["https://files.acme.example/a/../b.whl", false],
  ["https://files.acme.example/a/%2e%2e/b.whl", false],
  ["https://files.acme.example/a/..%2fb.whl", false],
  ["http://files.acme.example/a/b.whl", false],
])("%s lies under the address: %s", (file, expected) => {
  expect(liesUnder(file, "https://files.acme.example/a/")).toBe(expected);
});
