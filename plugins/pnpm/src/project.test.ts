import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCommandLine, withoutDirectory } from "./command-line.ts";
import { hasConfigDependencies, neededFiles, projectOf, throwawayFiles } from "./project.ts";

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
