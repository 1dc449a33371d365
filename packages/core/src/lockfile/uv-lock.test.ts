import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasVectors, readVectorBytes } from "../../test/vectors.ts";
import { defaultBudget, type Budget } from "../budget.ts";
import type { LockedPackage, PackageSet } from "./package-set.ts";
import { readLockfile } from "./read-lockfile.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const hex = (digit: string): string => digit.repeat(64);
const index = "https://index.example/simple";
const files = "https://files.example/a";

const lock = (...packages: string[]): string =>
  ["version = 1", "revision = 3", 'requires-python = ">=3.12"', ...packages, ""].join("\n");
const foo = (...lines: string[]): string =>
  ["[[package]]", 'name = "foo"', 'version = "1.0"', `source = { registry = "${index}" }`, ...lines].join(
    "\n",
  );
const file = (name: string, hash = `sha256:${hex("a")}`): string =>
  `{ url = "${files}/${name}", hash = "${hash}", size = 3 }`;
const wheels = (...items: string[]): string =>
  `wheels = [\n${items.map((item) => `    ${item},\n`).join("")}]`;
const good = file("foo-1.0-py3-none-any.whl");
const sdist = `sdist = ${file("foo-1.0.tar.gz", `sha256:${hex("b")}`)}`;

const read = (text: string, budget: Budget = defaultBudget): ReturnType<typeof readLockfile> =>
  readLockfile("uv-lock", "uv.lock", new TextEncoder().encode(text), budget);
const setOf = async (text: string): Promise<PackageSet> => {
  const result = await read(text);
  if (!result.ok) throw new Error(JSON.stringify(result.findings, null, 1));
  return result.value;
};
const only = async (text: string): Promise<LockedPackage> => (await setOf(text)).packages[0] as LockedPackage;
/** `code line:column` of every finding; `refused` first when the whole file is. */
const findings = async (text: string, budget?: Budget): Promise<string[]> => {
  const result = await read(text, budget);
  const list = result.ok ? result.value.problems : result.findings;
  for (const { why, fix } of list) expect(why.length * fix.length).toBeGreaterThan(0);
  return [
    ...(result.ok ? [] : ["refused"]),
    ...list.map(({ code, at }) => `${code} ${at.line}:${at.column}`),
  ];
};

