import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join, win32 } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import { candidatesOf, findTool, withPathEntry, type ToolSearch } from "./find-tool.ts";

const search = (more: Partial<ToolSearch>): ToolSearch => ({
  variables: {},
  platform: "linux",
  project: "/work/project",
  ...more,
});

describe("where a tool may lie", () => {
  it("on Linux and macOS: its name in each absolute folder of PATH, in order", () => {
    for (const platform of ["linux", "darwin"] as const) {
      const variables = { PATH: "/opt/homebrew/bin:/usr/bin::relative:./here", Path: "/other" };
      expect(candidatesOf("npm", search({ platform, variables }))).toEqual([
        "/opt/homebrew/bin/npm",
        "/usr/bin/npm",
      ]);
    }
  });

  it("never in the project, however the folder is written", () => {
    const PATH = [
      "/work/project/node_modules/.bin",
      "/work/project",
      "/work/other/../project/node_modules/.bin",
      "/work/projector/bin",
      "/work/project/..//bin",
    ].join(":");
    expect(candidatesOf("npm", search({ variables: { PATH } }))).toEqual([
      "/work/projector/bin/npm",
      "/work/bin/npm",
    ]);
  });

  it("on Windows: with every extension of PATHEXT, in its order, and PATH in any case", () => {
    const variables = {
      Path: "C:\\Program Files\\nodejs;D:\\tools\\;tools;\\rooted",
      PathExt: ".COM;.EXE;.CMD",
    };
    expect(
      candidatesOf("npm", search({ platform: "win32", project: "C:\\work\\project", variables })),
    ).toEqual([
      "C:\\Program Files\\nodejs\\npm.COM",
      "C:\\Program Files\\nodejs\\npm.EXE",
      "C:\\Program Files\\nodejs\\npm.CMD",
      "D:\\tools\\npm.COM",
      "D:\\tools\\npm.EXE",
      "D:\\tools\\npm.CMD",
    ]);
    const defaults = candidatesOf(
      "uv",
      search({ platform: "win32", project: "C:\\p", variables: { PATH: "C:\\bin" } }),
    );
    expect(defaults.map((path) => win32.extname(path))).toEqual([".COM", ".EXE", ".BAT", ".CMD"]);
  });

  it("on Windows: never in the project, in any case and with any slashes", () => {
    const PATH = [
      "C:\\Work\\Project\\node_modules\\.bin",
      "c:\\work\\PROJECT\\node_modules\\.bin",
      "C:/work/project/node_modules/.bin",
      "D:\\work\\project\\bin",
    ].join(";");
    const variables = { PATH, PATHEXT: ".CMD" };
    expect(
      candidatesOf("npm", search({ platform: "win32", project: "C:\\work\\project", variables })),
    ).toEqual(["D:\\work\\project\\bin\\npm.CMD"]);
  });

  it("on Windows: a quoted folder of PATH is the folder", () => {
    const variables = { PATH: '"C:\\Program Files\\nodejs";C:\\bin', PATHEXT: ".EXE" };
    expect(candidatesOf("node", search({ platform: "win32", project: "D:\\p", variables }))[0]).toBe(
      "C:\\Program Files\\nodejs\\node.EXE",
    );
  });

  it("nowhere without PATH", () => {
    expect(candidatesOf("npm", search({ variables: {} }))).toEqual([]);
    expect(
      candidatesOf("npm", search({ platform: "win32", project: "C:\\p", variables: { PATH: "" } })),
    ).toEqual([]);
  });
});

describe("finding a tool", () => {
  let root: TestDirectory;
  beforeEach(() => {
    root = createTestDirectory("tool");
  });
  afterEach(() => root.remove());

  const install = (path: string, mode = 0o755): string => {
    writeFiles(root.path, { [path]: "#!/bin/sh\n" });
    chmodSync(join(root.path, path), mode);
    return join(root.path, path);
  };
  const find = (folders: readonly string[], project = join(root.path, "project")): Promise<string | null> =>
    findTool("npm", {
      variables: { PATH: folders.map((folder) => join(root.path, folder)).join(":") },
      platform: "linux",
      project,
    });

  it("takes the first that is a file and may be run", async () => {
    mkdirSync(join(root.path, "a/npm"), { recursive: true });
    install("b/npm", 0o644);
    const right = install("c/npm");
    install("d/npm");
    expect(await find(["none", "a", "b", "c", "d"])).toBe(right);
    expect(await find(["a", "b"])).toBeNull();
  });

  it("takes none of the project, by its own path or the real one", async () => {
    install("project/node_modules/.bin/npm");
    const right = install("bin/npm");
    expect(await find(["project/node_modules/.bin", "bin"])).toBe(right);
    symlinkSync(join(root.path, "project"), join(root.path, "link"));
    expect(await find(["project/node_modules/.bin"], join(root.path, "link"))).toBeNull();
    expect(await find(["link/node_modules/.bin"], join(root.path, "project"))).toBeNull();
    symlinkSync(join(root.path, "project/node_modules/.bin/npm"), join(root.path, "bin2"));
    mkdirSync(join(root.path, "bin3"));
    symlinkSync(join(root.path, "project/node_modules/.bin/npm"), join(root.path, "bin3/npm"));
    expect(await find(["bin3"])).toBeNull();
  });
});

describe("a PATH with a folder in front", () => {
  it("has this machine's separator, and none at the end", () => {
    expect(withPathEntry("/usr/bin", "/bin")).toBe(`/bin${delimiter}/usr/bin`);
    expect(withPathEntry("", "/bin")).toBe("/bin");
    expect(withPathEntry(undefined, "/bin")).toBe("/bin");
  });
});
