import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultBudget, type Budget } from "../budget.ts";
import type { PackageSet } from "./package-set.ts";
import { readLockfile } from "./read-lockfile.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const hex = (digit: string): string => digit.repeat(64);
const hash = (digit: string): string => `--hash=sha256:${hex(digit)}`;
const commit = "0123456789abcdef0123456789abcdef01234567";

const read = (text: string, budget: Budget = defaultBudget): ReturnType<typeof readLockfile> =>
  readLockfile("requirements", "requirements.txt", new TextEncoder().encode(text), budget);
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

describe("requirements with hashes", () => {
  it("give each hash as an artefact without a file, with exact positions", async () => {
    const text = [
      "#    pip-compile --generate-hashes \\",
      "--index-url https://index.example/simple",
      "--only-binary :all:",
      "",
      'Foo.Bar[a, b]==1.0 ; python_version >= "3.8" and os_name != "nt" \\',
      `    ${hash("a")} \\`,
      `    --hash sha256:${hex("b")}`,
      "    # via baz",
      `baz == 2.0  ${hash("c")}  # last`,
    ].join("\r\n");
    const set = await setOf(text);
    expect(set.problems).toEqual([]);
    expect(set.lockfile).toMatchObject({ format: "requirements", formatVersion: "" });
    const source = { kind: "registry", ecosystem: "pypi", registry: "https://index.example/simple" };
    const artefact = (digit: string, line: number, column: number): unknown => ({
      form: "sdist",
      file: null,
      url: null,
      digest: { algorithm: "sha256", hex: hex(digit) },
      at: { path: "requirements.txt", line, column },
    });
    expect(set.packages).toMatchObject([
      {
        purl: "pkg:pypi/foo-bar@1.0",
        name: "foo-bar",
        version: "1.0",
        source,
        artefacts: [artefact("a", 6, 12), artefact("b", 7, 12)],
        markers: { expression: 'python_version >= "3.8" and os_name != "nt"' },
        at: { path: "requirements.txt", line: 5, column: 1 },
      },
      { purl: "pkg:pypi/baz@2.0", source, artefacts: [artefact("c", 9, 20)], at: { line: 9, column: 1 } },
    ]);
  });

  it.each([
    [
      `foo @ https://x.example/foo-1.0-py3-none-any.whl ${hash("a")}`,
      "pkg:pypi/foo@1.0",
      { kind: "url", url: "https://x.example/foo-1.0-py3-none-any.whl" },
    ],
    [
      `foo[x]@https://x.example/v1.zip ; os_name == 'nt' ${hash("a")}`,
      "pkg:pypi/foo",
      { kind: "url", url: "https://x.example/v1.zip" },
    ],
    [
      `foo @ file:///tmp/foo-1.0.tar.gz ${hash("a")}`,
      "pkg:pypi/foo@1.0",
      { kind: "path", path: "file:///tmp/foo-1.0.tar.gz", workspace: false },
    ],
    [
      `foo @ git+https://x.example/a@${commit}`,
      "pkg:pypi/foo",
      { kind: "git", url: "https://x.example/a", commit },
    ],
    [`foo===1.0 ${hash("a")}`, "pkg:pypi/foo@1.0", { kind: "registry", ecosystem: "pypi", registry: null }],
  ])("%s", async (text, purl, source) => {
    const set = await setOf(text);
    expect(set.problems).toEqual([]);
    expect(set.packages).toMatchObject([{ purl, source }]);
  });
});

