import * as fc from "fast-check";
import { stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseToml, type TomlDocument } from "./toml.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);

const read = (text: string): TomlDocument => {
  const parsed = parseToml("x.lock", text, 64);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.document;
};
const refusal = (text: string, depth = 64): string => {
  const parsed = parseToml("x.lock", text, depth);
  return parsed.ok ? "read" : parsed.code;
};
const place = (text: string, ...path: (string | number)[]): string => {
  const { line, column } = read(text).at(...path);
  return `${line}:${column}`;
};

describe("positions in TOML", () => {
  const text = [
    "version = 1",
    "[[package]]",
    'name = "a"',
    'sdist = { url = "u", hash = "sha256:1" } # hash = "sha256:9"',
    "wheels = [",
    '    { url = "v", hash = "sha256:2" }, # ]',
    "    { url = 'w#}', hash = 'sha256:3' },",
    "]",
    "[package.optional-dependencies]",
    'x = [{ name = "b" }]',
    "[[package]]",
    'name = "b"',
    'sdist.hash = "sha256:4"',
  ].join("\n");

  it.each([
    [["version"], "1:11"],
    [["package", 0], "2:1"],
    [["package", 0, "name"], "3:8"],
    [["package", 0, "sdist", "hash"], "4:29"],
    [["package", 0, "wheels", 0, "hash"], "6:25"],
    [["package", 0, "wheels", 1], "7:5"],
    [["package", 0, "wheels", 1, "hash"], "7:27"],
    [["package", 0, "optional-dependencies"], "9:1"],
    [["package", 0, "optional-dependencies", "x", 0, "name"], "10:15"],
    [["package", 1], "11:1"],
    [["package", 1, "sdist", "hash"], "13:14"],
  ] as [(string | number)[], string][])("%j is at %s", (path, expected) => {
    expect(place(text, ...path)).toBe(expected);
  });

  it("count the lines of CRLF files and skip a table in a comment or a multi-line string", () => {
    const decoy = '[[package]]\r\nhash = "sha256:1"';
    const hidden = `note = """\r\n${decoy}\r\n\\"""" # [[package]]\r\nlit = '''\r\n${decoy}''''\r\n${decoy}`;
    expect(place(hidden, "package", 0)).toBe("8:1");
    expect(place(hidden, "package", 0, "hash")).toBe("9:8");
  });

  it("fall back to the enclosing table for what has no certain place", () => {
    expect(place('[a]\n"h\\u0061sh" = "x"', "a", "hash")).toBe("1:1");
    expect(place('[a]\nhash = "\\u0078"', "a", "hash")).toBe("1:1");
    expect(place("[a]\nb = 1", "a", "missing")).toBe("1:1");
  });

  it("of every string in generated documents are where the string stands", () => {
    const key = fc.oneof(
      fc.stringMatching(/^[a-z]{1,3}$/),
      fc.constantFrom("__proto__", "constructor", "a.b", "#", "]"),
    );
    const leaf = fc.oneof(fc.stringMatching(/^[ -~]{0,8}$/), fc.integer(), fc.boolean());
    const table = fc.dictionary(key, leaf, { maxKeys: 4, noNullPrototype: true });
    const documents = fc.dictionary(
      key,
      fc.oneof(
        leaf,
        table,
        fc.array(table, { maxLength: 3 }),
        fc.dictionary(key, fc.array(table, { maxLength: 2 }), { maxKeys: 2 }),
      ),
      { maxKeys: 5 },
    );
    fc.assert(
      fc.property(documents, (value) => {
        const source = stringify(value);
        const lines = source.split("\n");
        const { root, at } = read(source);
        for (const [path, string] of strings(root)) {
          if (string.includes("\\") || string.includes('"')) continue;
          const { line, column } = at(...path);
          expect(
            (lines[line - 1] as string).slice(column, column + string.length),
            JSON.stringify(path),
          ).toBe(string);
        }
      }),
      { numRuns },
    );
  });
});

function* strings(value: unknown, path: (string | number)[] = []): Generator<[(string | number)[], string]> {
  if (typeof value === "string") yield [path, value];
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* strings(item, [...path, index]);
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) yield* strings(item, [...path, key]);
}

describe("TOML that parsers disagree on", () => {
  it.each([
    "a = 1\na = 2",
    '"a" = 1\na = 2',
    '"\\u0061" = 1\na = 2',
    "a = { b = 1, b = 2 }",
    "a = { b.c = 1, b.c = 2 }",
    "a.b = 1\na.b = 2",
    "a.b = 1\n[a]\nc = 1",
    "[a]\nb = 1\n[a]\nc = 1",
    "[a]\n[[a]]",
    "[[a]]\n[a]",
    "a = []\n[[a]]",
    "__proto__ = 1\n__proto__ = 2",
  ])("a key that stands twice is refused: %j", (text) => {
    expect(refusal(text)).toBe("lockfile/duplicate-key");
  });

  it.each([
    "a = ",
    "a = 1 b = 2",
    "a = 'x\ny'",
    "a = 1\rb = 2",
    "[a",
    "a = 9007199254740993",
    "= 1",
    'a = "\\q"',
  ])("malformed text is refused with its place: %j", (text) => {
    expect(refusal(text)).toBe("lockfile/malformed");
  });

  it("nesting over the bound is refused", () => {
    expect(refusal(`a = ${"[".repeat(64)}${"]".repeat(64)}`)).toBe("read");
    expect(refusal(`a = ${"[".repeat(65)}${"]".repeat(65)}`)).toBe("budget/depth");
    expect(refusal(`a = ${"{a=".repeat(65)}1${"}".repeat(65)}`)).toBe("budget/depth");
  });

  it("keys of the object prototype are only keys", () => {
    const { root } = read('[__proto__]\nhash = "x"\n[constructor]\nprototype = 1');
    expect(Object.keys(root)).toEqual(["__proto__", "constructor"]);
    expect(({} as { hash?: string }).hash).toBeUndefined();
    expect(place('[__proto__]\nhash = "x"', "__proto__", "hash")).toBe("2:8");
  });

  it("takes linear time on hostile text", () => {
    const started = performance.now();
    refusal(`a = [${'"x",'.repeat(200_000)}]`);
    refusal("[[a]]\n".repeat(200_000));
    refusal(`${"a.".repeat(200_000)}a = 1`);
    refusal(`a = "${"\\\\".repeat(300_000)}"`);
    refusal(`a = [${"'''\n''',".repeat(100_000)}]`);
    refusal(Array.from({ length: 100_000 }, (_, index) => `k${index} = "\\n"`).join("\n"));
    expect(performance.now() - started).toBeLessThan(8000);
  });

  it("never throws, whatever the text", () => {
    const piece = fc.constantFrom(
      "[",
      "]",
      "[[a]]",
      "\n",
      "a",
      ".",
      "=",
      '"',
      "'",
      '"""',
      "'''",
      "{",
      "}",
      ",",
      "#",
      "\\",
      " ",
      "1",
      "\r\n",
      "b",
      "-",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const parsed = parseToml("x.lock", pieces.join(""), 64);
        if (parsed.ok) parsed.document.at("a", 0, "b");
      }),
      { numRuns },
    );
  });
});
