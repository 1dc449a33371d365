import * as fc from "fast-check";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector, vectorsPath } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { digestFromHex, toIntegrity, type Digest } from "../digest.ts";
import { readPackument, readVersionManifest, type VersionManifest } from "./packument.ts";

const a = digestFromHex("sha512", "a1".repeat(64)) as Digest;
const b = digestFromHex("sha256", "b2".repeat(32)) as Digest;
const signature = { keyid: "SHA256:key", sig: "MEQC" };

type Change = { manifest?: Record<string, unknown>; dist?: Record<string, unknown> };
const manifest = ({ manifest = {}, dist = {} }: Change = {}): Record<string, unknown> => ({
  name: "leaf",
  version: "1.0.0",
  dist: {
    integrity: toIntegrity(a),
    tarball: "https://npm.example/leaf/-/leaf-1.0.0.tgz",
    signatures: [signature],
    ...dist,
  },
  ...manifest,
});
const read = (change?: Change): ReturnType<typeof readVersionManifest> =>
  readVersionManifest(JSON.stringify(manifest(change)), "leaf", "1.0.0", defaultBudget);
const found = (change?: Change): VersionManifest => {
  const result = read(change);
  if (result.state !== "found") throw new Error(result.detail);
  return result.manifest;
};

describe("a version manifest", () => {
  it("D1: gives digests, signatures and whether attestations are offered", () => {
    expect(found({ dist: { attestations: { url: "https://evil.example/" } } })).toEqual({
      name: "leaf",
      version: "1.0.0",
      digests: [a],
      tarball: "https://npm.example/leaf/-/leaf-1.0.0.tgz",
      signatures: { state: "found", value: [signature] },
      attestationsListed: true,
      published: null,
      repository: null,
      deprecated: null,
    });
  });

  it("of another package or version is malformed", () => {
    expect(read({ manifest: { name: "other" } })).toMatchObject({
      state: "malformed",
      code: "listing/malformed",
    });
    expect(read({ manifest: { version: "1.0.1" } })).toMatchObject({
      state: "malformed",
      code: "listing/malformed",
    });
  });

  it("D2: keeps missing, empty and malformed signatures apart", () => {
    const state = (signatures: unknown): string => found({ dist: { signatures } }).signatures.state;
    expect(state(undefined)).toBe("missing");
    expect(state(null)).toBe("missing");
    expect(state([])).toBe("empty");
    expect(state({})).toBe("malformed");
    expect(state([signature, { keyid: "SHA256:key" }])).toBe("malformed");
    expect(state([null])).toBe("malformed");
    expect(state(Array.from({ length: 65 }, () => signature))).toBe("malformed");
  });

  it("lists every strong digest and none of the weak ones", () => {
    const digests = (integrity: unknown): readonly Digest[] => found({ dist: { integrity } }).digests;
    expect(digests(`sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= ${toIntegrity(b)}\n${toIntegrity(a)}`)).toEqual([b, a]);
    expect(digests(undefined)).toEqual([]);
    expect(digests("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=")).toEqual([]);
  });

  it("with a digest that cannot be one is malformed", () => {
    for (const integrity of ["sha512-AAAA", `${toIntegrity(a)}?x`, 7, "x".repeat(5000)]) {
      expect(read({ dist: { integrity } })).toMatchObject({ state: "malformed" });
    }
  });

  it("without dist, or with a tarball that is no text, is malformed", () => {
    expect(read({ manifest: { dist: null } })).toMatchObject({ state: "malformed" });
    expect(read({ dist: { tarball: 1 } })).toMatchObject({ state: "malformed" });
  });

  it("D28: takes a repository that is a string as well as an object", () => {
    const repository = (value: unknown): string | null =>
      found({ manifest: { repository: value } }).repository;
    expect(repository("github:acme/leaf")).toBe("github:acme/leaf");
    expect(repository({ type: "git", url: "git+https://git.example/leaf.git" })).toBe(
      "git+https://git.example/leaf.git",
    );
    expect(repository(["x"])).toBeNull();
    expect(repository({ url: 5 })).toBeNull();
  });

  it("is deprecated by a message or true, not by an empty message", () => {
    const deprecated = (value: unknown): string | null =>
      found({ manifest: { deprecated: value } }).deprecated;
    expect([deprecated("use other"), deprecated(true), deprecated(""), deprecated(false)]).toEqual([
      "use other",
      "deprecated",
      null,
      null,
    ]);
  });

  it("never takes a member from a prototype", () => {
    const text = JSON.stringify(manifest()).replace('"dist":', '"__proto__":');
    expect(readVersionManifest(text, "leaf", "1.0.0", defaultBudget)).toMatchObject({ state: "malformed" });
  });

  it("over the budget is too large or malformed, never read", () => {
    const text = JSON.stringify(manifest());
    expect(readVersionManifest(text, "leaf", "1.0.0", { ...defaultBudget, documentBytes: 20 })).toMatchObject(
      { code: "evidence/too-large" },
    );
    expect(readVersionManifest("[".repeat(100_000), "leaf", "1.0.0", defaultBudget)).toMatchObject({
      code: "listing/malformed",
    });
  });
});