describe("uv.lock", () => {
  it("gives name, version, source, files, digests and exact positions", async () => {
    const set = await setOf(lock(foo(sdist, wheels(good))));
    expect(set.lockfile).toMatchObject({ path: "uv.lock", format: "uv-lock", formatVersion: "1.3" });
    expect(set.problems).toEqual([]);
    expect(set.packages).toEqual([
      {
        purl: "pkg:pypi/foo@1.0",
        name: "foo",
        version: "1.0",
        source: { kind: "registry", ecosystem: "pypi", registry: index },
        artefacts: [
          {
            form: "sdist",
            file: "foo-1.0.tar.gz",
            url: `${files}/foo-1.0.tar.gz`,
            digest: { algorithm: "sha256", hex: hex("b") },
            at: { path: "uv.lock", line: 8, column: sdist.indexOf('"sha256') + 1 },
          },
          {
            form: "wheel",
            file: "foo-1.0-py3-none-any.whl",
            url: `${files}/foo-1.0-py3-none-any.whl`,
            digest: { algorithm: "sha256", hex: hex("a") },
            at: { path: "uv.lock", line: 10, column: good.indexOf('"sha256') + 5 },
          },
        ],
        aliases: [],
        markers: { optional: false, dev: false, peer: false, os: [], cpu: [], libc: [], expression: null },
        at: { path: "uv.lock", line: 4, column: 1 },
        requires: [],
      },
    ]);
  });

  it("normalises names and decodes the file name of an address, without its query", async () => {
    const text = lock(
      '[[package]]\nname = "Foo.Bar"\nversion = "1.0+cpu"',
      `source = { registry = "${index}" }\n${wheels(file("foo_bar-1.0%2Bcpu-py3-none-any.whl?x=/evil-9-py3-none-any.whl#y"))}`,
    );
    expect(await findings(text)).toEqual([]);
    expect(await only(text)).toMatchObject({
      purl: "pkg:pypi/foo-bar@1.0%2Bcpu",
      artefacts: [{ file: "foo_bar-1.0+cpu-py3-none-any.whl" }],
    });
  });

  const commit = "0123456789abcdef0123456789abcdef01234567";
  it.each([
    [
      `git = "https://git.example/a/b?rev=main#${commit}"`,
      { kind: "git", url: "https://git.example/a/b?rev=main", commit },
    ],
    ['editable = "."', { kind: "path", path: ".", workspace: true }],
    ['virtual = "."', { kind: "path", path: ".", workspace: true }],
    ['editable = "packages/foo"', { kind: "path", path: "packages/foo", workspace: true }],
    ['directory = "packages/foo"', { kind: "path", path: "packages/foo", workspace: true }],
  ])("source { %s }", async (source, expected) => {
    const text = lock('[manifest]\nmembers = ["Foo"]', `[[package]]\nname = "foo"\nsource = { ${source} }`);
    expect(await findings(text)).toEqual([]);
    expect(await only(text)).toMatchObject({
      purl: "pkg:pypi/foo",
      version: "",
      source: expected,
      artefacts: [],
    });
  });

  it("a directory that is no workspace member is a path of its own", async () => {
    const text = lock('[[package]]\nname = "foo"\nsource = { directory = "../foo" }');
    expect(await only(text)).toMatchObject({ source: { kind: "path", path: "../foo", workspace: false } });
  });

  it("files at an address or a path take their name from the source", async () => {
    const text = lock(
      `[[package]]\nname = "a"\nversion = "1"\nsource = { url = "https://x.example/archive/v1.zip", subdirectory = "s" }\nsdist = { hash = "sha256:${hex("a")}" }`,
      `[[package]]\nname = "b"\nversion = "1"\nsource = { url = "https://x.example/b-1-py3-none-any.whl" }\nwheels = [{ url = "https://x.example/b-1-py3-none-any.whl", hash = "sha256:${hex("b")}" }]`,
      `[[package]]\nname = "c"\nversion = "1"\nsource = { path = "dist/c-1-py3-none-any.whl" }\nwheels = [{ filename = "c-1-py3-none-any.whl", hash = "sha256:${hex("c")}" }]`,
      `[[package]]\nname = "d"\nversion = "1"\nsource = { registry = "../wheels" }\nwheels = [{ path = "d-1-py3-none-any.whl" }]`,
    );
    expect(await findings(text)).toEqual(["artefact/digest-missing 23:11"]);
    expect(
      (await setOf(text)).packages.map(({ source, artefacts: [first] }) => [source, first?.file, first?.url]),
    ).toEqual([
      [
        { kind: "url", url: "https://x.example/archive/v1.zip#subdirectory=s" },
        "v1.zip",
        "https://x.example/archive/v1.zip",
      ],
      [
        { kind: "url", url: "https://x.example/b-1-py3-none-any.whl" },
        "b-1-py3-none-any.whl",
        "https://x.example/b-1-py3-none-any.whl",
      ],
      [{ kind: "path", path: "dist/c-1-py3-none-any.whl", workspace: false }, "c-1-py3-none-any.whl", null],
      [{ kind: "path", path: "../wheels", workspace: false }, "d-1-py3-none-any.whl", null],
    ]);
  });

  it("edges of every kind lead to the version they name", async () => {
    const bar = (version: string, registry = index): string =>
      `[[package]]\nname = "bar"\nversion = "${version}"\nsource = { registry = "${registry}" }\nresolution-markers = ["sys_platform == 'win32'", "python_version < '3.13'"]\n${wheels(file(`bar-${version}-py3-none-any.whl`, `sha256:${hex(version[0] as string)}`))}`;
    const text = lock(
      bar("1.0"),
      bar("2.0"),
      bar("2.0", "https://other.example/simple"),
      foo(
        wheels(good),
        'dependencies = [{ name = "Bar", version = "1" }, { name = "bar", version = "1.0", marker = "x" }]',
        "[package.optional-dependencies]",
        `mail = [{ name = "bar", version = "2.0", source = { registry = "${index}" } }]`,
        "[package.dev-dependencies]",
        'dev = [{ name = "foo", extra = ["mail"] }]',
      ),
    );
    const set = await setOf(text);
    expect(set.problems).toEqual([]);
    expect(set.packages.at(-1)?.requires).toEqual([
      { as: "bar", purl: "pkg:pypi/bar@1.0" },
      { as: "bar", purl: "pkg:pypi/bar@2.0" },
      { as: "foo", purl: "pkg:pypi/foo@1.0" },
    ]);
    expect(set.packages[0]?.markers.expression).toBe(
      "(sys_platform == 'win32') or (python_version < '3.13')",
    );
  });
});

