import * as fc from "fast-check";
import { CORE_SCHEMA, loadAll } from "js-yaml";
import { describe, expect, it } from "vitest";
import { fuzzRuns } from "../test/read-text.ts";
import { readYaml, scalarValue, yamlAt, yamlValue, type YamlScalar, type YamlSchema } from "./yaml.ts";

const bounds = { depth: 64, nodes: 100_000 };
const read = (text: string, schema: YamlSchema = "core") => readYaml(text, schema, bounds);
const rules = (text: string, schema: YamlSchema = "core"): string[] => {
  const result = read(text, schema);
  return result.ok ? [] : result.problems.map(({ rule }) => rule);
};
const value = (text: string): unknown => {
  const result = read(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.documents.map(yamlValue);
};

describe("readYaml", () => {
  it("refuses a key that stands twice, however it is quoted or written", () => {
    expect(rules("a: 1\nb: 2\na: 3\n")).toEqual(["duplicate-key"]);
    expect(rules(`a: 1\n"a": 3\n`)).toEqual(["duplicate-key"]);
    expect(rules(`{a: 1, 'a': 2}`)).toEqual(["duplicate-key"]);
    expect(rules(`"\\x61": 1\na: 2\n`)).toEqual(["duplicate-key"]);
    expect(rules("__proto__: 1\n__proto__: 2\n")).toEqual(["duplicate-key"]);
  });

  it.each([
    ["anchor", "a: &x 1\n"],
    ["alias", "a: &x 1\nb: *x\n"],
    ["tag", "a: !!str 1\n"],
    ["tag", "a: !<tag:yaml.org,2002:str> 1\n"],
    ["directive", "%YAML 1.2\n---\na: 1\n"],
    ["merge-key", "a: {<<: {b: 1}}\n"],
    ["key-not-string", "0x10: 1\n"],
    ["key-not-string", "1.0: 1\n"],
    ["key-not-string", "? [a]\n: 1\n"],
    ["key-not-string", "? {a: 1}\n: 1\n"],
    ["key-not-string", ": 1\n"],
    ["syntax", "a: [1\n"],
    ["syntax", `a: "\\uD800"\n`],
    ["syntax", "\tb: 1\n"],
  ])("refuses what parsers read differently: %s in %j", (rule, text) => {
    expect(rules(text)).toContain(rule);
  });

  it("keeps keys that are themselves, and every key where all scalars are strings", () => {
    expect(value("1: a\ntrue: b\nnull: c\n'<<': d\n")).toEqual([{ 1: "a", true: "b", null: "c", "<<": "d" }]);
    expect(rules("0x10: 1\n1.0: 2\n", "failsafe")).toEqual([]);
    expect(rules(": 1\n", "failsafe")).toEqual(["key-not-string"]);
  });

  it("bounds depth, before the stack and before any node is made", () => {
    const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    expect(rules(nested(64))).toEqual([]);
    expect(rules(nested(65))).toEqual(["depth"]);
    expect(rules(`${"[".repeat(64)}a${"]".repeat(64)}`)).toEqual([]);
    expect(rules("- ".repeat(10_000))).toEqual(["depth"]);
  });

  it("bounds the number of nodes without building them", () => {
    const few = { depth: 8, nodes: 100 };
    expect(readYaml(`[${"a,".repeat(90)}]`, "core", few).ok).toBe(true);
    const over = readYaml(`[${"a,".repeat(1000)}]`, "core", few);
    expect(over.ok ? [] : over.problems).toMatchObject([{ rule: "nodes" }]);
    const compact = readYaml("- - - - a: b\n".repeat(40), "core", few);
    expect(compact.ok ? [] : compact.problems).toMatchObject([{ rule: "nodes" }]);
  });

  it("takes __proto__ for a key like any other", () => {
    const [data] = value('{"__proto__": {"polluted": 1}, constructor: 2}') as [Record<string, unknown>];
    expect(Object.getPrototypeOf(data)).toBeNull();
    expect(Object.keys(data)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("gives the place of every key and value, quotes included", () => {
    const text = `a:\n  "b c": 'd'\n  e: [x, {y: z}]\n`;
    const result = read(text);
    const root = result.ok ? result.documents[0] : undefined;
    if (root === undefined) throw new Error("refused");
    const quoted = yamlAt(root, ["a", "b c"]);
    expect([quoted?.keyAt, quoted?.node.at]).toEqual([text.indexOf('"b c"'), text.indexOf("'d'")]);
    expect(yamlAt(root, ["a", "e", 1, "y"])).toMatchObject({
      keyAt: text.indexOf("y:"),
      node: { at: text.indexOf("z") },
    });
    expect(yamlAt(root, ["a", "f"])).toBeNull();
    expect(yamlAt(root, ["a", "e", 2])).toBeNull();
  });

  it("points at the second of two equal keys", () => {
    const text = "a: 1\nb: 2\na: 3\n";
    const result = read(text);
    expect(result.ok ? null : result.problems[0]?.at).toBe(text.lastIndexOf("a"));
  });

  it("reads several documents, CRLF and an empty file", () => {
    expect(value("---\na: 1\r\n---\r\nb: 2\r\n")).toEqual([{ a: 1 }, { b: 2 }]);
    expect(value("# nothing\n")).toEqual([]);
  });

  it.each([
    ["~", null],
    ["null", null],
    ["true", true],
    ["False", false],
    ["-12", -12],
    ["0o17", 15],
    ["0x1F", 31],
    ["1e3", 1000],
    [".5", 0.5],
    ["-.inf", -Infinity],
    ["yes", "yes"],
    ["1_000", "1_000"],
    ["2027-06-30", "2027-06-30"],
    ["1.2.3", "1.2.3"],
  ])("reads the plain scalar %j as YAML 1.2 does, and as a string when quoted", (text, expected) => {
    const scalar = (plain: boolean): YamlScalar => ({ kind: "scalar", at: 0, text, plain });
    expect(scalarValue(scalar(true))).toBe(expected);
    expect(scalarValue(scalar(false))).toBe(text);
  });

  it("agrees with js-yaml's own construction on whatever both accept", () => {
    const key = fc.string({ minLength: 1, maxLength: 6 });
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie("list"),
        tie("map"),
      ),
      list: fc.array(tie("tree"), { maxLength: 4 }),
      map: fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(tree, (data) => {
        const text = JSON.stringify(data);
        expect(value(text)).toEqual([JSON.parse(text)]);
      }),
      { numRuns: fuzzRuns },
    );
  });

  it("never throws, and never reads otherwise than js-yaml", () => {
    const piece = fc.constantFrom(
      ..."a b [ ] { } , \" ' # & * ! | > % << 0x1 ~ \\ __proto__ 1.0 ... \u2028 é \u{1f600}".split(" "),
      ...": |- |? |\n|\n  |---\n|\t|\r\n".split("|"),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join("");
        const result = read(text);
        if (!result.ok) return;
        const own = result.documents.map(yamlValue);
        expect(own).toEqual(loadAll(text, { schema: CORE_SCHEMA }));
      }),
      { numRuns: fuzzRuns * 5 },
    );
  });
});
