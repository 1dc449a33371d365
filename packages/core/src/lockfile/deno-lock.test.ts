import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget } from "../budget.ts";
import type { Result } from "../result.ts";
import { readDenoLock } from "./deno-lock.ts";
import type { LockedPackage, PackageSet } from "./package-set.ts";

const runs = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const zero = { algorithm: "sha256", hex: "0".repeat(64) } as const;
const sri = (content: string, algorithm = "sha512"): string =>
  `${algorithm}-${createHash(algorithm).update(content).digest("base64")}`;
const hex = (content: string): string => createHash("sha256").update(content).digest("hex");

const content = {
  version: "5",
  specifiers: {
    "jsr:@std/bytes@0.2": "0.2.1",
    "jsr:@std/io@1": "1.0.0",
    "npm:leaf@1": "1.0.0",
    "npm:@acme/top@2": "2.0.0_leaf@1.0.0",
  },
  jsr: {
    "@std/bytes@0.2.1": { integrity: hex("bytes") },
    "@std/io@1.0.0": { integrity: hex("io"), dependencies: ["jsr:@std/bytes", "npm:@acme/top@2"] },
  },
  npm: {
    "@acme/top@2.0.0_leaf@1.0.0": {
      integrity: sri("top"),
      dependencies: ["leaf@1.0.0", "al@npm:leaf@2.0.0", "only"],
      os: ["linux"],
    },
    "@acme/top@2.0.0_leaf@2.0.0": { integrity: sri("top"), dependencies: ["leaf@2.0.0"] },
    "leaf@1.0.0": { integrity: sri("leaf1") },
    "leaf@2.0.0": { integrity: sri("leaf2"), tarball: "https://npm.example/leaf/-/leaf-2.0.0.tgz" },
    "only@1.0.0": { integrity: sri("only"), scripts: true },
  },
  redirects: { "https://mod.example/x": "https://mod.example/x@1/mod.ts" },
  remote: { "https://mod.example/x@1/mod.ts": hex("module") },
  workspace: { dependencies: ["jsr:@std/io@1"] },
};
const base = JSON.stringify(content, null, 2);
const withNpm = (entry: Record<string, unknown>, id = "leaf@1.0.0"): string =>
  JSON.stringify({ version: "5", npm: { [id]: entry } });

const readText = (text: string, budget = defaultBudget): Result<PackageSet> =>
  readDenoLock({ path: "deno.lock", text, digest: zero, budget });
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
  if (found === undefined)
    throw new Error(`no ${purl} among ${set.packages.map((pkg) => pkg.purl).join(" ")}`);
  return found;
};
const textAt = (text: string, at: { line: number; column: number } | undefined): string =>
  (text.split("\n")[(at?.line ?? 0) - 1] ?? "").slice((at?.column ?? 0) - 1);

