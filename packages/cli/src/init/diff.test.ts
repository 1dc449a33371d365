import { plain } from "@countersign/core";
import { describe, expect, it } from "vitest";
import { renderChange } from "./diff.ts";

const change = (before: string | null, after: string | null): string =>
  renderChange(
    {
      path: "package.json",
      before: before === null ? null : Buffer.from(before),
      after: after === null ? null : Buffer.from(after),
    },
    plain,
  );
const lines = (count: number): string[] => Array.from({ length: count }, (_, at) => `line ${at + 1}\n`);

describe("a diff", () => {
  it("is unified, with three lines around each change", () => {
    const before = lines(30);
    const after = [...before];
    after[4] = "five\n";
    after.splice(25, 0, "new\n");
    expect(change(before.join(""), after.join(""))).toBe(
      [
        "--- a/package.json",
        "+++ b/package.json",
        "@@ -2,7 +2,7 @@",
        " line 2",
        " line 3",
        " line 4",
        "-line 5",
        "+five",
        " line 6",
        " line 7",
        " line 8",
        "@@ -23,6 +23,7 @@",
        " line 23",
        " line 24",
        " line 25",
        "+new",
        " line 26",
        " line 27",
        " line 28",
        "",
      ].join("\n"),
    );
  });

  it("shows a new file, a removed one and a missing line break", () => {
    expect(change(null, "a\n")).toBe("--- /dev/null\n+++ b/package.json\n@@ -0,0 +1,1 @@\n+a\n");
    expect(change("a", null)).toBe(
      "--- a/package.json\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n\\ No newline at end of file\n",
    );
  });

  it("makes every control character visible", () => {
    const text = change("a\n", "a\u001b[2K\u202e\r\n");
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(text).toContain("+a\\x1b[2K\\u{202e}\\r");
  });

  it("says a bundle by its size and digest", () => {
    const text = change(null, "x".repeat(70_000));
    expect(text).toMatch(/\+\(70000 bytes, sha512-\S+\)\n$/);
    expect(text.length).toBeLessThan(300);
  });
});
