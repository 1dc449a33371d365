import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector, readVectorBytes } from "../../test/vectors.ts";
import { defaultBudget, type Budget } from "../budget.ts";
import { toIntegrity } from "../digest.ts";
import type { Result } from "../result.ts";
import { readPackageLock } from "./package-lock.ts";
import type { LockedPackage, PackageSet } from "./package-set.ts";
import { readLockfile } from "./read-lockfile.ts";

const runs = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const zero = { algorithm: "sha256", hex: "0".repeat(64) } as const;
const sri = (content: string, algorithm = "sha512"): string =>
  `${algorithm}-${createHash(algorithm).update(content).digest("base64")}`;

type Entries = Record<string, Record<string, unknown>>;
const leaf = {
  version: "1.0.0",
  resolved: "https://npm.example/leaf/-/leaf-1.0.0.tgz",
  integrity: sri("leaf"),
};
const lockOf = (entries: Entries, top: Record<string, unknown> = {}): string =>
  JSON.stringify(
    {
      name: "project",
      lockfileVersion: 3,
      requires: true,
      packages: { "": { name: "project" }, ...entries },
      ...top,
    },
    null,
    2,
  );

const readText = (
  text: string,
  budget: Budget = defaultBudget,
  path = "package-lock.json",
): Result<PackageSet> => readPackageLock({ path, text, digest: zero, budget });

