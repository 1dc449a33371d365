import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agreementOf, workspacesOf } from "./manifest.ts";

describe("package.json and its lockfile", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "countersign-manifest-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const write = (path: string, content: unknown): void => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), typeof content === "string" ? content : JSON.stringify(content));
  };
  const agreement = (manifest: unknown, packages: unknown): Promise<string> => {
    write("package.json", manifest);
    write("package-lock.json", { lockfileVersion: 3, packages });
    return agreementOf(directory, "package-lock.json");
  };
  const asks = { dependencies: { a: "^1" }, devDependencies: { b: "2" } };

  it.each<[string, unknown, unknown, string]>([
    ["the same", asks, { "": asks }, "same"],
    ["nothing on either side", {}, { "": {} }, "same"],
    ["one more asked for", asks, { "": { dependencies: { a: "^1" } } }, "differs"],
    ["one less asked for", { dependencies: { a: "^1" } }, { "": asks }, "differs"],
    ["another range", asks, { "": { ...asks, dependencies: { a: "^2" } } }, "differs"],
    ["moved to the others", { dependencies: { a: "^1", b: "2" } }, { "": asks }, "differs"],
    [
      "optional ones, which package.json repeats",
      { dependencies: { a: "1" }, optionalDependencies: { a: "1" } },
      { "": { optionalDependencies: { a: "1" } } },
      "same",
    ],
    [
      "an inherited name",
      { dependencies: JSON.parse('{"__proto__": "1"}') as object },
      { "": {} },
      "differs",
    ],
    ["overrides", { ...asks, overrides: { a: "1" } }, { "": asks }, "unclear"],
    ["no root entry", asks, {}, "differs"],
    ["an old lockfile", asks, undefined, "unclear"],
    ["a workspace outside", asks, { "": asks, "../x": {} }, "unclear"],
    ["a workspace that is gone", asks, { "": asks, x: {} }, "differs"],
    ["a nested package", asks, { "": asks, "node_modules/a": { version: "1.0.0" } }, "same"],
  ])("%s", async (_, manifest, packages, expected) => {
    expect(await agreement(manifest, packages)).toBe(expected);
  });

  it("workspaces count as well: what they ask for, and those that are new", async () => {
    const root = { workspaces: ["packages/*", "!packages/out"] };
    write("packages/one/package.json", asks);
    write("packages/out/package.json", asks);
    expect(await workspacesOf(directory, root)).toEqual(["packages/one"]);
    const link = { "node_modules/one": { resolved: "packages/one", link: true } };
    expect(await agreement(root, { "": root, ...link, "packages/one": asks })).toBe("same");
    expect(await agreement(root, { "": root, ...link, "packages/one": {} })).toBe("differs");
    expect(await agreement(root, { "": root })).toBe("differs");
  });

  it.each(["", "[]", "{", "null"])("a lockfile that holds %j differs", async (text) => {
    write("package.json", asks);
    write("package-lock.json", text);
    expect(await agreementOf(directory, "package-lock.json")).toBe("differs");
  });
});
