import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import type { ManagerName } from "../manager/manager.ts";
import { closureOf } from "./closure.ts";
import { changedFiles, takeSnapshot, type Snapshot } from "./snapshot.ts";

let project: TestDirectory;
beforeEach(() => {
  project = createTestDirectory("closure");
});
afterEach(() => project.remove());

const write = (files: Readonly<Record<string, string>>): void => void writeFiles(project.path, files);
const snapshot = (manager: ManagerName = "npm", workspaces: readonly string[] = []): Promise<Snapshot> =>
  takeSnapshot(project.path, closureOf(manager), workspaces);
/** What changes in the snapshot when something is done to the project. */
async function changes(
  act: () => void,
  manager: ManagerName = "npm",
  workspaces: readonly string[] = [],
): Promise<string[]> {
  const before = await snapshot(manager, workspaces);
  act();
  return changedFiles(before, await snapshot(manager, workspaces));
}

describe("the closure", () => {
  it.each<[ManagerName, readonly string[]]>([
    [
      "npm",
      [
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        ".npmrc",
        ".npm-extension.mjs",
        "patches/a.patch",
      ],
    ],
    [
      "pnpm",
      [
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        ".npmrc",
        ".pnpmfile.cjs",
        ".pnpmfile.mjs",
        "patches/a.patch",
      ],
    ],
    [
      "yarn",
      ["yarn.lock", ".yarnrc.yml", ".yarn/plugins/a.cjs", ".yarn/releases/yarn.cjs", ".yarn/patches/a.patch"],
    ],
    ["bun", ["bun.lock", "bunfig.toml", ".npmrc", "package.json"]],
    ["deno", ["deno.lock", "deno.json", "deno.jsonc", "package.json", ".npmrc"]],
    ["uv", ["uv.lock", "pyproject.toml", "uv.toml", ".python-version", "pylock.toml"]],
    ["pip", ["requirements.txt", "pylock.toml"]],
  ])("of %s covers what can change or run before an install, our own files too", async (manager, files) => {
    for (const file of [
      ...files,
      ".countersign/policy.yaml",
      ".countersign/bindings.jsonl",
      ".countersign/hooks/a.mjs",
    ]) {
      expect([file, await changes(() => write({ [file]: "x" }), manager)]).toEqual([file, [file]]);
      expect([file, await changes(() => write({ [file]: "y" }), manager)]).toEqual([file, [file]]);
      expect([file, await changes(() => rmSync(join(project.path, file)), manager)]).toEqual([file, [file]]);
    }
    expect(
      await changes(() => write({ "node_modules/a/index.js": "x", "src/main.ts": "x" }), manager),
    ).toEqual([]);
  });

  it("covers the manifests of workspaces", async () => {
    const change = (): void => write({ "packages/a/package.json": "{}" });
    expect(await changes(change, "npm", ["packages/a"])).toEqual(["packages/a/package.json"]);
    expect(await changes(() => write({ "packages/a/setup.py": "x" }), "uv", ["packages/a"])).toEqual([
      "packages/a/setup.py",
    ]);
    expect(await changes(change)).toEqual([]);
  });
});

describe("a snapshot", () => {
  it("is the same while nothing changes, and notices one changed byte of the same length", async () => {
    write({ "package.json": "{}", "patches/deep/er/a.patch": "aaaa" });
    expect(await changes(() => write({ "package.json": "{}" }))).toEqual([]);
    expect(await changes(() => write({ "patches/deep/er/a.patch": "aaab" }))).toEqual([
      "patches/deep/er/a.patch",
    ]);
  });

  it("notices a link in place of a file, another target, and other content behind the same link", async () => {
    write({ "package.json": "{}", a: "{}", b: "{}" });
    const link = (target: string): void => {
      rmSync(join(project.path, "package.json"), { recursive: true });
      symlinkSync(target, join(project.path, "package.json"));
    };
    expect(await changes(() => link("a"))).toEqual(["package.json"]);
    expect(await changes(() => link("b"))).toEqual(["package.json"]);
    expect(await changes(() => write({ b: "{ }" }))).toEqual(["package.json"]);
    expect(await changes(() => link("nowhere"))).toEqual(["package.json"]);
    const folder = (): void => {
      rmSync(join(project.path, "package.json"));
      mkdirSync(join(project.path, "package.json"));
    };
    expect(await changes(folder)).toEqual(["package.json"]);
  });

  it("does not hang on a pipe", async () => {
    execFileSync("mkfifo", [join(project.path, "package.json")]);
    expect((await snapshot()).get("package.json")).toBe("not a file");
  });

  it("does not read a device behind a link, which would never end", async () => {
    rmSync(join(project.path, "package.json"), { force: true });
    symlinkSync("/dev/zero", join(project.path, "package.json"));
    expect((await snapshot()).get("package.json")).toMatch(/^link \/dev\/zero it is no regular file/);
  });

  it("gives up on a closure that is too large", async () => {
    writeFileSync(join(project.path, "package.json"), "");
    truncateSync(join(project.path, "package.json"), 257 * 1024 * 1024);
    await expect(snapshot()).rejects.toThrow(/larger than/);
  });

  it("counts a file that only one of two snapshots lists as absent in the other", () => {
    const one: Snapshot = new Map([
      ["a", "1"],
      ["gone", null],
    ]);
    const other: Snapshot = new Map([
      ["a", "1"],
      ["new", "2"],
    ]);
    expect(changedFiles(one, other)).toEqual(["new"]);
  });
});
