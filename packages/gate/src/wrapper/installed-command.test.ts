import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import {
  commandOf,
  declaredCommands,
  dependenciesOf,
  installedCommand,
  withCommands,
} from "./installed-command.ts";
import type { WrapperHost } from "./wrapper.ts";

let root: TestDirectory;
beforeEach(() => {
  root = createTestDirectory("commands");
});
afterEach(() => root.remove());

const hostOf = (platform: NodeJS.Platform, variables: Readonly<Record<string, string>> = {}): WrapperHost =>
  ({ environment: { platform, variables } }) as unknown as WrapperHost;

describe("an installed command", () => {
  it("is found by its name, under the ending of its platform", () => {
    writeFiles(join(root.path, "node_modules/.bin"), { tool: "", "tool.cmd": "", "tool.exe": "" });
    const at = (name: string): string => join(root.path, "node_modules/.bin", name);
    expect(installedCommand(hostOf("linux"), root.path, "tool")).toBe(at("tool"));
    expect(installedCommand(hostOf("win32"), root.path, "tool")).toBe(at("tool.cmd"));
    expect(installedCommand(hostOf("win32"), root.path, "tool", "exe")).toBe(at("tool.exe"));
    expect(installedCommand(hostOf("linux"), root.path, "other")).toBeNull();
  });

  it.each(["../evil", "../../evil", "..", ".", ".hidden", "a/../../evil", "..\\evil", ""])(
    "is none outside of the folder: %j",
    (name) => {
      writeFiles(root.path, {
        evil: "",
        "node_modules/evil": "",
        "node_modules/.bin/a/x": "",
        "node_modules/.bin/.hidden": "",
        "node_modules/.bin/..\\evil": "",
      });
      expect(installedCommand(hostOf("linux"), root.path, name)).toBeNull();
    },
  );

  it("has its neighbours first on the variable that is there", () => {
    const folder = join(root.path, "node_modules/.bin");
    expect(Object.keys(withCommands(hostOf("win32", { Path: "C:\\x" }), root.path))).toEqual(["Path"]);
    expect(withCommands(hostOf("linux", { PATH: "/usr/bin" }), root.path)).toEqual({
      PATH: `${folder}:/usr/bin`,
    });
  });
});

describe("the command of a package", () => {
  it.each<[string, unknown, string | null]>([
    ["the only one", { name: "@a/b", bin: { x: "x.js" } }, "x"],
    ["the one of its name", { name: "@a/b", bin: { x: "x.js", b: "b.js" } }, "b"],
    ["named by a path alone", { name: "@a/b", bin: "b.js" }, "b"],
    ["none of several", { name: "b", bin: { x: "x.js", y: "y.js" } }, null],
    ["none at all", { name: "b" }, null],
    ["none without a name", { bin: { x: "x.js" } }, null],
    ["none of a manifest that is none", null, null],
  ])("%s", (_, manifest, command) => {
    writeFiles(root.path, { "package.json": JSON.stringify(manifest) });
    expect(commandOf(root.path)).toBe(command);
  });

  it("is none where the manifest is missing or no JSON", () => {
    expect([commandOf(root.path), dependenciesOf(root.path)]).toEqual([null, []]);
    writeFiles(root.path, { "package.json": "{" });
    expect([commandOf(root.path), dependenciesOf(root.path)]).toEqual([null, []]);
  });

  it("comes with all that are declared", () => {
    writeFiles(root.path, { "package.json": '{"name":"@a/b","bin":{"x":"x.js","y":"y.js"}}' });
    expect(declaredCommands(root.path)).toEqual({ own: "b", names: ["x", "y"] });
  });

  it("may be asked of whatever the project depends on", () => {
    writeFiles(root.path, { "package.json": '{"dependencies":{"b":"1","a":"1"}}' });
    expect(dependenciesOf(root.path)).toEqual(["b", "a"]);
  });
});
