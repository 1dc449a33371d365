import * as fc from "fast-check";
import { dump } from "js-yaml";
import { describe, expect, it } from "vitest";
import { fuzzRuns } from "../test/read-text.ts";
import { hasVectors, readVector } from "../test/vectors.ts";
import { readYamlEvents } from "./yaml-events.ts";
import { scanYaml } from "./yaml-scanner.ts";
import type { YamlBounds, YamlSchema } from "./yaml-tree.ts";

const bounds: YamlBounds = { depth: 64, nodes: 4_000_000 };

/** What the scanner says, after the parser of the whole language has said the same: null is no statement. */
function scanned(text: string, schema: YamlSchema = "core", within: YamlBounds = bounds): boolean {
  const documents = scanYaml(text, schema, within);
  if (documents !== null) expect(readYamlEvents(text, schema, within)).toEqual({ ok: true, documents });
  return documents !== null;
}

const pnpm = `lockfileVersion: '9.0'

settings:
  autoInstallPeers: true

importers:

  .:
    dependencies:
      '@x/a':
        specifier: ^1.0.0
        version: 1.0.0(b@2.0.0)
      it's:
        specifier: 'it''s: #1'
        version: link:../it's

packages:

  '@x/a@1.0.0':
    resolution: {integrity: sha512-AA+/==, tarball: https://r.example/a.tgz}
    engines: {node: '>=18', "npm": "9"}
    cpu: [x64, arm64]
    os: []
    deprecated: |-
      Use b.

        Not this one.
    hasBin: true
# generated

  b@2.0.0:
    resolution: {type: variations, variants: [{a: [1, 2]}, {}]}

snapshots:

  '@x/a@1.0.0(b@2.0.0)':
    transitivePeerDependencies:
      - supports-color
      - 'b'
      - specifier: "1"
        version: 2
`;

const berry = `# This file is generated.
# Manual changes might be lost.

__metadata:
  version: 8
  cacheKey: 10c0

"a@npm:^1.0.0, a@npm:^1.1.0":
  version: 1.1.0
  resolution: "a@npm:1.1.0"
  bin:
    a: ./bin/a.js
  checksum: 10c0/00ff
  conditions: os=linux & cpu=x64
  languageName: node
  linkType: hard
`;