describe("a tampered uv.lock", () => {
  it.each([
    [
      "hash removed",
      foo(wheels(`{ url = "${files}/foo-1.0-py3-none-any.whl" }`)),
      ["artefact/digest-missing 9:5"],
    ],
    [
      "empty hash",
      foo(wheels(file("foo-1.0-py3-none-any.whl", ""))),
      [`artefact/digest-missing 9:${good.indexOf('"sha256') + 5}`],
    ],
    [
      "md5 only",
      foo(wheels(file("foo-1.0-py3-none-any.whl", `md5:${"a".repeat(32)}`))),
      [`artefact/digest-weak 9:${good.indexOf('"sha256') + 5}`],
    ],
    [
      "two hashes in one",
      foo(wheels(file("foo-1.0-py3-none-any.whl", `sha256:${hex("a")} sha256:${hex("b")}`))),
      ["artefact/digest-malformed 9:72"],
    ],
    [
      "short hash",
      foo(wheels(file("foo-1.0-py3-none-any.whl", "sha256:aa"))),
      ["artefact/digest-malformed 9:72"],
    ],
    [
      "other project's wheel and hash",
      foo(wheels(file("evil-1.0-py3-none-any.whl"))),
      ["lockfile/wheel-mismatch 9:13"],
    ],
    [
      "other version's wheel",
      foo(wheels(file("foo-11.0-py3-none-any.whl"))),
      ["lockfile/wheel-mismatch 9:13"],
    ],
    [
      "a local version, which uv lets pass",
      foo(wheels(file("foo-1.0+evil-py3-none-any.whl"))),
      ["lockfile/wheel-mismatch 9:13"],
    ],
    ["other project's sdist", foo(`sdist = ${file("evil-1.0.tar.gz")}`), ["lockfile/wheel-mismatch 8:17"]],
    [
      "a wheel as sdist",
      foo(`sdist = ${file("foo-1.0-py3-none-any.whl")}`),
      ["lockfile/wheel-mismatch 8:17"],
    ],
    ["no wheel's name", foo(wheels(file("foo-1.0-any.whl"))), ["lockfile/wheel-mismatch 9:13"]],
    [
      "an address without a name",
      foo(wheels(`{ url = "https://files.example/", hash = "sha256:${hex("a")}" }`)),
      ["lockfile/wheel-mismatch 9:13"],
    ],
    [
      "an added build tag",
      foo(wheels(good, file("foo-1.0-1-py3-none-any.whl"))),
      ["lockfile/file-duplicate 10:5"],
    ],
    [
      "a build tag on overlapping tags",
      foo(wheels(good, file("foo-1.0-1-py2.py3-none-any.whl"))),
      ["lockfile/file-duplicate 10:5"],
    ],
    [
      "two wheels of one file name",
      foo(wheels(good, good.replace("/a/", "/b/"))),
      ["lockfile/file-duplicate 10:5"],
    ],
    [
      "one wheel spelled twice",
      foo(wheels(good, file("Foo-1.0.0-py3-none-any.whl"))),
      ["lockfile/file-duplicate 10:5"],
    ],
    ["a local file", foo(wheels(good.replace(files, "file:///tmp"))), ["lockfile/resolved-foreign 9:13"]],
    ["address and path", foo(wheels(good.replace("{ ", '{ path = "x", '))), ["lockfile/entry-malformed 9:5"]],
    [
      "a second form of the wheel",
      foo(wheels(good.replace(" }", `, zstd = { hash = "sha256:${hex("b")}" } }`))),
      ["artefact/digest-several 9:164"],
    ],
    ["no file at all", foo(), ["artefact/digest-missing 4:1"]],
    ["the package twice", `${foo(wheels(good))}\n${foo(wheels(good))}`, ["lockfile/duplicate-package 11:1"]],
    [
      "the package twice by spelling",
      `${foo(wheels(good))}\n${foo(wheels(good)).replace('"foo"', '"Foo"').replace('"1.0"', '"1.0.0"')}`,
      ["lockfile/duplicate-package 11:1"],
    ],
    [
      "files of a source tree",
      `[[package]]\nname = "foo"\nsource = { editable = "." }\n${wheels(good)}`,
      ["lockfile/entry-malformed 4:1"],
    ],
    [
      "a member outside the project",
      '[manifest]\nmembers = ["foo"]\n[[package]]\nname = "foo"\nsource = { editable = "a/../../foo" }',
      ["lockfile/link-outside 8:23"],
    ],
    ["a field nobody knows", foo(wheels(good), "x = 1"), ["lockfile/unknown-field 11:5"]],
    [
      "a wheel that is not the source's",
      `[[package]]\nname = "foo"\nversion = "1.0"\nsource = { url = "https://x.example/foo-1.0-py3-none-any.whl" }\n${wheels(good)}`,
      ["lockfile/conflicting-entries 9:13"],
    ],
  ])("%s is a finding", async (_, packages, expected) => {
    expect(await findings(lock(packages))).toEqual(expected);
  });

  it("two entries of one file that disagree are a finding", async () => {
    const other = foo(wheels(file("foo-1.0-py3-none-any.whl", `sha256:${hex("c")}`))).replace(
      index,
      "https://other.example/simple",
    );
    expect(await findings(lock(foo(wheels(good)), other))).toEqual(["lockfile/conflicting-entries 16:72"]);
  });

  it.each([
    ["version = 2", lock().replace("version = 1", "version = 2"), "lockfile/version-unsupported 1:11"],
    ["no version", lock().replace("version = 1\n", ""), "lockfile/version-unsupported 1:1"],
    ["revision = 6", lock().replace("revision = 3", "revision = 6"), "lockfile/version-unsupported 2:12"],
    ["revision = 99", lock().replace("revision = 3", "revision = 99"), "lockfile/version-unsupported 2:12"],
    [
      "a revision that is no number",
      lock().replace("revision = 3", 'revision = "3"'),
      "lockfile/version-unsupported 2:12",
    ],
    ["a duplicate key", lock(foo('name = "evil"')), "lockfile/duplicate-key 8:1"],
    ["no TOML", lock("x"), "lockfile/malformed"],
    [
      "packages under their old name",
      lock(foo(wheels(good)).replace("[[package]]", "[[distribution]]")),
      "lockfile/entry-malformed 4:1",
    ],
    [
      "groups under their old name",
      lock(foo(wheels(good), "[package.dependency-groups]")),
      "lockfile/entry-malformed 11:1",
    ],
    ["no name", lock('[[package]]\nversion = "1"'), "lockfile/entry-malformed 4:1"],
    ["a name in other letters", lock('[[package]]\nname = "pac\u212Aage"'), "lockfile/entry-malformed 5:8"],
    ["a name that is no string", lock("[[package]]\nname = 1"), "lockfile/entry-malformed 5:8"],
    [
      "no version from an index",
      lock(`[[package]]\nname = "foo"\nsource = { registry = "${index}" }`),
      "lockfile/entry-malformed 4:1",
    ],
    [
      "no version in it",
      lock(foo(wheels(good)).replace('"1.0"', '"1.0 evil"')),
      "lockfile/entry-malformed 6:11",
    ],
    ["no source", lock('[[package]]\nname = "foo"\nversion = "1"'), "lockfile/entry-malformed 4:1"],
    [
      "two sources",
      lock(foo(wheels(good)).replace("source = {", 'source = { editable = ".",')),
      "lockfile/entry-malformed 7:10",
    ],
    [
      "a source nobody knows",
      lock('[[package]]\nname = "foo"\nsource = { ftp = "x" }'),
      "lockfile/entry-malformed 6:10",
    ],
    [
      "an index that is no address",
      lock('[[package]]\nname = "foo"\nversion = "1"\nsource = { registry = "ftp://x" }'),
      "lockfile/entry-malformed 7:23",
    ],
    [
      "git without a full commit",
      lock('[[package]]\nname = "foo"\nsource = { git = "https://x.example/a#main" }'),
      "lockfile/entry-malformed 6:18",
    ],
    [
      "git with a short commit",
      lock('[[package]]\nname = "foo"\nsource = { git = "https://x.example/a#0123abc" }'),
      "lockfile/entry-malformed 6:18",
    ],
    [
      "a file without an address",
      lock(foo(wheels(`{ hash = "sha256:${hex("a")}" }`))),
      "lockfile/entry-malformed 9:5",
    ],
    ["wheels that are no list", lock(foo("wheels = 1")), "lockfile/entry-malformed 8:10"],
    [
      "an edge to nothing",
      lock(foo(wheels(good), 'dependencies = [{ name = "bar" }]')),
      "lockfile/entry-malformed 11:17",
    ],
    [
      "an edge to another version",
      lock(foo(wheels(good), 'dependencies = [{ name = "foo", version = "2" }]')),
      "lockfile/entry-malformed 11:17",
    ],
    [
      "an edge to one of several",
      lock(
        foo(wheels(good), 'dependencies = [{ name = "foo" }]'),
        foo(wheels(file("foo-2.0-py3-none-any.whl"))).replace('"1.0"', '"2.0"'),
      ),
      "lockfile/entry-malformed 11:17",
    ],
  ])("%s refuses the file", async (_, text, expected) => {
    const [first, second] = await findings(text);
    expect(first).toBe("refused");
    expect(second).toContain(expected);
  });

  it("more entries, bytes or findings than the bound are findings", async () => {
    const text = lock(foo(wheels(good, file("foo-1.0-cp311-none-any.whl"))));
    expect(await findings(text, { ...defaultBudget, lockfileEntries: 3 })).toEqual([]);
    expect(await findings(text, { ...defaultBudget, lockfileEntries: 2 })).toEqual([
      "refused",
      "budget/entries 1:1",
    ]);
    expect(await findings(text, { ...defaultBudget, lockfileBytes: 20 })).toEqual([
      "refused",
      "budget/bytes 1:1",
    ]);
    const bad = lock(
      foo(wheels(...Array.from({ length: 9 }, (_, at) => file(`evil-${at}-py3-none-any.whl`)))),
    );
    expect((await findings(bad, { ...defaultBudget, findings: 2 })).at(-1)).toMatch(/^budget\/findings/);
  });

  it("keys of the object prototype change nothing", async () => {
    const text = lock(
      foo(wheels(good.replace("{ ", '{ __proto__ = { hash = "x" }, '))),
      "[__proto__]\nrevision = 99",
    );
    expect(await findings(text)).toEqual(["lockfile/unknown-field 11:1", "lockfile/unknown-field 9:19"]);
  });

  it("many packages of one name and edges to it take linear time", async () => {
    const count = 4000;
    const many = Array.from(
      { length: count },
      (_, at) =>
        `[[package]]\nname = "bar"\nversion = "${at}"\nsource = { virtual = "." }\ndependencies = [{ name = "bar", version = "${count - 1 - at}" }]`,
    );
    const builds = foo(
      wheels(...Array.from({ length: 1900 }, (_, at) => file(`foo-1.0-${at}-py3-none-p${at}.whl`))),
    );
    const started = performance.now();
    expect((await setOf(lock(...many, builds))).packages).toHaveLength(count + 1);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe.skipIf(!hasVectors)("the uv.lock of a real project", () => {
  const bytes = (): Uint8Array => readVectorBytes("lockfiles", "attest-action.uv.lock");

  it("is read whole, each digest where it stands", async () => {
    const text = new TextDecoder().decode(bytes());
    const lines = text.split("\n");
    const { packages, problems } = await setOf(text);
    expect(problems).toEqual([]);
    expect(packages).toHaveLength(text.split("[[package]]").length - 1);
    const artefacts = packages.flatMap((pkg) => pkg.artefacts);
    expect(artefacts).toHaveLength(text.split("hash = ").length - 1);
    for (const { digest, at } of artefacts) {
      expect(lines[at.line - 1]?.slice(at.column - 1)).toMatch(new RegExp(`^"sha256:${digest?.hex}"`));
    }
    for (const { at } of packages) expect(lines[at.line - 1]).toBe("[[package]]");
  });

  it("never throws when mutated, and is never read with a digest that is not in it", async () => {
    const text = new TextDecoder().decode(bytes());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.integer({ min: 1, max: 8000 }),
        fc.nat(8000),
        fc.constantFrom(
          "",
          '"',
          "}",
          "]",
          "[[package]]",
          "\n",
          "#",
          "'''",
          "\\",
          "0",
          '__proto__ = "x"\n',
          'name = "foo"\n',
        ),
        async (start, length, cut, inserted) => {
          const slice = text.slice(start, start + length);
          const mutated = `version = 1\n${slice.slice(slice.indexOf("[[package]]"), cut)}${inserted}${slice.slice(cut)}`;
          const result = await read(mutated);
          if (!result.ok) expect(result.findings.length).toBeGreaterThan(0);
          for (const { artefacts } of result.ok ? result.value.packages : []) {
            for (const { digest } of artefacts)
              expect(digest === null || mutated.includes(digest.hex)).toBe(true);
          }
        },
      ),
      { numRuns },
    );
  });
});