describe("requirements that bind nothing, or something else", () => {
  it.each([
    ["no hash", "foo==1.0", ["artefact/digest-missing 1:1"]],
    ["md5", `foo==1.0 --hash=md5:${"a".repeat(32)}`, ["artefact/digest-weak 1:17"]],
    ["a short hash", "foo==1.0 --hash=sha256:aa", ["artefact/digest-malformed 1:17"]],
    ["no version", `foo ${hash("a")}`, ["lockfile/entry-malformed 1:1"]],
    ["a range", `foo>=1.0 ${hash("a")}`, ["lockfile/entry-malformed 1:1"]],
    ["a wildcard", `foo==1.* ${hash("a")}`, ["lockfile/entry-malformed 1:1"]],
    ["two specifiers", `foo==1.0,>=0.9 ${hash("a")}`, ["lockfile/entry-malformed 1:1"]],
    ["a local archive's name", `foo==1.0.zip ${hash("a")}`, ["lockfile/entry-malformed 1:1"]],
    [
      "the package twice",
      `foo==1.0 ${hash("a")}\nFoo==1.0.0 ${hash("b")}`,
      ["lockfile/duplicate-package 2:1"],
    ],
    [
      "other project's wheel",
      `foo @ https://x.example/evil-1.0-py3-none-any.whl ${hash("a")}`,
      ["lockfile/wheel-mismatch 1:1"],
    ],
    [
      "several hashes of one address",
      `foo @ https://x.example/foo-1.0.zip ${hash("a")} ${hash("b")}`,
      ["artefact/digest-several 1:1"],
    ],
    ["an address without a hash", "foo @ https://x.example/foo-1.0.zip", ["artefact/digest-missing 1:1"]],
    ["certificate checks off", `--trusted-host x.example\nfoo==1.0 ${hash("a")}`, ["settings/weakens 1:1"]],
  ])("%s is a finding", async (_, text, expected) => {
    expect(await findings(text)).toEqual(expected);
  });

  it.each([
    ["an include", "-r other.txt"],
    ["an include by another spelling", "--requirement=other.txt"],
    ["constraints", "-c constraints.txt"],
    ["an editable", "-e ."],
    ["a second index", "--extra-index-url https://x.example/simple"],
    ["links", "-f https://x.example/"],
    ["no index", "--no-index"],
    ["an index that is no address", "--index-url ./simple"],
    ["an abbreviated option", "--req other.txt"],
    ["an option glued to its value", "-rother.txt"],
    ["an unknown option", "--config-settings x"],
    ["an option of one requirement", `foo==1.0 --global-option=x ${hash("a")}`],
    ["words after the hashes", `foo==1.0 ${hash("a")} evil`],
    ["quotes around a hash", `foo==1.0 --hash='sha256:${hex("a")}'`],
    ["a path", `./foo-1.0.zip ${hash("a")}`],
    ["an address without a name", `https://x.example/foo-1.0.zip ${hash("a")}`],
    ["a hash in an address", `foo @ https://x.example/foo.zip#sha256=${hex("a")} ${hash("a")}`],
    ["git without a full commit", "foo @ git+https://x.example/a@main"],
    ["another version control", `foo @ hg+https://x.example/a@${commit}`],
    ["a hash on a line of its own", hash("a")],
  ])("%s refuses the file", async (_, text) => {
    expect(await findings(text)).toEqual(["refused", "lockfile/entry-malformed 1:1"]);
  });

  it("a second index address refuses the file", async () => {
    expect(await findings("-i https://a.example/\n-i https://b.example/")).toEqual([
      "refused",
      "lockfile/entry-malformed 2:1",
    ]);
  });

  it.each([
    [
      "a comment that swallows the hash of the next line",
      `foo==1.0 # x \\\n${hash("a")}`,
      "lockfile/malformed 1:10",
    ],
    ["a comment between continued lines", `foo==1.0 \\\n# x\n${hash("a")}`, "lockfile/malformed 2:1"],
    ["a word cut in two", `foo==1.\\\n0 ${hash("a")}`, "lockfile/malformed 2:1"],
    ["a continuation into nothing", "foo==1.0 \\", "lockfile/malformed 1:11"],
    ["a variable", `foo==\${VERSION} ${hash("a")}`, "lockfile/malformed 1:6"],
    ["a backslash", `foo==1.0 --hash=sha256:\\x ${hash("a")}`, "lockfile/malformed 1:24"],
    ["a line separator", `# x\u2028foo==6.6 ${hash("a")}`, "lockfile/malformed 1:4"],
    ["a form feed", `# x\ffoo==6.6 ${hash("a")}`, "lockfile/malformed 1:4"],
    ["a bare CR", `# x\rfoo==6.6 ${hash("a")}`, "lockfile/malformed 1:4"],
    [
      "a space of another kind before a number sign",
      `foo==1.0\u00a0# x ${hash("a")}`,
      "lockfile/malformed 1:9",
    ],
    ["a declared encoding", `# coding: utf-7\nfoo==1.0 ${hash("a")}`, "lockfile/encoding 1:1"],
    ["a declared encoding before a good one", `# coding: utf-7 coding: utf-8`, "lockfile/encoding 1:1"],
  ])("%s refuses the file", async (_, text, expected) => {
    expect(await findings(text)).toEqual(["refused", expected]);
  });

  it("more entries than the bound refuse the file", async () => {
    const text = `foo==1.0 ${hash("a")} ${hash("b")}`;
    expect(await findings(text, { ...defaultBudget, lockfileEntries: 3 })).toEqual([]);
    expect(await findings(text, { ...defaultBudget, lockfileEntries: 2 })).toEqual([
      "refused",
      "budget/entries 1:1",
    ]);
  });

  it("never throws, and takes linear time", async () => {
    const piece = fc.constantFrom(
      "foo",
      "==",
      "1.0",
      " ",
      "\\\n",
      "\n",
      "#",
      hash("a"),
      "--hash",
      "-r",
      "@",
      "https://x.example/a",
      ";",
      "[",
      "]",
      "(",
      "\r\n",
      "${A}",
      "-",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const result = await read(pieces.join(""));
        expect(result.ok || result.findings.length > 0).toBe(true);
      }),
      { numRuns },
    );
    const started = performance.now();
    await read(`foo==1.0 \\\n${`  ${hash("a")} \\\n`.repeat(20_000)}  ${hash("b")}`);
    await read("x#".repeat(500_000));
    await read(`foo${" ".repeat(500_000)}x`);
    await read(`foo==${"(".repeat(500_000)}`);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
