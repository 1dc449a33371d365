import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNpmVersion, parseNpmTarballUrl } from "./npm-tarball-url.ts";

describe("parseNpmTarballUrl", () => {
  it.each([
    ["https://npm.acme.example/a/-/a-1.0.0.tgz", "https://npm.acme.example/", "a", "1.0.0"],
    [
      "https://npm.acme.example/@s/a/-/a-1.0.0-rc.1+b.tgz",
      "https://npm.acme.example/",
      "@s/a",
      "1.0.0-rc.1+b",
    ],
    ["https://npm.acme.example/@s%2fa/-/a-1.0.0.tgz", "https://npm.acme.example/", "@s/a", "1.0.0"],
    [
      "http://npm.acme.example:4873/repo/npm/a/-/a-1.0.0.tgz",
      "http://npm.acme.example:4873/repo/npm/",
      "a",
      "1.0.0",
    ],
    ["https://npm.acme.example/@s/a/-/@s/a-1.0.0.tgz", "https://npm.acme.example/", "@s/a", "1.0.0"],
    ["https://npm.acme.example/a-2/-/a-2-1.0.0.tgz", "https://npm.acme.example/", "a-2", "1.0.0"],
  ])("reads %s", (url, registry, name, version) => {
    expect(parseNpmTarballUrl(url)).toEqual({ registry, name, version, host: new URL(url).host });
  });

  it.each([
    "https://npm.acme.example/a/-/b-1.0.0.tgz",
    "https://npm.acme.example/a/-/a-1.0.0.tgz?x=1",
    "https://npm.acme.example/a/-/a-1.0.0.tgz#sha1",
    "https://user:secret@npm.acme.example/a/-/a-1.0.0.tgz",
    "https://npm.acme.example/a/-/a-1.0.tgz",
    "https://npm.acme.example/a/-/a-1.0.0.zip",
    "https://npm.acme.example/-/a-1.0.0.tgz",
    "https://npm.acme.example/%zz/-/a-1.0.0.tgz",
    "ftp://npm.acme.example/a/-/a-1.0.0.tgz",
    "//npm.acme.example/a/-/a-1.0.0.tgz",
    "a/-/a-1.0.0.tgz",
    "",
  ])("says nothing of %j", (url) => {
    expect(parseNpmTarballUrl(url)).toBeNull();
  });

  it("judges the address that would be requested, not the one that is written", () => {
    const sneaky = "https://npm.acme.example/good/-/good-1.0.0.tgz/../../../evil/-/evil-6.6.6.tgz";
    expect(parseNpmTarballUrl(sneaky)).toMatchObject({ name: "evil", version: "6.6.6" });
    expect(parseNpmTarballUrl("https://npm.acme.example/good/-/%2e%2e/good-1.0.0.tgz")).toBeNull();
  });

  it("never throws", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => void parseNpmTarballUrl(text)));
  });
});

describe("isNpmVersion", () => {
  it("takes exact versions only", () => {
    expect(["1.0.0", "1.0.0-a.1", "1.0.0+b"].every(isNpmVersion)).toBe(true);
    expect(["v1.0.0", "1.0", " 1.0.0", "1.0.0 ", "01.0.0", "^1.0.0", "1.0.0\n", ""].some(isNpmVersion)).toBe(
      false,
    );
  });
});
