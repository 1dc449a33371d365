import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import { verifiedCache } from "./verified-cache.ts";
import { blocksOf, carriedNpmrc, textOf, upwards } from "./project-files.ts";
import type { WrapperHost } from "./wrapper.ts";

let root: TestDirectory;
beforeEach(() => {
  root = createTestDirectory("files");
});
afterEach(() => root.remove());

describe("files of a project", () => {
  it("are looked for from the nearest directory up to the root", () => {
    expect(upwards("/a/b")).toEqual(["/a/b", "/a", "/"]);
    expect(upwards("/")).toEqual(["/"]);
  });

  it("are null where they cannot be read", () => {
    writeFiles(root.path, { "a.txt": "a", "b/c": "" });
    expect(textOf(join(root.path, "a.txt"))).toBe("a");
    expect(textOf(join(root.path, "b"))).toBeNull();
    expect(textOf(join(root.path, "none"))).toBeNull();
  });

  it("carry the project's .npmrc, where there is one", () => {
    expect(carriedNpmrc(root.path)).toEqual({});
    writeFiles(root.path, { ".npmrc": "registry=https://registry.example\n" });
    expect(carriedNpmrc(root.path)).toEqual({ ".npmrc": "registry=https://registry.example\n" });
  });

  it("give up top-level entries as they stand, and nothing that hangs below another", () => {
    expect(blocksOf("a: 1\nb: 2\nc: 3\n", ["b"])).toBe("b: 2\n");
    expect(blocksOf('"a":\n  x: 1\n\n# b\nb: 2\n', ["a"])).toBe('"a":\n  x: 1\n\n# b\n');
    expect(blocksOf("a:\n- 1\n- 2\nb: 3\n", ["a"])).toBe("a:\n- 1\n- 2\n");
    expect(blocksOf("a: 1\n---\nb: 2\n", ["a"])).toBe("a: 1\n");
    expect(blocksOf("b: |\n  a: 1\n", ["a"])).toBe("");
  });
});

describe("a cache of verified installs", () => {
  it("is another one for every manager, project and policy", () => {
    const host = { environment: { cacheDirectory: "/cache" } } as unknown as WrapperHost;
    const write = (mode: string): string =>
      writeFiles(join(root.path, "a"), { ".git/HEAD": "", ".countersign/policy.yaml": `mode: ${mode}\n` });
    const project = write("strict");
    const first = verifiedCache(host, "bun", project);
    expect(first).toMatch(/^\/cache\/bun\/[0-9a-f]{40}$/);
    expect(verifiedCache(host, "bun", `${project}/`)).toBe(first);
    expect(verifiedCache(host, "deno", project)).not.toBe(first);
    expect(verifiedCache(host, "bun", join(root.path, "b"))).not.toBe(first);
    write("warn");
    expect(verifiedCache(host, "bun", project)).not.toBe(first);
  });
});