function setOf(text: string): PackageSet {
  const read = readText(text);
  if (!read.ok) throw new Error(JSON.stringify(read.findings));
  return read.value;
}
const read = (entries: Entries, top: Record<string, unknown> = {}): PackageSet => setOf(lockOf(entries, top));
const codes = (set: PackageSet): string[] => set.problems.map(({ code }) => code);
const refusals = (text: string, budget = defaultBudget): string[] => {
  const result = readText(text, budget);
  return result.ok ? [] : result.findings.map(({ code }) => code);
};
const find = (set: PackageSet, name: string): LockedPackage => {
  const found = set.packages.find((pkg) => pkg.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};
/** The text that stands at a position. */
const textAt = (text: string, { line, column }: { line: number; column: number }): string =>
  (text.split("\n")[line - 1] as string).slice(column - 1);

describe("package-lock.json", () => {
  it("reads a registry entry with its source, digest, edges and positions", () => {
    const text = lockOf({
      "node_modules/leaf": leaf,
      "node_modules/@acme/top": {
        version: "2.0.0-rc.1",
        resolved: "https://npm.example/prefix/npm/@acme%2ftop/-/top-2.0.0-rc.1.tgz",
        integrity: sri("top"),
        dependencies: { leaf: "^1.0.0" },
        dev: true,
        os: ["linux"],
      },
    });
    for (const [written, width] of [[text, 1] as const, [text.replaceAll("\n", "\r\n"), 1] as const]) {
      const set = setOf(written);
      expect(set.problems).toEqual([]);
      const top = find(set, "@acme/top");
      expect(top).toMatchObject({
        purl: "pkg:npm/%40acme/top@2.0.0-rc.1",
        source: { kind: "registry", ecosystem: "npm", registry: "https://npm.example/prefix/npm/" },
        requires: [{ as: "leaf", purl: "pkg:npm/leaf@1.0.0" }],
        aliases: [],
        markers: { dev: true, optional: false, os: ["linux"] },
      });
      const [artefact] = top.artefacts;
      expect(artefact?.digest === null || artefact === undefined ? null : toIntegrity(artefact.digest)).toBe(
        sri("top"),
      );
      expect(textAt(written, top.at)).toMatch(/^"node_modules\/@acme\/top": \{/);
      expect(textAt(written, artefact?.at ?? top.at).slice(0, -width)).toContain(sri("top"));
      expect(textAt(written, artefact?.at ?? top.at)).toMatch(/^"sha512-/);
    }
  });

  it("reads the project and its workspaces as packages without artefacts", () => {
    const set = read({
      "node_modules/a": { resolved: "packages/a", link: true },
      "packages/a": { version: "0.1.0", dependencies: { leaf: "1" }, devDependencies: { b: "*" } },
      "packages/a/node_modules/leaf": leaf,
      "node_modules/renamed": { resolved: "packages/b", link: true },
      "packages/b": { name: "b", version: "1.0.0" },
      "node_modules/b": { resolved: "packages/b", link: true },
      "": { name: "project", workspaces: ["packages/*"], dependencies: { a: "*" } },
    });
    expect(codes(set)).toEqual(["lockfile/alias"]);
    expect(find(set, "a")).toMatchObject({
      source: { kind: "path", path: "packages/a", workspace: true },
      artefacts: [],
      requires: [
        { as: "leaf", purl: "pkg:npm/leaf@1.0.0" },
        { as: "b", purl: "pkg:npm/b@1.0.0" },
      ],
    });
    expect(find(set, "b").aliases).toEqual(["renamed"]);
    expect(find(set, "project")).toMatchObject({
      purl: "pkg:npm/project",
      source: { kind: "path", path: ".", workspace: true },
      requires: [{ as: "a", purl: "pkg:npm/a@0.1.0" }],
    });
  });

  it("takes an entry without address for the configured registry's", () => {
    const set = read({ "node_modules/leaf": { version: "1.0.0", integrity: sri("leaf") } });
    expect(set.problems).toEqual([]);
    expect(find(set, "leaf")).toMatchObject({
      source: { kind: "registry", registry: null },
      artefacts: [{ url: null }],
    });
  });

  it("folds the places of one package and resolves edges as Node.js does", () => {
    const two = {
      ...leaf,
      version: "2.0.0",
      resolved: "https://npm.example/leaf/-/leaf-2.0.0.tgz",
      integrity: sri("2"),
    };
    const user = (name: string): Record<string, unknown> => ({
      version: "1.0.0",
      resolved: `https://npm.example/${name}/-/${name}-1.0.0.tgz`,
      integrity: sri(name),
      dependencies: { leaf: "*" },
    });
    const set = read({
      "node_modules/leaf": { ...leaf, optional: true },
      "node_modules/a": user("a"),
      "node_modules/a/node_modules/leaf": two,
      "node_modules/b": user("b"),
      "node_modules/c": user("c"),
      "node_modules/c/node_modules/leaf": two,
      "node_modules/c/node_modules/d": user("d"),
    });
    expect(set.problems).toEqual([]);
    expect(set.packages.filter(({ name }) => name === "leaf").map(({ version }) => version)).toEqual([
      "1.0.0",
      "2.0.0",
    ]);
    const edge = (name: string): string | undefined => find(set, name).requires[0]?.purl;
    expect([edge("a"), edge("b"), edge("d")]).toEqual([
      "pkg:npm/leaf@2.0.0",
      "pkg:npm/leaf@1.0.0",
      "pkg:npm/leaf@2.0.0",
    ]);
  });

  it("reads git, url and file sources", () => {
    const commit = "a".repeat(40);
    const set = read({
      "node_modules/g": { version: "1.0.0", resolved: `git+ssh://git@git.example/o/g.git#${commit}` },
      "node_modules/u": {
        version: "1.0.0",
        resolved: "https://files.example/u.tgz?v=1",
        integrity: sri("u"),
      },
      "node_modules/f": { version: "1.0.0", resolved: "file:vendor/f.tgz", integrity: sri("f") },
      "node_modules/d": { version: "1.0.0", resolved: "file:vendor/d" },
    });
    expect(set.problems).toEqual([]);
    expect(find(set, "g")).toMatchObject({
      source: { kind: "git", url: "git+ssh://git@git.example/o/g.git", commit },
      artefacts: [],
    });
    expect(find(set, "u")).toMatchObject({ source: { kind: "url", url: "https://files.example/u.tgz?v=1" } });
    expect(find(set, "f")).toMatchObject({
      source: { kind: "path", path: "vendor/f.tgz" },
      artefacts: [{ file: "f.tgz" }],
    });
    expect(find(set, "d")).toMatchObject({
      source: { kind: "path", path: "vendor/d", workspace: false },
      artefacts: [],
    });
  });

  it("reads a bundled package as its parent's", () => {
    const set = read({
      "node_modules/leaf": { ...leaf, bundleDependencies: ["in"] },
      "node_modules/leaf/node_modules/in": { version: "3.0.0", inBundle: true },
      "node_modules/leaf/node_modules/in/node_modules/deep": { version: "4.0.0", inBundle: true },
    });
    expect(set.problems).toEqual([]);
    expect(find(set, "in")).toMatchObject({
      source: { kind: "bundled", in: "pkg:npm/leaf@1.0.0", paths: ["node_modules/in"] },
      artefacts: [],
    });
    expect(find(set, "deep")).toMatchObject({
      source: { kind: "bundled", in: "pkg:npm/leaf@1.0.0", paths: ["node_modules/in/node_modules/deep"] },
    });
  });

  it("reads the hidden lockfile, which has no project entry", () => {
    const text = JSON.stringify({ lockfileVersion: 3, packages: { "node_modules/leaf": leaf } });
    const hidden = readText(text, defaultBudget, "node_modules/.package-lock.json");
    expect(hidden.ok && hidden.value.packages.map(({ name }) => name)).toEqual(["leaf"]);
    expect(refusals(text)).toEqual(["lockfile/entry-malformed"]);
  });

  it.each([2, 3, 4])("reads version %i", (lockfileVersion) => {
    expect(read({ "node_modules/leaf": leaf }, { lockfileVersion }).lockfile.formatVersion).toBe(
      String(lockfileVersion),
    );
  });
});

describe("a doctored package-lock.json", () => {
  const doctored = (change: Record<string, unknown>): PackageSet =>
    read({ "node_modules/leaf": { ...leaf, ...change } });

  it.each([
    [
      "several digests of the strongest algorithm",
      { integrity: `${sri("good")} ${sri("evil")}` },
      "artefact/digest-several",
    ],
    ["only sha1", { integrity: sri("leaf", "sha1") }, "artefact/digest-weak"],
    ["no digest", { integrity: undefined }, "artefact/digest-missing"],
    ["an empty digest", { integrity: "" }, "artefact/digest-missing"],
    ["a digest that is none", { integrity: "sha512-AAAA" }, "artefact/digest-malformed"],
    [
      "the address of another package",
      { resolved: "https://npm.example/other/-/other-1.0.0.tgz" },
      "lockfile/resolved-mismatch",
    ],
    [
      "the address of another version",
      { resolved: "https://npm.example/leaf/-/leaf-0.9.0.tgz" },
      "lockfile/resolved-mismatch",
    ],
    [
      "another package of the same scope-less name",
      { resolved: "https://npm.example/@evil/leaf/-/leaf-1.0.0.tgz" },
      "lockfile/resolved-mismatch",
    ],
    ["a bundled claim beside an address", { inBundle: true }, "lockfile/bundled-with-resolved"],
    [
      "a bundled claim that no package encloses",
      { inBundle: true, resolved: undefined, integrity: undefined },
      "lockfile/entry-malformed",
    ],
    ["no version", { version: undefined, resolved: undefined }, "lockfile/entry-malformed"],
    ["a version that is none", { version: "latest", resolved: undefined }, "lockfile/entry-malformed"],
    [
      "a branch instead of a commit",
      { resolved: "git+https://git.example/o/r.git#main", integrity: undefined },
      "lockfile/entry-malformed",
    ],
    ["an address of an unknown kind", { resolved: "ftp://npm.example/leaf.tgz" }, "lockfile/entry-malformed"],
    ["a local patch", { patched: { path: "p.patch", integrity: sri("p") } }, "lockfile/patched"],
    ["an extended manifest", { npmExtensionApplied: true }, "lockfile/patched"],
    ["a lockfile of its own", { hasShrinkwrap: true }, "lockfile/unknown-field"],
    ["a field of tomorrow", { fetchFrom: "https://evil.example/" }, "lockfile/unknown-field"],
  ])("reports %s", (_what, change, code) => {
    const set = doctored(change);
    expect(codes(set)).toContain(code);
    expect(set.problems.every(({ why, fix }) => why !== "" && fix !== "")).toBe(true);
  });

  it("names an evil registry as the source, so that the policy can refuse it", () => {
    const set = doctored({ resolved: "https://evil.example/leaf/-/leaf-1.0.0.tgz" });
    expect(find(set, "leaf").source).toEqual({
      kind: "registry",
      ecosystem: "npm",
      registry: "https://evil.example/",
    });
  });

  it("leaves a digest that binds nothing null, and points at it", () => {
    const text = lockOf({ "node_modules/leaf": { ...leaf, integrity: sri("x", "sha1") } });
    const set = setOf(text);
    expect(find(set, "leaf").artefacts[0]?.digest).toBeNull();
    expect(textAt(text, set.problems[0]?.at ?? { line: 1, column: 1 })).toMatch(/^"sha1-/);
  });

  it("verifies an alias as what it is and reports it, direct or nested", () => {
    const set = read({
      "node_modules/leaf": {
        ...leaf,
        name: "other",
        resolved: "https://npm.example/other/-/other-1.0.0.tgz",
      },
    });
    expect(codes(set)).toEqual(["lockfile/alias"]);
    expect(find(set, "other")).toMatchObject({ purl: "pkg:npm/other@1.0.0", aliases: ["leaf"] });
  });

  it("reports an alias whose name and address disagree", () => {
    expect(codes(doctored({ name: "other" }))).toEqual(["lockfile/resolved-mismatch", "lockfile/alias"]);
  });

  it("reports two entries of one package that disagree on digest or registry", () => {
    const nested = (change: Record<string, unknown>): string[] =>
      codes(
        read({
          "node_modules/leaf": leaf,
          "node_modules/a": {
            version: "1.0.0",
            resolved: "https://npm.example/a/-/a-1.0.0.tgz",
            integrity: sri("a"),
          },
          "node_modules/a/node_modules/leaf": { ...leaf, ...change },
        }),
      );
    expect(nested({})).toEqual([]);
    expect(nested({ integrity: sri("evil") })).toEqual(["lockfile/conflicting-entries"]);
    expect(nested({ resolved: "https://evil.example/leaf/-/leaf-1.0.0.tgz" })).toEqual([
      "lockfile/conflicting-entries",
    ]);
    expect(nested({ resolved: undefined })).toEqual([]);
  });

  it.each([["../outside"], ["evil"], ["packages/a/../../../outside"], ["/etc"], ["node_modules/leaf"], [""]])(
    "reports a link to %j, which is no declared workspace",
    (target) => {
      const set = read({
        "": { name: "project", workspaces: ["packages/*"] },
        "node_modules/leaf": leaf,
        "node_modules/linked": { resolved: target, link: true },
        "../outside": { version: "1.0.0" },
        evil: { version: "1.0.0" },
      });
      expect(codes(set)).toContain("lockfile/link-outside");
      expect(
        set.packages
          .filter(({ source }) => source.kind === "path" && source.workspace)
          .map(({ name }) => name),
      ).toEqual(["project"]);
    },
  );

  it("reports an entry that nothing encloses", () => {
    const set = read({ "node_modules/gone/node_modules/leaf": leaf });
    expect(codes(set)).toEqual(["lockfile/entry-malformed"]);
  });

  it("accepts the bundle mark that npm writes for what the project itself bundles", () => {
    const set = read({
      "": { name: "project", bundleDependencies: ["leaf"] },
      "node_modules/leaf": { ...leaf, inBundle: true },
    });
    expect(codes(set)).toEqual([]);
  });

  it("reports a legacy tree that says something else than `packages`", () => {
    const two = (legacy: Record<string, unknown>): string[] =>
      codes(
        read(
          { "node_modules/leaf": leaf },
          { lockfileVersion: 2, dependencies: { leaf: { ...leaf, ...legacy } } },
        ),
      );
    expect(two({})).toEqual([]);
    expect(two({ integrity: sri("evil") })).toEqual(["lockfile/conflicting-entries"]);
    expect(two({ version: "1.0.1" })).toEqual(["lockfile/conflicting-entries"]);
    expect(two({ resolved: "https://evil.example/leaf/-/leaf-1.0.0.tgz" })).toEqual([
      "lockfile/conflicting-entries",
    ]);
    expect(two({ dependencies: { evil: leaf } })).toEqual(["lockfile/conflicting-entries"]);
    const renamed = { ...leaf, name: "leaf" };
    const legacy = { al: { ...leaf, version: "npm:leaf@1.0.0" } };
    expect(codes(read({ "node_modules/al": renamed }, { lockfileVersion: 2, dependencies: legacy }))).toEqual(
      ["lockfile/alias"],
    );
  });

  it("keeps __proto__ and constructor plain names", () => {
    const text = lockOf({
      "node_modules/leaf": { ...leaf, dependencies: { constructor: "*", toString: "*" } },
    }).replace('"node_modules/leaf"', '"__proto__": {"integrity": "sha1-x"}, "node_modules/leaf"');
    const set = setOf(text);
    expect(find(set, "leaf").requires).toEqual([]);
    expect(find(set, "__proto__").source.kind).toBe("path");
  });
});

describe("a package-lock.json that is refused whole", () => {
  it.each([
    [
      "a duplicate package",
      `{"lockfileVersion":3,"packages":{"":{},"node_modules/a":{},"node_modules/a":{}}}`,
      "lockfile/duplicate-key",
    ],
    [
      "a duplicate key in an entry",
      lockOf({ "node_modules/leaf": leaf }).replace(
        '"version": "1.0.0"',
        '"version": "1.0.0", "version": "1.0.0"',
      ),
      "lockfile/duplicate-key",
    ],
    ["a truncated file", lockOf({ "node_modules/leaf": leaf }).slice(0, -3), "lockfile/malformed"],
    ["conflict markers", `<<<<<<< ours\n${lockOf({})}\n=======`, "lockfile/malformed"],
    ["a list", "[]", "lockfile/malformed"],
    ["no packages", `{"lockfileVersion":3}`, "lockfile/malformed"],
    ["version 1", `{"lockfileVersion":1,"dependencies":{}}`, "lockfile/version-unsupported"],
    ["no version", `{"packages":{"":{}}}`, "lockfile/version-unsupported"],
    ["a version of tomorrow", lockOf({}, { lockfileVersion: 5 }), "lockfile/version-unsupported"],
    ["a version in quotes", lockOf({}, { lockfileVersion: "3" }), "lockfile/version-unsupported"],
    ["packages that are no object", lockOf({}, { packages: [] }), "lockfile/entry-malformed"],
    ["an entry that is no object", lockOf({ "node_modules/a": 1 as never }), "lockfile/entry-malformed"],
    [
      "an integrity that is no text",
      lockOf({ "node_modules/leaf": { ...leaf, integrity: [sri("a")] } }),
      "lockfile/entry-malformed",
    ],
    [
      "a link flag that is no flag",
      lockOf({ "node_modules/leaf": { ...leaf, link: "yes" } }),
      "lockfile/entry-malformed",
    ],
    ["a location with dots", lockOf({ "node_modules/../evil": leaf }), "lockfile/entry-malformed"],
    ["a location below a scope alone", lockOf({ "node_modules/@acme": leaf }), "lockfile/entry-malformed"],
    ["a location with a trailing slash", lockOf({ "node_modules/leaf/": leaf }), "lockfile/entry-malformed"],
    ["a location with a backslash", lockOf({ "node_modules\\leaf": leaf }), "lockfile/entry-malformed"],
    [
      "a name that is a path",
      lockOf({ "node_modules/leaf": { ...leaf, name: "../leaf" } }),
      "lockfile/entry-malformed",
    ],
    [
      "a link without a target entry",
      lockOf({ "": { name: "p", workspaces: ["a"] }, "node_modules/a": { resolved: "a", link: true } }),
      "lockfile/entry-malformed",
    ],
    [
      "more workspace patterns than a project has",
      lockOf({ "": { name: "p", workspaces: Array.from({ length: 300 }, (_, index) => `p${index}`) } }),
      "lockfile/entry-malformed",
    ],
    [
      "deep nesting",
      lockOf({}, { x: JSON.parse("[".repeat(80) + "]".repeat(80)) as unknown }),
      "budget/depth",
    ],
  ])("%s", (_what, text, code) => {
    expect(refusals(text)).toEqual([code]);
  });

  it("tells the command that upgrades version 1", () => {
    const result = readText(`{"lockfileVersion":1,"dependencies":{}}`);
    expect(!result.ok && result.findings[0]?.fix).toContain(
      "npm install --package-lock-only --lockfile-version 3",
    );
  });

  it("too many entries, counted before they are read, edges and the legacy tree included", () => {
    const budget = { ...defaultBudget, lockfileEntries: 3 };
    const entries = { "node_modules/a": leaf, "node_modules/b": leaf, "node_modules/c": leaf };
    expect(refusals(lockOf(entries), budget)).toEqual(["budget/entries"]);
    expect(refusals(lockOf({ "node_modules/leaf": leaf }), budget)).toEqual([]);
    const legacy = { dependencies: { leaf, b: leaf } };
    expect(refusals(lockOf({ "node_modules/leaf": leaf }, legacy), budget)).toContain("budget/entries");
    const dependencies = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`d${index}`, "*"]));
    expect(refusals(lockOf({ "node_modules/leaf": { ...leaf, dependencies } }), budget)).toEqual([
      "budget/entries",
    ]);
  });
});

describe("hostile package-lock.json", () => {
  const base = lockOf(
    {
      "node_modules/leaf": {
        ...leaf,
        dependencies: { "@acme/top": "*" },
        os: ["linux"],
        bundleDependencies: ["in"],
      },
      "node_modules/leaf/node_modules/in": { version: "3.0.0", inBundle: true },
      "node_modules/al": { ...leaf, name: "leaf" },
      "node_modules/a": { resolved: "packages/a", link: true },
      "packages/a": { version: "0.1.0" },
      "node_modules/g": { version: "1.0.0", resolved: `git+https://git.example/g.git#${"a".repeat(40)}` },
    },
    { lockfileVersion: 2, dependencies: { leaf } },
  );

  it("never throws, and never reads half, whatever is changed", () => {
    const splice = fc.record({
      at: fc.nat(base.length),
      cut: fc.nat(40),
      put: fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom('"', "{", "}", "null", "[]", "\\ud800", "true", ",", '"":', "../", "node_modules/"),
      ),
    });
    fc.assert(
      fc.property(fc.array(splice, { minLength: 1, maxLength: 4 }), (splices) => {
        let text = base;
        for (const { at, cut, put } of splices) text = text.slice(0, at) + put + text.slice(at + cut);
        const result = readText(text);
        if (result.ok)
          expect(result.value.packages.every(({ purl }) => purl.startsWith("pkg:npm/"))).toBe(true);
        else expect(result.findings.length).toBeGreaterThan(0);
      }),
      { numRuns: runs },
    );
  });

  it("survives names without UTF-8", () => {
    expect(() => readText(lockOf({ "node_modules/\ud800": leaf, "\udc00": {} }))).not.toThrow();
  });

  it("is linear in nesting, look-ups and globs", () => {
    const deep = Object.fromEntries(
      Array.from({ length: 60 }, (_, depth) => [`${"node_modules/a/".repeat(depth)}node_modules/a`, leaf]),
    );
    const dependencies = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`d${index}`, "*"]));
    const bottom = `${"node_modules/a/".repeat(60)}node_modules/b`;
    const start = performance.now();
    expect(readText(lockOf({ ...deep, [bottom]: { ...leaf, dependencies } })).ok).toBe(true);
    const glob = `${"*a".repeat(400)}b`;
    readText(
      lockOf({
        "": { workspaces: [glob] },
        "node_modules/x": { link: true, resolved: "a".repeat(4000) },
        ["a".repeat(4000)]: {},
      }),
    );
    expect(performance.now() - start).toBeLessThan(5000);
    expect(refusals(lockOf({ ["node_modules/a/".repeat(500) + "node_modules/a"]: leaf }))).toEqual([
      "lockfile/entry-malformed",
    ]);
  });

  describe.skipIf(!hasVectors)("a real lockfile", () => {
    it("never throws on mutated slices", () => {
      const text = readVector("lockfiles", "large.package-lock.json");
      fc.assert(
        fc.property(
          fc.nat(text.length),
          fc.integer({ min: 1, max: 8192 }),
          fc.nat(8192),
          fc.string({ maxLength: 4 }),
          (from, length, at, put) => {
            const slice = text.slice(from, from + length);
            const body = slice.slice(0, at) + put + slice.slice(at);
            readText(body);
            readText(`{"lockfileVersion":3,"packages":{"":{},${body}`);
          },
        ),
        { numRuns: runs },
      );
    });

    it("reads all of it, with nothing to report but its four aliases", async () => {
      const result = await readLockfile(
        "package-lock",
        "package-lock.json",
        readVectorBytes("lockfiles", "large.package-lock.json"),
      );
      if (!result.ok) throw new Error("refused");
      expect(codes(result.value)).toEqual(Array.from({ length: 4 }, () => "lockfile/alias"));
      expect(
        result.value.packages.every(
          ({ source, artefacts }) => source.kind === "path" || artefacts[0]?.digest?.algorithm === "sha512",
        ),
      ).toBe(true);
    });
  });
});
