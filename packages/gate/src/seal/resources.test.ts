import { symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import type { ManagerName } from "../manager/manager.ts";
import { closureResources, foldersAbove, nothingRead, unreadable, type ReadSoFar } from "./resources.ts";

let root: TestDirectory;
beforeEach(() => {
  root = createTestDirectory("closure");
  writeFiles(root.path, { ".git/HEAD": "" });
});
afterEach(() => root.remove());

type Place = { manager?: ManagerName; path?: string; origin?: string; copy?: string };
function resources(
  { manager = "npm", path = "package-lock.json", origin = "", copy }: Place,
  further: string[] = [],
  readSoFar: ReadSoFar = nothingRead(),
) {
  return closureResources(
    {
      origin: join(root.path, origin),
      directory: copy ?? join(root.path, origin),
      home: root.path,
      file: { path, format: "package-lock", manager },
      isTracked: () => false,
      readSoFar,
    },
    further,
  );
}
const names = (place: Place, further?: string[]): string[] =>
  resources(place, further).map(({ name }) => name);

describe("the closure's resources", () => {
  it("are named from the repository's root, wherever the project is looked at from", () => {
    writeFiles(root.path, {
      "apps/a/package.json": "{}",
      "apps/a/patches/x.patch": "x",
      ".countersign/hooks/npm.mjs": "",
      ".countersign/bindings.jsonl": "",
    });
    const expected = [
      ".countersign/bindings.jsonl",
      ".countersign/hooks/npm.mjs",
      "apps/a/package.json",
      "apps/a/patches/x.patch",
    ];
    expect(names({ origin: "apps/a" })).toEqual(expected);
    expect(names({ path: "apps/a/package-lock.json" })).toEqual(expected);
    expect(names({ origin: "apps/a" }, expected)).toEqual(expected);
    expect(names({ origin: "apps", path: "a/package-lock.json" })).toEqual(expected);
  });

  it("are read from a copy of the project, and ours from where it is in force", () => {
    const copy = join(root.path, "copy");
    writeFiles(root.path, {
      "apps/a/package.json": "original",
      ".countersign/hooks/npm.mjs": "ours",
      "copy/package.json": "copied",
      "copy/.countersign/hooks/npm.mjs": "theirs",
    });
    const place = { origin: "apps/a" };
    const [ours, original] = resources(place);
    const [same, copied] = resources({ ...place, copy });
    expect(same).toEqual(ours);
    expect(copied?.name).toBe(original?.name);
    expect(copied?.digest).not.toEqual(original?.digest);
  });

  it("are ours even where a copy of the whole project has others of that name", () => {
    const copy = join(root.path, "copy");
    writeFiles(root.path, {
      ".countersign/hooks/npm.mjs": "ours",
      "copy/.countersign/hooks/npm.mjs": "theirs",
    });
    expect(resources({ copy })).toEqual(resources({}));
  });

  it("have what a sealed workspace could have besides, once it is there", () => {
    writeFiles(root.path, { "packages/tool/package.json": "{}", "packages/other/package.json": "{}" });
    const sealed = ["packages/tool/package.json"];
    expect(names({ manager: "pnpm", path: "pnpm-lock.yaml" }, sealed)).toEqual(sealed);
    writeFiles(root.path, {
      "packages/tool/.npmrc": "registry=x\n",
      "packages/other/.npmrc": "registry=x\n",
    });
    expect(names({ manager: "pnpm", path: "pnpm-lock.yaml" }, sealed)).toEqual([
      "packages/tool/.npmrc",
      "packages/tool/package.json",
    ]);
  });

  it("have what the manager reads in the folders above", () => {
    writeFiles(root.path, { ".yarnrc.yml": "a: 1\n", "apps/.yarnrc": "x\n", "apps/package.json": "{}" });
    writeFiles(root.path, { "apps/a/yarn.lock": "" });
    expect(names({ manager: "yarn", origin: "apps/a", path: "yarn.lock" })).toEqual([
      ".yarnrc.yml",
      "apps/.yarnrc",
    ]);
    expect(foldersAbove(join(root.path, "apps/a"), "b/yarn.lock").map(({ name }) => name)).toEqual([
      "apps/a",
      "apps",
      ".",
    ]);
    expect(foldersAbove(root.path, "yarn.lock")).toEqual([]);
  });

  it("count as unreadable where a link leads out of the repository, or to a folder", () => {
    const outside = createTestDirectory("outside");
    try {
      writeFiles(outside.path, { file: "{}" });
      writeFiles(root.path, { "patches/real.patch": "x", "apps/file": "{}" });
      symlinkSync(join(outside.path, "file"), join(root.path, "package.json"));
      symlinkSync("../apps", join(root.path, "patches/folder"));
      symlinkSync("../apps/file", join(root.path, "patches/inside"));
      const found = new Map(resources({}).map(({ name, digest }) => [name, digest]));
      expect(found.get("package.json")).toEqual(unreadable);
      expect(found.get("patches/folder")).toEqual(unreadable);
      expect(found.get("patches/inside")).not.toEqual(unreadable);
      expect([...found.keys()]).toContain("patches/real.patch");
    } finally {
      outside.remove();
    }
  });

  it("are found in folders above whose names are decomposed on disk", () => {
    writeFiles(root.path, { "cafe\u0301/.yarnrc.yml": "a: 1\n", "cafe\u0301/a/yarn.lock": "" });
    for (const place of [
      { origin: "cafe\u0301/a", path: "yarn.lock" },
      { origin: "cafe\u0301", path: "a/yarn.lock" },
    ])
      expect(names({ manager: "yarn", ...place })).toEqual(["caf\u00e9/.yarnrc.yml"]);
  });

  it("are read once for all seals of one run, and no more of them than one seal may name", () => {
    writeFiles(root.path, { "package.json": "{}" });
    const readSoFar = nothingRead();
    const first = resources({}, ["apps/a/package.json"], readSoFar);
    writeFileSync(join(root.path, "package.json"), "changed");
    expect(resources({}, ["apps/a/package.json"], readSoFar)).toEqual(first);
    const many = (from: number): string[] =>
      Array.from({ length: 15_000 }, (_, index) => `other/${from + index}`);
    resources({}, many(0), readSoFar);
    expect(resources({}, many(15_000), readSoFar)).toEqual([
      { name: "(more than 20000 files)", digest: unreadable },
    ]);
  });

  it("are unreadable from where all together are larger than anybody's, through links too", () => {
    writeFiles(root.path, { large: "", "patches/z.patch": "" });
    truncateSync(join(root.path, "large"), 100 * 1024 * 1024);
    for (const name of ["a", "b", "c"]) symlinkSync("../large", join(root.path, `patches/${name}.patch`));
    expect(resources({}).map(({ name, digest }) => [name, digest === unreadable])).toEqual([
      ["patches/a.patch", false],
      ["patches/b.patch", false],
      ["patches/c.patch", true],
      ["patches/z.patch", false],
    ]);
  });

  it("do not leave the repository by the names that a seal has", () => {
    writeFiles(root.path, { "a/x": "1" });
    expect(names({ origin: "a" }, ["../x", "/etc/passwd", "a/../a/x", "", "..", "./a/x"])).toEqual([]);
    expect(names({ origin: "a" }, ["a/x"])).toEqual(["a/x"]);
  });
});