describe("a packument", () => {
  const packument = (change: Record<string, unknown> = {}): string =>
    JSON.stringify({
      name: "leaf",
      versions: { "1.0.0": manifest(), "2.0.0": manifest() },
      time: { "1.0.0": "2024-01-02T03:04:05.678Z", "2.0.0": "soon" },
      ...change,
    });

  it("answers for each version asked: found, absent or malformed", () => {
    const result = readPackument(
      packument(),
      "leaf",
      ["1.0.0", "2.0.0", "3.0.0", "constructor"],
      defaultBudget,
    );
    if (result.state !== "found") throw new Error(result.detail);
    expect(result.versions.get("1.0.0")).toMatchObject({
      state: "found",
      manifest: { published: Date.UTC(2024, 0, 2, 3, 4, 5, 678) },
    });
    expect(result.versions.get("2.0.0")).toMatchObject({
      state: "malformed",
      detail: 'the answer is about "leaf" "1.0.0"',
    });
    expect(result.versions.get("3.0.0")).toEqual({ state: "absent" });
    expect(result.versions.get("constructor")).toEqual({ state: "absent" });
  });

  it("has no publish time where the registry gives none or no date", () => {
    for (const time of [undefined, null, [], { "1.0.0": "soon" }, { "1.0.0": 5 }]) {
      const result = readPackument(packument({ time }), "leaf", ["1.0.0"], defaultBudget);
      expect(result.state === "found" && result.versions.get("1.0.0")).toMatchObject({
        state: "found",
        manifest: { published: null },
      });
    }
  });

  it("of another package, or that is none, is malformed", () => {
    expect(readPackument(packument({ name: "other" }), "leaf", [], defaultBudget).state).toBe("malformed");
    expect(readPackument(packument({ versions: [] }), "leaf", [], defaultBudget).state).toBe("malformed");
    for (const text of ["", "null", "[]", '{"name":"leaf"', '{"name":"leaf","name":"leaf","versions":{}}']) {
      expect(readPackument(text, "leaf", [], defaultBudget)).toMatchObject({
        state: "malformed",
        code: "listing/malformed",
      });
    }
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readPackument(
          JSON.stringify({ name: "leaf", versions: { "1.0.0": value }, time: value }),
          "leaf",
          ["1.0.0"],
          defaultBudget,
        );
        readVersionManifest(
          JSON.stringify(manifest({ dist: { integrity: value, signatures: value, tarball: value } })),
          "leaf",
          "1.0.0",
          defaultBudget,
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!hasVectors)("real packuments", () => {
  const directory = vectorsPath("npm", "packuments");
  const files = hasVectors ? readdirSync(directory) : [];
  /** Written under a new name without renaming its versions. */
  const renamed = "resvg-js.json";

  it.each(files)("%s is read whole, with every signature", (file) => {
    const text = readVector("npm", "packuments", file);
    const raw = JSON.parse(text) as {
      name: string;
      version?: string;
      versions?: Record<string, { dist: { signatures: unknown[] } }>;
    };
    if (raw.versions === undefined) {
      expect(readVersionManifest(text, raw.name, raw.version ?? "", defaultBudget)).toMatchObject({
        manifest: { signatures: { state: "found" } },
      });
      return;
    }
    const versions = Object.keys(raw.versions);
    const result = readPackument(text, raw.name, versions, defaultBudget);
    if (result.state !== "found") throw new Error(result.detail);
    expect(result.versions.size).toBe(versions.length);
    for (const version of versions) {
      const read = result.versions.get(version);
      if (file === renamed) expect(read).toMatchObject({ state: "malformed" });
      else
        expect(read).toMatchObject({
          state: "found",
          manifest: { digests: [{ algorithm: "sha512" }], signatures: { state: "found" } },
        });
    }
  });
});
