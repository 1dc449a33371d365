import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget } from "../budget.ts";
import type { Result } from "../result.ts";
import { readBunLock } from "./bun-lock.ts";
import type { LockedPackage, PackageSet } from "./package-set.ts";

const runs = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const zero = { algorithm: "sha256", hex: "0".repeat(64) } as const;
const sri = (content: string, algorithm = "sha512"): string =>
  `${algorithm}-${createHash(algorithm).update(content).digest("base64")}`;
const commit = "c".repeat(40);

const base = `{
  "lockfileVersion": 1,
  "configVersion": 1,
  "workspaces": {
    "": {
      "name": "project",
      "dependencies": {
        "leaf": "^1.0.0",
        "@acme/top": "2.0.0",
      },
    },
    "packages/a": {
      "name": "a",
      "version": "0.1.0",
      "devDependencies": { "leaf": "*", },
    },
  },
  "trustedDependencies": ["leaf"],
  "packages": {
    "@acme/top": ["@acme/top@2.0.0", "https://npm.example/acme/@acme/top/-/top-2.0.0.tgz", { "dependencies": { "leaf": "^2.0.0" }, "os": "linux", "bin": { "top": "t.js" } }, "${sri("top")}"],

    // two versions of one package
    "leaf": ["leaf@1.0.0", "", {}, "${sri("leaf1")}"],

    "a": ["a@workspace:packages/a"],

    "@acme/top/leaf": ["leaf@2.0.0", "", { "bundled": true }, "${sri("leaf2")}"],

    "git": ["git@git+https://git.example/o/git.git#${commit}", {}, "o-git-ccccccc"],

    "hub": ["hub@github:o/hub#${commit}", { "dependencies": { "leaf": "1" } }, "o-hub-ccccccc", "${sri("hub")}"],

    "tar": ["tar@https://files.example/tar.tgz", {}, "${sri("tar")}"],

    "local": ["local@vendor/local.tgz", {}, "${sri("local")}"],

    "dir": ["dir@file:vendor/dir", {}],

    "a/leaf": ["other@3.0.0", "", {}, "${sri("other")}"],
  }
}
`;

const lineOf = (found: string): number => base.split("\n").findIndex((line) => line.includes(found)) + 1;
const readText = (text: string, budget = defaultBudget): Result<PackageSet> =>
  readBunLock({ path: "bun.lock", text, digest: zero, budget });
function setOf(text: string): PackageSet {
  const result = readText(text);
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result.value;
}
const codes = (set: PackageSet): string[] => set.problems.map(({ code }) => code);
const refusals = (text: string, budget = defaultBudget): string[] => {
  const result = readText(text, budget);
  return result.ok ? [] : result.findings.map(({ code }) => code);
};
const find = (set: PackageSet, purl: string): LockedPackage => {
  const found = set.packages.find((pkg) => pkg.purl === purl);
  if (found === undefined) throw new Error(`no ${purl}`);
  return found;
};
const withEntry = (tuple: unknown, top: Record<string, unknown> = {}, key = "leaf"): string =>
  JSON.stringify({
    lockfileVersion: 2,
    workspaces: { "": { name: "project" } },
    packages: { [key]: tuple },
    ...top,
  });

