import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget, type Budget } from "../budget.ts";
import type { PackageSet } from "./package-set.ts";
import { readLockfile } from "./read-lockfile.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const hex = (digit: string): string => digit.repeat(64);
const files = "https://files.example/a";
const commit = "0123456789abcdef0123456789abcdef01234567";

const lock = (...packages: string[]): string =>
  ['lock-version = "1.0"', 'created-by = "uv"', ...packages, ""].join("\n");
const foo = (...lines: string[]): string =>
  ["[[packages]]", 'name = "foo"', 'version = "1.0"', ...lines].join("\n");
const file = (name: string, hashes = `sha256 = "${hex("a")}"`): string =>
  `{ url = "${files}/${name}", size = 3, hashes = { ${hashes} } }`;
const good = file("foo-1.0-py3-none-any.whl");
const wheels = (...items: string[]): string =>
  `wheels = [\n${items.map((item) => `    ${item},\n`).join("")}]`;

const read = (text: string, budget: Budget = defaultBudget): ReturnType<typeof readLockfile> =>
  readLockfile("pylock", "pylock.toml", new TextEncoder().encode(text), budget);
const setOf = async (text: string): Promise<PackageSet> => {
  const result = await read(text);
  if (!result.ok) throw new Error(JSON.stringify(result.findings, null, 1));
  return result.value;
};
const findings = async (text: string, budget?: Budget): Promise<string[]> => {
  const result = await read(text, budget);
  const list = result.ok ? result.value.problems : result.findings;
  return [
    ...(result.ok ? [] : ["refused"]),
    ...list.map(({ code, at }) => `${code} ${at.line}:${at.column}`),
  ];
};

describe("pylock.toml", () => {
  it("gives name, version, index, files, digests, edges and exact positions", async () => {
    const sdist = `sdist = { name = "foo-1.0.tar.gz", upload-time = 2024-05-20T21:33:25Z, path = "../a/foo-1.0.tar.gz", hashes = { sha512 = "${hex("b").repeat(2)}" } }`;
    const set = await setOf(
      lock(
        foo(
          "marker = \"os_name == 'nt'\"",
          'index = "https://index.example/simple"',
          sdist,
          wheels(good),
          'dependencies = [{ name = "Bar" }]',
        ),
        '[[packages]]\nname = "bar"\ndirectory = { path = "." }',
      ),
    );
    expect(set.problems).toEqual([]);
    expect(set.lockfile.formatVersion).toBe("1.0");
    expect(set.packages[0]).toEqual({
      purl: "pkg:pypi/foo@1.0",
      name: "foo",
      version: "1.0",
      source: { kind: "registry", ecosystem: "pypi", registry: "https://index.example/simple" },
      artefacts: [
        {
          form: "sdist",
          file: "foo-1.0.tar.gz",
          url: null,
          digest: { algorithm: "sha512", hex: hex("b").repeat(2) },
          at: { path: "pylock.toml", line: 8, column: sdist.indexOf(`"${hex("b")}`) + 1 },
        },
        {
          form: "wheel",
          file: "foo-1.0-py3-none-any.whl",
          url: `${files}/foo-1.0-py3-none-any.whl`,
          digest: { algorithm: "sha256", hex: hex("a") },
          at: { path: "pylock.toml", line: 10, column: good.indexOf(`"${hex("a")}`) + 5 },
        },
      ],
      aliases: [],
      markers: {
        optional: false,
        dev: false,
        peer: false,
        os: [],
        cpu: [],
        libc: [],
        expression: "os_name == 'nt'",
      },
      at: { path: "pylock.toml", line: 3, column: 1 },
      requires: [{ as: "bar", purl: "pkg:pypi/bar" }],
    });
  });

  it.each([
    [
      `vcs = { type = "git", url = "https://git.example/a", commit-id = "${commit}" }`,
      { kind: "git", url: "https://git.example/a", commit },
      0,
    ],
    [
      'directory = { path = "../foo", editable = true }',
      { kind: "path", path: "../foo", workspace: false },
      0,
    ],
    [
      `archive = { url = "https://x.example/v1.zip", hashes = { sha256 = "${hex("a")}" } }`,
      { kind: "url", url: "https://x.example/v1.zip" },
      1,
    ],
    [
      `archive = { path = "foo.zip", hashes = { sha256 = "${hex("a")}" } }`,
      { kind: "path", path: "foo.zip", workspace: false },
      1,
    ],
    [wheels(good), { kind: "registry", ecosystem: "pypi", registry: null }, 1],
  ])("%s", async (line, source, artefacts) => {
    const set = await setOf(lock(foo(line)));
    expect(set.problems).toEqual([]);
    expect(set.packages[0]?.source).toEqual(source);
    expect(set.packages[0]?.artefacts).toHaveLength(artefacts);
  });

  it("attestation-identities count for nothing and are said to", async () => {
    const text = lock(
      foo(wheels(good), 'attestation-identities = [{ kind = "GitHub", repository = "a/b" }]'),
    );
    const { problems } = await setOf(text);
    expect(problems).toMatchObject([{ code: "lockfile/claim-ignored", effect: "note" }]);
  });
});

