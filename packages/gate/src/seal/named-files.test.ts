import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import type { ManagerName } from "../manager/manager.ts";
import { namedFiles } from "./named-files.ts";

let root: TestDirectory;
beforeEach(() => {
  root = createTestDirectory("named");
});
afterEach(() => root.remove());

it.each<[ManagerName, string, string, string[]]>([
  [
    "pnpm",
    "pnpm-workspace.yaml",
    "pnpmfile: [./a.cjs, b/c.cjs]\npatchedDependencies:\n  x: p/x.patch\n",
    ["a.cjs", "b/c.cjs", "p/x.patch"],
  ],
  ["pnpm", ".npmrc", "registry=x\n  pnpmfile = ./tools/a.cjs\n; pnpmfile=no\n", ["tools/a.cjs"]],
  ["pnpm", "package.json", '{ "pnpm": { "patchedDependencies": { "x": "x.patch" } } }', ["x.patch"]],
  [
    "yarn",
    ".yarnrc.yml",
    "yarnPath: ../../tools/yarn.cjs\nplugins:\n  - ./p.cjs\n  - path: q.cjs\n",
    ["../../tools/yarn.cjs", "p.cjs", "q.cjs"],
  ],
  ["yarn", ".yarnrc", '# yarn-path no\nyarn-path "./tools/yarn.js"\n', ["tools/yarn.js"]],
  ["yarn", ".yarnrc", "\"yarn-path\" 'a b.js'\r\n", ["a b.js"]],
  ["bun", "bunfig.toml", 'preload = ["./a.ts"]\n', ["a.ts"]],
  ["deno", "deno.jsonc", '{ /* none */ "importMap": "maps/a.json", }', ["maps/a.json"]],
  ["deno", "deno.json", '{ "importMap": "/etc/a.json" }', []],
  ["yarn", ".yarnrc.yml", "yarnPath: [", []],
  ["npm", "package.json", '{ "patchedDependencies": { "x": "x.patch" } }', []],
])("%s: what %s names", async (manager, file, text, expected) => {
  writeFiles(root.path, { [file]: text });
  expect(await namedFiles(manager, root.path, root.path)).toEqual(expected);
});
