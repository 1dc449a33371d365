import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columns, isProse, unbreakable, wrap } from "./layout.ts";

describe("wrap", () => {
  it("breaks at spaces, indents, and keeps quoted commands whole", () => {
    expect(wrap("run `npm install a@1` and then commit it", 20, "  ", "    ")).toEqual([
      "  run",
      "    `npm install a@1`",
      "    and then commit",
      "    it",
    ]);
  });

  it("keeps every word, and is wider only for a word that does not fit", () => {
    const words = fc.array(
      fc.string({ unit: fc.constantFrom("a", "b", "`", "字"), minLength: 1, maxLength: 30 }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(words, fc.integer({ min: 20, max: 60 }), (list, width) => {
        const lines = wrap(list.join(" "), width, "> ", "  ");
        expect(
          lines.flatMap((line) => line.slice(2).trim().split(" ")).filter((word) => word !== ""),
        ).toEqual(list);
        for (const line of lines)
          expect(columns(line) <= width || unbreakable(line.slice(2)).length === 1).toBe(true);
      }),
    );
  });

  it("counts wide characters as two columns and combining marks as none", () => {
    expect(columns("名前")).toBe(4);
    expect(columns("e\u0301")).toBe(1);
  });

  it("tells a sentence from a line to copy", () => {
    expect(isProse("Regenerate the lockfile.")).toBe(true);
    expect(isProse("run `npm ci` again")).toBe(true);
    expect(isProse("npm install a@1.0.0")).toBe(false);
  });

  it("keeps braces whole, unless they never close", () => {
    expect(unbreakable("write sources: { path: allow } there")).toEqual([
      "write",
      "sources:",
      "{ path: allow }",
      "there",
    ]);
    expect(unbreakable("a { b c")).toEqual(["a", "{", "b", "c"]);
    expect(isProse("exceptions:")).toBe(false);
    expect(isProse("To accept it, add to policy.yaml:")).toBe(true);
  });

  it("takes linear time on hostile text", () => {
    const started = performance.now();
    wrap("` ".repeat(200_000), 80, "", "");
    isProse("`".repeat(400_000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