describe("scanYaml", () => {
  it("reads what pnpm and Yarn write as the parser of the whole language does", () => {
    expect(scanned(pnpm)).toBe(true);
    expect(scanned(`---\n${pnpm}---\n${pnpm}`)).toBe(true);
    expect(scanned(berry, "failsafe")).toBe(true);
    expect(scanned(pnpm.trimEnd())).toBe(true);
  });

  it.skipIf(!hasVectors)("reads every real lockfile", () => {
    for (const name of ["vite.pnpm-lock.yaml", "astro.pnpm-lock.yaml"])
      expect(scanned(readVector("lockfiles", name))).toBe(true);
    expect(scanned(readVector("lockfiles", "jest.yarn.lock"), "failsafe")).toBe(true);
  });

  it("reads whatever is dumped in that form", () => {
    const word = fc.stringMatching(/^[a-z@/.:0-9'"# {}[\],&*!|>%~<-]{0,12}$/);
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, word, fc.double(), fc.boolean(), tie("list"), tie("map")),
      list: fc.array(tie("tree"), { maxLength: 3 }),
      map: fc.dictionary(word, tie("tree"), { maxKeys: 4 }),
    }));
    let read = 0;
    fc.assert(
      fc.property(fc.dictionary(word, tree, { minKeys: 1 }), fc.integer({ min: 1, max: 5 }), (data, flow) => {
        if (scanned(dump(data, { lineWidth: -1, flowLevel: flow }))) read += 1;
      }),
      { numRuns: fuzzRuns },
    );
    expect(read).toBeGreaterThan(fuzzRuns / 10);
  });

  it("never reads a changed text otherwise than the parser of the whole language", () => {
    const changed = fc.constantFrom(
      ..."a|b|1|~|:|: |- |? |'|\"|#| #|{|}|[|]|, |,|&|*|!|%|<<|.|...|---|\n---\n|\n...\n|\n|\n\n|\n  |\n# c\n| |  |\t|\r\n|\\|é|\u{1f600}|\uFEFF|\u2028|\u0085|\u0001|''|\"\"|>-\n|1.0|0x1|null".split(
        "|",
      ),
      "|-\n",
      "|",
    );
    const edit = fc.tuple(fc.nat(pnpm.length), fc.nat(3), changed);
    let read = 0;
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), fc.boolean(), (edits, isBerry) => {
        let text = isBerry ? berry : pnpm;
        for (const [at, cut, insert] of edits) {
          const from = at % text.length;
          text = text.slice(0, from) + insert + text.slice(from + cut);
        }
        if (scanned(text, isBerry ? "failsafe" : "core")) read += 1;
      }),
      { numRuns: fuzzRuns * 20 },
    );
    expect(read).toBeGreaterThan(fuzzRuns / 10);
  });

  it("never reads a soup of tokens otherwise than the parser of the whole language", () => {
    const piece = fc.constantFrom(
      ..."a b: c: ' \" '' {a: b} [a, b] { } [ ] , : - # ~ << 1 0x1 .inf ... --- |- | \\ é".split(" "),
      "a: b",
      "- ",
      ": ",
      "\n",
      "\n  ",
      "\n    ",
      " ",
      "\n---\n",
    );
    let read = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.boolean(), (pieces, failsafe) => {
        if (scanned(pieces.join(""), failsafe ? "failsafe" : "core")) read += 1;
      }),
      { numRuns: fuzzRuns * 20 },
    );
    expect(read).toBeGreaterThan(0);
  });

  it.each([
    "a: 1\na: 2\n",
    "a: {b: 1, b: 2}\n",
    "1.0: a\n",
    "<<: a\n",
    "a: &x b\n",
    "a: *x\n",
    "a: !t b\n",
    "%YAML 1.2\n---\na: b\n",
    'a: "\\u0041"\n',
    "a:\n",
    "a: b\n   c\n",
    "a: b # c\n",
    "a: b: c\n",
    "a: >-\n  b\n",
    "a:\n- b\n",
    "a: b\r\n",
    "a:\tb\n",
    "a: [b,\n  c]\n",
    "a: [b: c]\n",
    "a: 'b\n",
    "  a: b\n c: d\n",
    "a: \uD800\n",
    "---\n---\na: b\n",
    "a\n",
    "",
  ])("leaves %j to the parser of the whole language", (text) => {
    expect(scanYaml(text, "core", bounds)).toBeNull();
  });

  it("holds the bounds exactly", () => {
    const nested = (levels: number): string => `a: ${"[".repeat(levels)}${"]".repeat(levels)}\n`;
    expect(scanned(nested(63))).toBe(true);
    expect(scanned(nested(64))).toBe(false);
    const indented = (levels: number): string =>
      Array.from({ length: levels }, (_, level) => `${" ".repeat(level)}a:`).join("\n");
    expect(scanned(`${indented(64)} b\n`)).toBe(true);
    expect(scanned(`${indented(65)} b\n`)).toBe(false);
    // A document, a map, two keys and two values.
    expect(scanned("a: b\nc: d\n", "core", { depth: 64, nodes: 6 })).toBe(true);
    expect(scanned("a: b\nc: d\n", "core", { depth: 64, nodes: 5 })).toBe(false);
  });

  it("takes linear time, whatever the text repeats", () => {
    const many = 300_000;
    const texts = [
      `a: '${"''".repeat(many)}`,
      `a: "${"\\".repeat(many)}`,
      `a: [${":".repeat(many)}`,
      `a: ${"#".repeat(many)}\n`,
      `a: ${"x#".repeat(many)} #\n`,
      "a".repeat(many),
      "a:".repeat(many),
      `a:\n${"  - b: c\n".repeat(many)}`,
      `a:\n${"  - 'b'\n".repeat(many)}`,
      `a: |-\n${"  b\n\n".repeat(many)}`,
      `a: ${"[".repeat(many)}`,
      "- ".repeat(many),
      `a:\n${"\n".repeat(many)}`,
      "# a\n".repeat(many),
      Array.from({ length: many }, (_, line) => `k${line}: 'v'`).join("\n"),
      "a: b\n".repeat(many),
      `${" ".repeat(many)}a: b`,
    ];
    for (const text of texts) scanYaml(text, "core", bounds);
  }, 10_000);
});
