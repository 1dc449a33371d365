import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clamp, markdownCode, markdownText, shellWord, visible, visibleJson } from "./escape.ts";

const dangerous = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const hostile = fc.string({ unit: "binary", maxLength: 60 });
const anyUtf16 = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
  .map((units) => String.fromCharCode(...units));

describe("visible", () => {
  it.each([
    ["\u001B[2J", String.raw`\x1b[2J`],
    ["a\u009Bb", String.raw`a\x9bb`],
    ["\u202Egpj.exe", String.raw`\u{202e}gpj.exe`],
    ["\u2066x\u2069", String.raw`\u{2066}x\u{2069}`],
    ["\u200E\u200F\u061C", String.raw`\u{200e}\u{200f}\u{61c}`],
    ["lod\u200Bash\uFEFF\u2060", String.raw`lod\u{200b}ash\u{feff}\u{2060}`],
    ["a\u2028b\u2029c", String.raw`a\u{2028}b\u{2029}c`],
    ["\uD800x\uDFFF", String.raw`\u{d800}x\u{dfff}`],
    ["\u{E0041}", String.raw`\u{e0041}`],
    ["a\u00A0b\u3000c\u3164", String.raw`a\xa0b\u{3000}c\u{3164}`],
    ["one\r\n\ttwo\u0000", String.raw`one\r\n\ttwo\x00`],
  ])("D39: spells out %j", (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  it("keeps what a person can read", () => {
    expect(visible("naïve 名前 – ok!")).toBe("naïve 名前 – ok!");
  });

  it("D39: leaves no control, format or separator character of any text", () => {
    fc.assert(fc.property(fc.oneof(hostile, anyUtf16), (text) => !dangerous.test(visible(text))));
  });

  it("bounds its output, says what is missing, and never splits a code point", () => {
    expect(clamp("abcdef", 3)).toBe("abc… (3 more characters)");
    expect(clamp("ab\u{1F600}c", 3)).toBe("ab… (3 more characters)");
    fc.assert(
      fc.property(
        anyUtf16,
        fc.integer({ min: 1, max: 20 }),
        (text, bound) => visible(text, bound).length <= bound * 9 + 40,
      ),
    );
    expect(visible("x".repeat(5_000_000)).length).toBeLessThan(1300);
  });
});

describe("visibleJson", () => {
  it("D39: changes no value and leaves nothing invisible but line breaks", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(hostile, anyUtf16), fc.oneof(hostile, anyUtf16)), (value) => {
        const text = visibleJson(JSON.stringify(value, null, 2));
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(dangerous.test(text.replaceAll("\n", ""))).toBe(false);
      }),
    );
  });
});

/** What is left of Markdown once code spans and escapes are taken out. */
const bare = (markdown: string): string =>
  markdown.replaceAll(/\\[^A-Za-z0-9\s]|`[^`]*`/g, "x").replaceAll(/&(amp|lt|gt);/g, "x");

describe("markdown", () => {
  it.each([
    "[click](https://evil.example)",
    "<img src=x onerror=alert(1)>",
    "![x](y)",
    "a`b`c | d",
    "https://evil.example/x",
    "see www.evil.example now",
    "@octocat #1 owner/repo#2",
    "someone@evil.example",
    "**bold** _it_ ~~no~~ $x$",
    "&lt;script&gt;",
    "a ` b [x](javascript:1) `",
    "`` [x](y) ``",
    "https:`//evil.example",
    "ww`w.evil.example",
  ])("D39: nothing in %j becomes a link, mention, markup or HTML", (text) => {
    expect(bare(markdownText(text))).not.toMatch(/[[\]<>()*_~|`$@#&!]|:\/|www\./);
  });

  it("D39: text of any kind stays inert", () => {
    const markup = fc.string({
      unit: fc.constantFrom(..."[]()<>`|*_~@#!&\\$ ahtps:/w.\n\u202E"),
      maxLength: 40,
    });
    fc.assert(
      fc.property(markup, (text) => {
        expect(bare(markdownText(text))).not.toMatch(/[[\]<>()*_~|`$@#&!]|:\/|www\./i);
        expect(markdownText(text)).not.toContain("\n");
      }),
      { numRuns: 3000 },
    );
  });

  it("D39: a code span cannot be left, also in a table", () => {
    expect(markdownCode("a`b|c\nd")).toBe("`a\\x60b\\x7cc\\nd`");
    expect(markdownCode(" ")).toBe("`(empty)`");
    fc.assert(fc.property(hostile, (text) => /^`[^`|\n]+`$/.test(markdownCode(text))));
  });
});

describe("shellWord", () => {
  it("D39: quotes whatever a shell would act on", () => {
    expect(shellWord("@acme/widgets@1.0.0")).toBe("@acme/widgets@1.0.0");
    expect(shellWord("a; rm -rf ~")).toBe("'a; rm -rf ~'");
    expect(shellWord("it's $(x)")).toBe(String.raw`'it'\''s $(x)'`);
    expect(shellWord("")).toBe("''");
    expect(shellWord("a\n")).toBe("'a\n'");
  });
});
