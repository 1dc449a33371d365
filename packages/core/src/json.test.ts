import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonObject, jsonMember, parseJson, parseJsonDocument } from "./json.ts";

const runs = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
const problem = (text: string, depth = 64, syntax: "json" | "jsonc" = "json"): unknown => {
  const read = parseJsonDocument(text, depth, syntax);
  return read.ok ? null : [read.problem.reason, read.problem.offset];
};

describe("parseJson", () => {
  it("agrees with JSON.parse on every value", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        expect(parseJson(text, 64)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
      { numRuns: runs },
    );
  });

  it("accepts exactly what JSON.parse accepts, duplicate keys aside", () => {
    const soup = fc.array(
      fc.constantFrom(
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "1",
        "-",
        ".",
        "e",
        "true",
        "null",
        " ",
        "a",
        "\n",
        '"k"',
        '"k":',
        "\u0001",
        "u00e9",
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(soup, (parts) => {
        const text = parts.join("");
        const read = parseJson(text, 64);
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          expect(read).toMatchObject({ ok: false, problem: { reason: "syntax" } });
          return;
        }
        if (!read.ok) expect(read.problem.reason).toBe("duplicate-key");
        else expect(read.value).toEqual(value);
      }),
      { numRuns: runs * 10 },
    );
  });

  it("refuses a key that stands twice, however it is written, and says where the second is", () => {
    expect(problem('{"a":1,"b":{"c":1,"c":2}}')).toEqual(["duplicate-key", 18]);
    expect(problem('{"a":1,"\\u0061":2}')).toEqual(["duplicate-key", 7]);
    expect(problem('{"__proto__":1,"__proto__":2}')).toEqual(["duplicate-key", 15]);
    expect(problem('[{"1":1,"1":2}]')).toEqual(["duplicate-key", 8]);
    expect(problem('{"a":{"x":1},"a":{}}')).toEqual(["duplicate-key", 13]);
    expect(problem('{"a":{"x":1},"b":{"x":1}}')).toBeNull();
  });

  it("keeps __proto__ a plain member and inherits nothing", () => {
    const read = parseJson('{"__proto__":{"admin":true},"constructor":1}', 64);
    if (!read.ok || !isJsonObject(read.value)) throw new Error("not read");
    expect(Object.getPrototypeOf(read.value)).toBe(Object.prototype);
    expect(jsonMember(read.value, "admin")).toBeUndefined();
    expect(jsonMember(read.value, "toString")).toBeUndefined();
    expect(Object.keys(read.value)).toEqual(["__proto__", "constructor"]);
  });

  it("bounds depth before anything is built", () => {
    expect(problem("[".repeat(64) + "]".repeat(64))).toBeNull();
    expect(problem("[".repeat(65) + "]".repeat(65))).toEqual(["depth", 64]);
    expect(problem('{"a":'.repeat(1_000_000))).toEqual(["depth", 320]);
    expect(problem("[]", 0)).toEqual(["depth", 0]);
  });

  it.each([
    ["", 0],
    ["{", 1],
    ['{"a"}', 4],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ["[1,]", 3],
    ["[1 2]", 3],
    ["[1}", 2],
    ["]", 0],
    ["1 2", 2],
    ['"a', 0],
    ['{"a":1', 6],
    ["{'a':1}", 1],
    ["// c\n1", 0],
    ["[01]", 1],
    ["[1.]", 1],
    ["[tru]", 1],
    ["[NaN]", 1],
    ['["\t"]', 2],
    ['["a\\x"]', 3],
    ['["\\u12g4"]', 2],
    ['{"\\q":1}', 2],
    ["\uFEFF{}", 0],
    ["[1,\u00a01]", 3],
  ])("refuses %j at %i", (text, offset) => {
    expect(problem(text)).toEqual(["syntax", offset]);
  });

  it("is linear in long strings, backslashes and unclosed quotes", () => {
    const long = "\\\\".repeat(2_000_000);
    expect(problem(`["${long}"]`)).toBeNull();
    expect(problem(`["${long}\\"]`)).toEqual(["syntax", 1]);
    expect(problem(`{${'"a\\"b":1,'.repeat(200_000)}"z":1}`)?.[0 as never]).toBe("duplicate-key");
  });
});

describe("positions", () => {
  it("gives the place of keys and values, by document order and by name", () => {
    const text = '{ "b\\n" : [1, {"x": "y"}],\r\n "2": null, "1": true }';
    const read = parseJsonDocument(text, 64);
    if (!read.ok) throw new Error("not read");
    const { tree } = read;
    const members = tree.children(tree.root);
    expect(members.map((node) => tree.key(node))).toEqual(["b\n", "2", "1"]);
    expect(members.map((node) => text.slice(tree.keyOffset(node)).slice(0, 3))).toEqual([
      '"b\\',
      '"2"',
      '"1"',
    ]);
    const list = tree.member(tree.root, "b\n") as number;
    const [one, object] = tree.children(list) as [number, number];
    expect(text[tree.offset(one)]).toBe("1");
    expect(text.slice(tree.memberOffset(object, "x")).slice(0, 3)).toBe('"y"');
    expect(tree.memberOffset(object, "absent")).toBe(tree.offset(object));
    expect(tree.member(tree.root, "absent")).toBeNull();
    expect(tree.key(one)).toBeNull();
  });
});

describe("JSON with comments", () => {
  const value = (text: string): unknown => {
    const read = parseJsonDocument(text, 64, "jsonc");
    return read.ok ? read.value : read.problem;
  };

  it("allows comments and one trailing comma", () => {
    expect(value('// a "quote\n{ /* b, } */ "x": [1, 2, /* c */ ], // d\n "y": "// not, ]", }\n')).toEqual({
      x: [1, 2],
      y: "// not, ]",
    });
    expect(value('{"a": {},}')).toEqual({ a: {} });
  });

  it.each([
    ["[,]"],
    ["[1,,]"],
    ['{"a":,}'],
    ["{,}"],
    ["[1/ ]"],
    ["[1 /* ]"],
    ["[1], "],
    ["#!x\n[]"],
    ["<!-- x\n[]"],
    ['["a", "b]'],
  ])("refuses %j", (text) => {
    expect(value(text)).toMatchObject({ reason: "syntax" });
  });

  it("ends a line comment where ECMAScript does, so that nothing can be hidden behind it", () => {
    for (const end of ["\n", "\r", "\u2028", "\u2029"]) {
      const read = value(`{"a":1, // ${end} "b":2\n}`);
      if (end === "\n" || end === "\r") expect(read).toEqual({ a: 1, b: 2 });
      else expect(read).toMatchObject({ reason: "syntax" });
    }
  });

  it("keeps offsets true", () => {
    expect(problem('/* é */ {"a":1, // x\n "a":2,}', 64, "jsonc")).toEqual(["duplicate-key", 22]);
  });

  it("reads plain JSON as JSON", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(value(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: runs },
    );
  });
});