describe("bun.lock", () => {
  it("reads every shape of entry", () => {
    const set = setOf(base);
    expect(set.problems.map(({ code, at }) => [code, at.line])).toEqual([
      ["lockfile/alias", lineOf('"a/leaf":')],
    ]);
    expect(set.lockfile.formatVersion).toBe("1");
    expect(find(set, "pkg:npm/%40acme/top@2.0.0")).toMatchObject({
      source: { kind: "registry", registry: "https://npm.example/acme/" },
      requires: [{ as: "leaf", purl: "pkg:npm/leaf@2.0.0" }],
      markers: { os: ["linux"] },
      at: { line: lineOf('"@acme/top": ['), column: 5 },
    });
    expect(find(set, "pkg:npm/leaf@1.0.0").source).toEqual({
      kind: "registry",
      ecosystem: "npm",
      registry: null,
    });
    expect(find(set, "pkg:npm/git").source).toEqual({
      kind: "git",
      url: "git+https://git.example/o/git.git",
      commit,
    });
    expect(find(set, "pkg:npm/hub").requires).toEqual([{ as: "leaf", purl: "pkg:npm/leaf@1.0.0" }]);
    expect(find(set, "pkg:npm/tar")).toMatchObject({
      source: { kind: "url" },
      artefacts: [{ url: "https://files.example/tar.tgz" }],
    });
    expect(find(set, "pkg:npm/local")).toMatchObject({
      source: { kind: "path", workspace: false },
      artefacts: [{ file: "local.tgz" }],
    });
    expect(find(set, "pkg:npm/dir")).toMatchObject({
      source: { kind: "path", path: "vendor/dir", workspace: false },
      artefacts: [],
    });
    expect(find(set, "pkg:npm/a@0.1.0")).toMatchObject({
      source: { kind: "path", path: "packages/a", workspace: true },
      requires: [{ as: "leaf", purl: "pkg:npm/other@3.0.0" }],
    });
    expect(find(set, "pkg:npm/other@3.0.0").aliases).toEqual(["leaf"]);
    const project = find(set, "pkg:npm/project");
    expect(project.requires.map(({ purl }) => purl)).toEqual([
      "pkg:npm/leaf@1.0.0",
      "pkg:npm/%40acme/top@2.0.0",
    ]);
    const { at, digest } = find(set, "pkg:npm/leaf@1.0.0").artefacts[0] ?? { at: null, digest: null };
    expect(digest?.hex).toBe(createHash("sha512").update("leaf1").digest("hex"));
    expect((base.split("\n")[(at?.line ?? 0) - 1] as string).slice((at?.column ?? 0) - 1)).toBe(
      `"${sri("leaf1")}"],`,
    );
  });

  it("reads the same from CRLF", () => {
    const crlf = setOf(base.replaceAll("\n", "\r\n"));
    expect(crlf.setDigest).toEqual(setOf(base).setDigest);
    expect(crlf.packages.map(({ at }) => at)).toEqual(setOf(base).packages.map(({ at }) => at));
  });

  it.each([0, 1, 2])("reads version %i", (lockfileVersion) => {
    expect(setOf(withEntry(["leaf@1.0.0", "", {}, sri("x")], { lockfileVersion })).packages.length).toBe(2);
  });

  it.each([
    ["several digests", ["leaf@1.0.0", "", {}, `${sri("a")} ${sri("b")}`], "artefact/digest-several"],
    ["a weak digest", ["leaf@1.0.0", "", {}, sri("a", "sha1")], "artefact/digest-weak"],
    ["no digest", ["leaf@1.0.0", "", {}, ""], "artefact/digest-missing"],
    ["a digest that is none", ["leaf@1.0.0", "", {}, "sha512-x"], "artefact/digest-malformed"],
    ["a tarball without digest", ["leaf@https://files.example/leaf.tgz", {}], "artefact/digest-missing"],
    [
      "another package's address",
      ["leaf@1.0.0", "https://npm.example/evil/-/evil-1.0.0.tgz", {}, sri("a")],
      "lockfile/resolved-mismatch",
    ],
    [
      "another version's address",
      ["leaf@1.0.0", "https://npm.example/leaf/-/leaf-0.1.0.tgz", {}, sri("a")],
      "lockfile/resolved-mismatch",
    ],
    ["an alias", ["other@1.0.0", "", {}, sri("a")], "lockfile/alias"],
    ["a shortened commit", ["leaf@github:o/leaf#abc1234", {}, "o-leaf-abc1234"], "lockfile/entry-malformed"],
    ["a link", ["leaf@link:leaf", {}], "lockfile/link-outside"],
    ["a workspace that is not declared", ["leaf@workspace:evil"], "lockfile/link-outside"],
    ["a field of tomorrow", ["leaf@1.0.0", "", { fetchFrom: "x" }, sri("a")], "lockfile/unknown-field"],
  ])("reports %s", (_what, tuple, code) => {
    expect(codes(setOf(withEntry(tuple)))).toEqual([code]);
  });

  it("names an address of no registry form as such", () => {
    const set = setOf(withEntry(["leaf@1.0.0", "https://files.example/x", {}, sri("a")]));
    expect(find(set, "pkg:npm/leaf@1.0.0").source).toEqual({ kind: "url", url: "https://files.example/x" });
  });

  it("reports patches, entries that nothing encloses and entries that disagree", () => {
    const patched = withEntry(["leaf@1.0.0", "", {}, sri("a")], {
      patchedDependencies: { "leaf@1.0.0": "patches/leaf.patch" },
    });
    expect(codes(setOf(patched))).toEqual(["lockfile/patched"]);
    expect(codes(setOf(withEntry(["leaf@1.0.0", "", {}, sri("a")], {}, "gone/leaf")))).toEqual([
      "lockfile/entry-malformed",
    ]);
    const packages = {
      leaf: ["leaf@1.0.0", "", {}, sri("a")],
      b: ["b@1.0.0", "", {}, sri("b")],
      "b/leaf": ["leaf@1.0.0", "", {}, sri("evil")],
    };
    expect(codes(setOf(withEntry([], { packages })))).toEqual(["lockfile/conflicting-entries"]);
  });

  it.each([
    [
      "a duplicate key",
      base.replace('"leaf": [', '"leaf": ["leaf@1.0.0", "", {}, ""],\n"leaf": ['),
      "lockfile/duplicate-key",
    ],
    [
      "an unknown version",
      withEntry(["leaf@1.0.0", "", {}, sri("a")], { lockfileVersion: 3 }),
      "lockfile/version-unsupported",
    ],
    [
      "no version",
      withEntry(["leaf@1.0.0", "", {}, sri("a")], { lockfileVersion: undefined }),
      "lockfile/version-unsupported",
    ],
    [
      "no project",
      withEntry(["leaf@1.0.0", "", {}, sri("a")], { workspaces: {} }),
      "lockfile/entry-malformed",
    ],
    ["an entry that is no list", withEntry({ name: "leaf" }), "lockfile/entry-malformed"],
    ["an empty list", withEntry([]), "lockfile/entry-malformed"],
    ["a registry entry without digest", withEntry(["leaf@1.0.0", "", {}]), "lockfile/entry-malformed"],
    [
      "more than the shape holds",
      withEntry(["leaf@1.0.0", "", {}, sri("a"), "x"]),
      "lockfile/entry-malformed",
    ],
    ["no resolution", withEntry(["leaf", "", {}, sri("a")]), "lockfile/entry-malformed"],
    ["an unknown resolution", withEntry(["leaf@svn:x", {}]), "lockfile/entry-malformed"],
    ["git without a tag", withEntry([`leaf@github:o/leaf#${commit}`, {}]), "lockfile/entry-malformed"],
    ["a name that is a path", withEntry(["../leaf@1.0.0", "", {}, sri("a")]), "lockfile/entry-malformed"],
    [
      "a key that is a path",
      withEntry(["leaf@1.0.0", "", {}, sri("a")], {}, "../leaf"),
      "lockfile/entry-malformed",
    ],
    [
      "a workspace outside the project",
      withEntry(["leaf@1.0.0", "", {}, sri("a")], { workspaces: { "": {}, "../x": { name: "x" } } }),
      "lockfile/entry-malformed",
    ],
    ["deep nesting", withEntry("@@", {}).replace('"@@"', "[".repeat(70) + "]".repeat(70)), "budget/depth"],
  ])("is refused whole for %s", (_what, text, code) => {
    expect(refusals(text)).toEqual([code]);
  });

  it("is refused over its entry bound", () => {
    expect(refusals(base, { ...defaultBudget, lockfileEntries: 5 })).toEqual(["budget/entries"]);
  });

  it("keeps __proto__ a plain name", () => {
    const text = withEntry(["leaf@1.0.0", "", { dependencies: { constructor: "*" } }, sri("a")]).replace(
      '"leaf":',
      '"__proto__": ["__proto__@1.0.0", "", {}, ""], "leaf":',
    );
    const set = setOf(text);
    expect(codes(set)).toEqual(["artefact/digest-missing"]);
    expect(find(set, "pkg:npm/leaf@1.0.0").requires).toEqual([]);
  });

  it("never throws, whatever is changed", () => {
    const splice = fc.record({
      at: fc.nat(base.length),
      cut: fc.nat(40),
      put: fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom('"', "[", "]", "null", "\\udc00", ",", "//", "/*", "workspace:", "@root:"),
      ),
    });
    fc.assert(
      fc.property(fc.array(splice, { minLength: 1, maxLength: 4 }), (splices) => {
        let text = base;
        for (const { at, cut, put } of splices) text = text.slice(0, at) + put + text.slice(at + cut);
        const result = readText(text);
        expect(result.ok || result.findings.length > 0).toBe(true);
      }),
      { numRuns: runs },
    );
  });
});
