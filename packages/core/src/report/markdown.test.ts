import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findingOf, sampleReport } from "../../test/report-sample.ts";
import { renderMarkdown } from "./markdown.ts";

const inert = (markdown: string): string =>
  markdown
    .replaceAll(/^(`{3,})yaml\n[^]*?\n\1$/gm, "")
    .replaceAll(/\\[^A-Za-z0-9\s]|`[^`\n]*`/g, "x")
    .replaceAll(/&(amp|lt|gt);/g, "x")
    .replaceAll(/<\/?(details|summary|br)>/g, "")
    .replaceAll(/^#{3,4} /gm, "")
    .replaceAll("**", "");

describe("renderMarkdown", () => {
  it("has the verdict first, then a table of every failure, then the counts", () => {
    const text = renderMarkdown(sampleReport([findingOf("signature/invalid", "c")]));
    expect(text.startsWith("### ✗ Countersign: blocked: 1 of 5 packages fail")).toBe(true);
    expect(text).toContain("#### blocking: `signature/invalid`");
    expect(text).toMatch(
      /\| `c@1\.0\.0`<br>through `a@1\.0\.0 > b@1\.0\.0` \| `package-lock\.json:12` \|.*\| `npm install c@1\.0\.0` \|\n/,
    );
    expect(text).toContain("| levels | 0 provenance, 5 signed");
  });

  it("keeps every failing package of a large group, folded", () => {
    const findings = Array.from({ length: 100 }, (_, index) => findingOf("signature/absent", `p${index}`));
    const text = renderMarkdown(sampleReport(findings));
    for (let index = 0; index < 100; index += 1) expect(text).toContain(`\`p${index}@1.0.0\``);
    expect(text).toContain("<details><summary>80 more</summary>");
  });

  it("stays below what CI systems take, and counts what did not fit", () => {
    const findings = Array.from({ length: 10_000 }, (_, index) => findingOf("signature/absent", `p${index}`));
    const text = renderMarkdown(sampleReport(findings));
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
    expect(/\*\*\d+ lines did not fit/.test(text)).toBe(true);
    expect(text.includes("| enforcement |")).toBe(true);
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  });

  it("gives the policy lines of several findings as one block to copy, which foreign text cannot leave", () => {
    const fix = (name: string) => `Lock another version.\nexceptions:\n  - purl: "pkg:npm/${name}@1.0.0"`;
    const findings = ["a", "b", "```` <b>"].map((name) =>
      findingOf("signature/absent", name, { fix: fix(name) }),
    );
    const text = renderMarkdown(sampleReport(findings));
    expect(text).toContain(
      '\n`````yaml\nexceptions:\n  - purl: "pkg:npm/a@1.0.0"\n  - purl: "pkg:npm/b@1.0.0"\n',
    );
    expect(text.match(/^`````$/gm)).toHaveLength(1);
    expect(text).toContain("| Lock another version\\. |\n");
  });

  it("D39: no package name, path or message injects a link, HTML, a mention or a table cell", () => {
    const evil = fc.oneof(
      fc.constantFrom(
        "[x](https://evil.example)",
        "<script>alert(1)</script>",
        "a | b | c",
        "`x` @octocat",
        "x\n\n# title",
      ),
      fc.string({ unit: fc.constantFrom(..."[]()<>`|*_~@#!&\\ ahtps:/w.\n"), maxLength: 30 }),
    );
    fc.assert(
      fc.property(evil, (text) => {
        const report = sampleReport([
          findingOf("signature/invalid", "a", {
            purl: text,
            why: text,
            fix: text,
            requiredBy: text,
            at: { path: text, line: 1, column: 1 },
          }),
          findingOf("signature/absent", "b", { effect: "note", exception: text }),
        ]);
        const markdown = renderMarkdown(report);
        const cells = markdown.split("\n").find((line) => line.includes(":1` |")) ?? "";
        expect(cells.replaceAll(/\\\|/g, "").split("|")).toHaveLength(6);
        expect(inert(cells).replaceAll("|", "")).not.toMatch(/[<>[\]()*_~@#]|:\/|www\./i);
        expect(inert(markdown)).not.toMatch(/[<>[\]@]|:\/|www\./i);
      }),
    );
  });
});