describe("a tampered pylock.toml", () => {
  const md5 = "a".repeat(32);
  it.each([
    [
      "hashes removed",
      wheels(`{ url = "${files}/foo-1.0-py3-none-any.whl" }`),
      ["artefact/digest-missing 7:5"],
    ],
    ["hashes = {}", wheels(file("foo-1.0-py3-none-any.whl", "")), ["artefact/digest-missing 7:5"]],
    ["md5 only", wheels(file("foo-1.0-py3-none-any.whl", `md5 = "${md5}"`)), ["artefact/digest-weak 7:92"]],
    [
      "an evil md5 beside a good sha256",
      wheels(file("foo-1.0-py3-none-any.whl", `md5 = "${md5}", sha256 = "${hex("a")}"`)),
      ["artefact/digest-several 7:92"],
    ],
    [
      "an evil sha256 beside a good sha512",
      wheels(file("foo-1.0-py3-none-any.whl", `sha256 = "${hex("a")}", sha512 = "${hex("a").repeat(2)}"`)),
      ["artefact/digest-several 7:95"],
    ],
    [
      "a short hash",
      wheels(file("foo-1.0-py3-none-any.whl", 'sha256 = "aa"')),
      ["artefact/digest-malformed 7:95"],
    ],
    [
      "an unknown algorithm",
      wheels(file("foo-1.0-py3-none-any.whl", `blake2b = "${hex("a")}"`)),
      ["artefact/digest-malformed 7:96"],
    ],
    ["other project's wheel", wheels(file("evil-1.0-py3-none-any.whl")), ["lockfile/wheel-mismatch 7:5"]],
    ["other version's wheel", wheels(file("foo-11.0-py3-none-any.whl")), ["lockfile/wheel-mismatch 7:5"]],
    [
      "a name that hides the address",
      wheels(file("evil-1.0-py3-none-any.whl").replace("{ ", '{ name = "foo-1.0-py3-none-any.whl", ')),
      ["lockfile/wheel-mismatch 7:14"],
    ],
    [
      "other project's archive",
      `archive = ${file("evil-1.0-py3-none-any.whl")}`,
      ["lockfile/wheel-mismatch 6:11"],
    ],
    ["an added build tag", wheels(good, file("foo-1.0-1-py3-none-any.whl")), ["lockfile/file-duplicate 8:5"]],
    ["one file twice", wheels(good, good), ["lockfile/file-duplicate 8:5"]],
    ["no file", "wheels = []", ["artefact/digest-missing 3:1"]],
    ["an unknown field", `${wheels(good)}\nx = 1`, ["lockfile/unknown-field 9:5"]],
    ["the package twice", `${wheels(good)}\n${foo(wheels(good))}`, ["lockfile/duplicate-package 9:1"]],
  ])("%s is a finding", async (_, line, expected) => {
    expect(await findings(lock(foo(line)))).toEqual(expected);
  });

  it.each([
    ["another lock-version", lock().replace("1.0", "1.1"), "lockfile/version-unsupported 1:16"],
    ["a lock-version that is a number", lock().replace('"1.0"', "1.0"), "lockfile/version-unsupported 1:16"],
    ["no lock-version", "x = 1", "lockfile/version-unsupported 1:1"],
    ["a duplicate key", lock(foo('name = "evil"')), "lockfile/duplicate-key 6:1"],
    ["nothing to install", lock(foo()), "lockfile/entry-malformed 3:1"],
    ["two sources", lock(foo(wheels(good), 'directory = { path = "." }')), "lockfile/entry-malformed 3:1"],
    ["url and path", lock(foo(wheels(good.replace("{ ", '{ path = "x", ')))), "lockfile/entry-malformed 7:5"],
    [
      "neither url nor path",
      lock(foo(wheels(`{ hashes = { sha256 = "${hex("a")}" } }`))),
      "lockfile/entry-malformed 7:5",
    ],
    [
      "no version from an index",
      lock(foo(wheels(good)).replace('version = "1.0"\n', "")),
      "lockfile/entry-malformed 3:1",
    ],
    ["no version in it", lock(foo(wheels(good)).replace('"1.0"', '"x"')), "lockfile/entry-malformed 5:11"],
    ["no name", lock("[[packages]]"), "lockfile/entry-malformed 3:1"],
    ["an index that is no address", lock(foo('index = "x"', wheels(good))), "lockfile/entry-malformed 6:9"],
    [
      "another version control",
      lock(foo(`vcs = { type = "hg", url = "x", commit-id = "${commit}" }`)),
      "lockfile/entry-malformed 6:7",
    ],
    [
      "a short commit",
      lock(foo('vcs = { type = "git", url = "https://x.example", commit-id = "0123abc" }')),
      "lockfile/entry-malformed 6:62",
    ],
    ["a directory without path", lock(foo("directory = {}")), "lockfile/entry-malformed 6:13"],
    [
      "an edge to nothing",
      lock(foo(wheels(good), 'dependencies = [{ name = "bar" }]')),
      "lockfile/entry-malformed 9:17",
    ],
  ])("%s refuses the file", async (_, text, expected) => {
    expect(await findings(text)).toEqual(["refused", expected]);
  });

  it("two entries of one file that disagree are a finding", async () => {
    const other = file("foo-1.0-py3-none-any.whl", `sha256 = "${hex("c")}"`);
    const text = lock(foo(wheels(good)), foo('index = "https://x.example/"', wheels(other)));
    expect(await findings(text)).toEqual(["lockfile/conflicting-entries 14:95"]);
  });

  it("more entries than the bound refuse the file", async () => {
    expect(await findings(lock(foo(wheels(good))), { ...defaultBudget, lockfileEntries: 1 })).toEqual([
      "refused",
      "budget/entries 3:1",
    ]);
  });

  it("never throws when mutated", async () => {
    const text = lock(
      foo('index = "https://x.example/"', `sdist = ${file("foo-1.0.tar.gz")}`, wheels(good)),
      foo('directory = { path = "." }'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length),
        fc.nat(40),
        fc.constantFrom("", '"', "}", "[[packages]]\n", "= 1\n", "__proto__"),
        async (at, length, inserted) => {
          const result = await read(text.slice(0, at) + inserted + text.slice(at + length));
          expect(result.ok || result.findings.length > 0).toBe(true);
        },
      ),
      { numRuns },
    );
  });
});
