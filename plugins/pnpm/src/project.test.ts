import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCommandLine, withoutDirectory } from "./command-line.ts";
import { blocksOf, hasConfigDependencies, neededFiles, projectOf, throwawayFiles } from "./project.ts";
import { commandOf } from "./throwaway.ts";

let root: ReturnType<typeof createTestDirectory>;
beforeEach(() => (root = createTestDirectory("pnpm")));
afterEach(() => root.remove());

const workspace = `# a comment
packages:
- packages/*
registries:
  default: "https://npm.example/"

  '@acme': https://acme.example/
overrides: { leaf: npm:evil }
"registry": https://npm.example/
minimumReleaseAge: 1440
configDependencies:
  pnpm-plugin-x: 1.0.0
pnpmfile: [tools/hooks.cjs, "../outside.cjs"]
`;

describe("settings", () => {
  it("carries where packages come from, and nothing that changes what they are", () => {
    writeFiles(root.path, { "pnpm-workspace.yaml": workspace, ".npmrc": "registry=https://npm.example/\n" });
    const files = throwawayFiles({ directory: root.path, root: root.path }, ["esbuild"]);
    expect(files[".npmrc"]).toBe("registry=https://npm.example/\n");
    expect(files["pnpm-workspace.yaml"]).toBe(`registries:
  default: "https://npm.example/"

  '@acme': https://acme.example/
"registry": https://npm.example/
minimumReleaseAge: 1440
strictDepBuilds: false
onlyBuiltDependencies: ["esbuild"]
allowBuilds: {"esbuild":true}
`);
  });

  it("cuts lists that are not indented, and ends at whatever is no entry", () => {
    expect(blocksOf("a:\n- 1\n- 2\nb: 3\n", ["a"])).toBe("a:\n- 1\n- 2\n");
    expect(blocksOf("a: 1\n---\nb: 2\n", ["a"])).toBe("a: 1\n");
    expect(blocksOf("b: |\n  a: 1\n", ["a"])).toBe("");
  });

  it("finds config dependencies", () => {
    const project = { directory: root.path, root: root.path };
    expect(hasConfigDependencies(project)).toBe(false);
    writeFiles(root.path, { "pnpm-workspace.yaml": workspace });
    expect(hasConfigDependencies(project)).toBe(true);
  });
});

describe("project", () => {
  it("is the workspace around --dir, and needs all of its manifests", () => {
    writeFiles(root.path, {
      "pnpm-workspace.yaml": workspace,
      "package.json": "{}",
      "packages/a/package.json": "{}",
      "packages/a/node_modules/leaf/package.json": "{}",
      "packages/b/package.yaml": "{}",
    });
    const project = projectOf(root.path, readCommandLine(["-C", "packages/a", "add", "leaf"]));
    expect(project).toEqual({ directory: join(root.path, "packages/a"), root: root.path });
    expect(neededFiles(project).toSorted()).toEqual([
      "package.json",
      "packages/a/package.json",
      "packages/b/package.yaml",
      "tools/hooks.cjs",
    ]);
    const alone = projectOf(
      root.path,
      readCommandLine(["-C", "packages/a", "--ignore-workspace", "install"]),
    );
    expect(alone.root).toBe(join(root.path, "packages/a"));
  });

  it("takes --dir out of a command line that runs in another place", () => {
    expect(withoutDirectory(["-C", "a", "--dir=b", "add", "--dir", "c", "leaf", "--", "-C"])).toEqual([
      "add",
      "leaf",
      "--",
      "-C",
    ]);
  });
});

describe("command of a package", () => {
  it.each<[string, unknown, string | null]>([
    ["the only one", { name: "@a/b", bin: { x: "x.js" } }, "x"],
    ["the one of its name", { name: "@a/b", bin: { x: "x.js", b: "b.js" } }, "b"],
    ["named by a path alone", { name: "@a/b", bin: "b.js" }, "b"],
    ["none of several", { name: "b", bin: { x: "x.js", y: "y.js" } }, null],
    ["none at all", { name: "b" }, null],
  ])("%s", (_, manifest, command) => {
    writeFiles(root.path, { "package.json": JSON.stringify(manifest) });
    expect(commandOf(root.path)).toBe(command);
  });
});
