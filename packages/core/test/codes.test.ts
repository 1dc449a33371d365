import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { codes } from "../src/codes.ts";

const root = resolve(import.meta.dirname, "../../..");
const table = Object.keys(codes);

/** Codes that no source names yet. One that has come into use should leave this list. */
const awaited: readonly string[] = [];

function sections(): { code: string; body: string }[] {
  const parts = readFileSync(resolve(root, "docs/codes.md"), "utf8").split(/^### /m).slice(1);
  return parts.map((part) => {
    const [code = "", ...rest] = part.split("\n");
    return { code, body: rest.join("\n").split(/^## /m)[0]?.trim() ?? "" };
  });
}

function sources(): string {
  const files = ["packages", "plugins"]
    .flatMap((folder) => readdirSync(resolve(root, folder), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .flatMap(({ parentPath, name }) => {
      const folder = resolve(parentPath, name, "src");
      if (!existsSync(folder)) return [];
      return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) => resolve(folder, file));
    })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.endsWith("/codes.ts"));
  return files.map((file) => readFileSync(file, "utf8")).join("\n");
}

describe("codes", () => {
  it("are area/kebab-noun, each with a one-line title", () => {
    for (const [code, { title }] of Object.entries(codes)) {
      expect(code).toMatch(/^[a-z]+\/[a-z]+(-[a-z]+)*$/);
      expect(title).toMatch(/^\S[^\n]{5,118}\S$/);
    }
  });

  it("have exactly one section of 1 to 5 lines each in docs/codes.md, and no other section stands there", () => {
    const documented = sections();
    expect(documented.map(({ code }) => code).toSorted()).toEqual(table.toSorted());
    for (const { code, body } of documented)
      expect([code, body.split("\n").length <= 5 && body.length > 40]).toEqual([code, true]);
  });

  it("can be accepted by an exception only as the documentation says", () => {
    for (const { code, body } of sections()) {
      const kind = codes[code as keyof typeof codes].kind;
      if (/Accept: exception, highest layer/.test(body)) expect([code, kind]).toEqual([code, "refused"]);
      if (/Accept: exception[.,] (?!highest)|Accept: exception\.$/m.test(body) && !/sources:/.test(body)) {
        expect([code, kind === "refused"]).toEqual([code, false]);
      }
    }
  });

  it("are all used, but for the ones awaited", () => {
    const text = sources();
    const unused = table.filter((code) => !text.includes(`"${code}"`) && !text.includes(`(${code})`));
    const arrived = awaited.filter((code) => !unused.includes(code));
    if (unused.length > 0) console.log(`codes without a use (${unused.length}): ${unused.join(", ")}`);
    if (arrived.length > 0) console.log(`in use now, take out of the list: ${arrived.join(", ")}`);
    expect(unused.filter((code) => !awaited.includes(code))).toEqual([]);
    expect(awaited.filter((code) => !table.includes(code))).toEqual([]);
  });
});
