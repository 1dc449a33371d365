import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { removeMember, setMember } from "./json-text.ts";

const path = ["scripts", "preinstall"];
const samples: readonly [string, string][] = [
  ["two spaces", '{\n  "name": "a",\n  "scripts": {\n    "test": "x"\n  },\n  "private": true\n}\n'],
  ["tabs, no line break at the end", '{\n\t"name": "a",\n\t"scripts": { "test": "x" }\n}'],
  ["CRLF", '{\r\n    "name": "a",\r\n    "scripts": {\r\n        "test": "x"\r\n    }\r\n}\r\n'],
  ["no scripts", '{\n  "name": "a"\n}\n'],
  ["one line", '{"name":"a","scripts":{"test":"x"}}'],
  ["empty", "{}\n"],
  ["odd layout", '{ "name" :  "a" ,\n\n "scripts":{\n"test":"x"   }\n  , "z": [ 1,\n2 ] }\n\n'],
  [
    "quotes and braces in strings",
    '{\n  "a": "}\\"{",\n  "scripts": { "b": "\\\\" },\n  "c": ["]", {"d": "["}]\n}\n',
  ],
];

describe("JSON text", () => {
  it.each(samples)("is edited in place and goes back byte for byte: %s", (_, text) => {
    const edited = setMember(text, path, 'node "x"');
    expect(JSON.parse(edited)).toEqual({
      ...(JSON.parse(text) as object),
      scripts: { ...(JSON.parse(text) as { scripts?: object }).scripts, preinstall: 'node "x"' },
    });
    expect(removeMember(edited, path)).toBe(text);
    for (const line of text.split("\n").filter((each) => each.length > 30))
      expect(edited).toContain(line.slice(0, 20));
  });

  it("keeps line breaks and indentation of the file in what it adds", () => {
    const crlf = setMember(samples[2]?.[1] ?? "", ["devEngines", "packageManager"], { name: "npm" });
    expect(crlf).toContain(
      '\r\n    "devEngines": {\r\n        "packageManager": {\r\n            "name": "npm"\r\n        }\r\n    }',
    );
    expect(crlf.replaceAll("\r\n", "")).not.toContain("\n");
  });

  it("replaces a value and leaves the rest", () => {
    const text = samples[0]?.[1] ?? "";
    expect(setMember(text, ["scripts", "test"], "y")).toBe(text.replace('"x"', '"y"'));
    expect(removeMember(text, ["scripts", "none"])).toBe(text);
    expect(removeMember(text, ["none", "none"])).toBe(text);
  });

  it("removes a first member and leaves the others", () => {
    const text = setMember(samples[0]?.[1] ?? "", ["scripts", "after"], "z");
    expect(removeMember(text, ["scripts", "test"])).toContain('"scripts": {\n    "after": "z"\n  }');
  });

  it("holds for any object and any layout", () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
    const indents = fc.constantFrom(undefined, 1, 2, 4, "\t");
    fc.assert(
      fc.property(
        objects,
        fc.dictionary(fc.string(), fc.string(), { minKeys: 1, maxKeys: 3 }),
        indents,
        (object, scripts, indent) => {
          fc.pre(
            !Object.hasOwn(scripts, "preinstall") &&
              !Object.hasOwn(object, "__proto__") &&
              !Object.hasOwn(scripts, "__proto__"),
          );
          const text = JSON.stringify({ ...object, scripts }, null, indent);
          const edited = setMember(text, path, "ours");
          expect((JSON.parse(edited) as { scripts: object }).scripts).toEqual({
            ...scripts,
            preinstall: "ours",
          });
          expect(removeMember(edited, path)).toBe(text);
        },
      ),
    );
  });
});