describe("deno.lock", () => {
  it("reads npm packages, folding their peer variants", () => {
    const set = setOf(base);
    const top = find(set, "pkg:npm/%40acme/top@2.0.0");
    expect(top).toMatchObject({
      source: { kind: "registry", ecosystem: "npm", registry: null },
      aliases: [],
    });
    expect(top.requires).toEqual([
      { as: "leaf", purl: "pkg:npm/leaf@1.0.0" },
      { as: "al", purl: "pkg:npm/leaf@2.0.0" },
      { as: "only", purl: "pkg:npm/only@1.0.0" },
      { as: "leaf", purl: "pkg:npm/leaf@2.0.0" },
    ]);
    expect(find(set, "pkg:npm/leaf@2.0.0").source).toMatchObject({ registry: "https://npm.example/" });
    expect(textAt(base, top.at)).toMatch(/^"@acme\/top@2\.0\.0_leaf@1\.0\.0": \{/);
    expect(textAt(base, top.artefacts[0]?.at)).toBe(`"${sri("top")}",`);
  });

  it("reads JSR packages by the digest of their version manifest", () => {
    const set = setOf(base);
    const io = find(set, "pkg:jsr/%40std/io@1.0.0");
    expect(io).toMatchObject({
      source: { kind: "registry", ecosystem: "jsr", registry: null },
      artefacts: [{ form: "module", digest: { algorithm: "sha256", hex: hex("io") } }],
      requires: [
        { as: "@std/bytes", purl: "pkg:jsr/%40std/bytes@0.2.1" },
        { as: "@acme/top", purl: "pkg:npm/%40acme/top@2.0.0" },
      ],
    });
    expect(textAt(base, io.artefacts[0]?.at)).toBe(`"${hex("io")}",`);
  });

  it("reads remote modules with the addresses that are redirected to them", () => {
    const set = setOf(base);
    expect(codes(set)).toEqual(["lockfile/alias"]);
    const url = "https://mod.example/x@1/mod.ts";
    const module = find(set, `pkg:generic/${encodeURIComponent(url)}`);
    expect(module).toMatchObject({
      name: url,
      version: "",
      source: { kind: "url", url },
      aliases: ["https://mod.example/x"],
    });
    expect(module.artefacts).toMatchObject([{ form: "module", url, digest: { hex: hex("module") } }]);
    expect(textAt(base, module.artefacts[0]?.at)).toBe(`"${hex("module")}"`);
  });

  it("reads the same from CRLF", () => {
    expect(setOf(base.replaceAll("\n", "\r\n")).packages).toEqual(setOf(base).packages);
  });

  it.each([
    ["several digests", { integrity: `${sri("a")} ${sri("b")}` }, "artefact/digest-several"],
    ["a weak digest", { integrity: sri("a", "sha1") }, "artefact/digest-weak"],
    ["no digest", {}, "artefact/digest-missing"],
    ["a digest that is none", { integrity: "x" }, "artefact/digest-malformed"],
    [
      "another package's address",
      { integrity: sri("a"), tarball: "https://npm.example/evil/-/evil-1.0.0.tgz" },
      "lockfile/resolved-mismatch",
    ],
    [
      "a dependency that is not locked",
      { integrity: sri("a"), dependencies: ["gone@1.0.0"] },
      "lockfile/entry-malformed",
    ],
    ["a field of tomorrow", { integrity: sri("a"), fetchFrom: "x" }, "lockfile/unknown-field"],
  ])("reports %s", (_what, entry, code) => {
    expect(codes(setOf(withNpm(entry)))).toEqual([code]);
  });

  it("reports a bare name that several packages have", () => {
    const npm = {
      "a@1.0.0": { integrity: sri("a"), dependencies: ["leaf"] },
      "leaf@1.0.0": { integrity: sri("1") },
      "leaf@2.0.0": { integrity: sri("2") },
    };
    expect(codes(setOf(JSON.stringify({ version: "5", npm })))).toEqual(["lockfile/entry-malformed"]);
  });

  it("reports peer variants of one package that disagree", () => {
    const npm = {
      "leaf@1.0.0_a@1.0.0": { integrity: sri("1") },
      "leaf@1.0.0_a@2.0.0": { integrity: sri("evil") },
    };
    expect(codes(setOf(JSON.stringify({ version: "5", npm })))).toEqual(["lockfile/conflicting-entries"]);
  });

  it.each([
    ["a JSR package without digest", { jsr: { "@std/io@1.0.0": {} } }, "artefact/digest-missing"],
    [
      "a JSR digest that is none",
      { jsr: { "@std/io@1.0.0": { integrity: sri("io") } } },
      "artefact/digest-malformed",
    ],
    [
      "a module whose digest is none",
      { remote: { "https://mod.example/x": "abc" } },
      "artefact/digest-malformed",
    ],
    [
      "a redirect to an unlocked module",
      { redirects: { "https://mod.example/x": "https://evil.example/x" } },
      "artefact/digest-missing",
    ],
    [
      "a redirect that never ends",
      {
        redirects: {
          "https://mod.example/x": "https://mod.example/y",
          "https://mod.example/y": "https://mod.example/x",
        },
      },
      "artefact/digest-missing",
    ],
    ["a linked folder", { workspace: { links: { "npm:leaf@1": {} } } }, "lockfile/patched"],
    ["a section of tomorrow", { wasm: {} }, "lockfile/unknown-field"],
  ])("reports %s", (_what, change, code) => {
    expect(codes(setOf(JSON.stringify({ version: "5", ...change })))).toContain(code);
  });

  it.each([
    [
      "a duplicate key",
      base.replace('"leaf@1.0.0": {', '"leaf@1.0.0": {},\n"leaf@1.0.0": {'),
      "lockfile/duplicate-key",
    ],
    ["version 4", '{"version":"4"}', "lockfile/version-unsupported"],
    ["no version", '{"npm":{}}', "lockfile/version-unsupported"],
    ["version 6", '{"version":"6"}', "lockfile/version-unsupported"],
    ["a version that is a number", '{"version":5}', "lockfile/version-unsupported"],
    ["an id without version", withNpm({ integrity: sri("a") }, "leaf"), "lockfile/entry-malformed"],
    ["an id that is a path", withNpm({ integrity: sri("a") }, "../leaf@1.0.0"), "lockfile/entry-malformed"],
    [
      "a JSR id without scope",
      JSON.stringify({ version: "5", jsr: { "io@1.0.0": { integrity: hex("io") } } }),
      "lockfile/entry-malformed",
    ],
    [
      "dependencies of the wrong type",
      withNpm({ integrity: sri("a"), dependencies: { a: 1 } }),
      "lockfile/entry-malformed",
    ],
    [
      "a module of another scheme",
      JSON.stringify({ version: "5", remote: { "file:///etc/passwd": hex("x") } }),
      "lockfile/entry-malformed",
    ],
    ["deep nesting", `{"version":"5","x":${"[".repeat(70)}${"]".repeat(70)}}`, "budget/depth"],
  ])("is refused whole for %s", (_what, text, code) => {
    expect(refusals(text)).toEqual([code]);
  });

  it("says how an older version is upgraded", () => {
    const result = readText('{"version":"4"}');
    expect(!result.ok && result.findings[0]?.fix).toContain("deno install");
  });

  it("is refused over its entry bound", () => {
    expect(refusals(base, { ...defaultBudget, lockfileEntries: 5 })).toEqual(["budget/entries"]);
  });

  it("keeps __proto__ a plain name", () => {
    const text = withNpm({ integrity: sri("a") }).replace('"npm":{', '"npm":{"__proto__@1.0.0":{},');
    expect(codes(setOf(text))).toEqual(["artefact/digest-missing"]);
    expect(refusals(withNpm({ integrity: sri("a") }).replace('"npm":{', '"npm":{"__proto__":{},'))).toEqual([
      "lockfile/entry-malformed",
    ]);
  });

  it("never throws, whatever is changed", () => {
    const splice = fc.record({
      at: fc.nat(base.length),
      cut: fc.nat(40),
      put: fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom('"', "{", "}", "null", "\\ud800", ",", "_", "@", "npm:", "jsr:"),
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
