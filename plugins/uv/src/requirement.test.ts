import { describe, expect, it } from "vitest";
import { readRequirement, readToolRequest, readVersioned } from "./requirement.ts";
import { scriptOf } from "./script.ts";

describe("requirements of an index", () => {
  it.each([
    "leaf",
    "leaf==1.0.0",
    "leaf>=1,<2",
    "leaf[extra,other] ~= 1.0",
    "a",
    "A.b-c_d",
    "leaf ===1.0",
    "leaf!=1.*",
  ])("%s", (text) => expect(readRequirement(text)?.text).toBe(text));
  it.each([
    "",
    "-e .",
    "--index-url=https://evil.example",
    ".",
    "./leaf",
    "/leaf",
    "leaf.whl @ file:///x",
    "leaf/x",

    "leaf @ https://evil.example/x.whl",
    "git+https://evil.example/x",
    "https://evil.example/x.whl",
    "~/x",

    "leaf\n--index-url https://evil.example",
    "leaf; python_version > '3'",
    "leaf==1 # x",
    "C:\\leaf",
    "-leaf",

    `leaf${">=1,".repeat(200)}`,
  ])("not %j", (text) => expect(readRequirement(text)).toBeNull());

  it("NAME@VERSION is NAME==VERSION", () => {
    expect(readVersioned("ruff@0.6.0")?.text).toBe("ruff==0.6.0");
    expect(readVersioned("ruff[x]@0.6.0")?.text).toBe("ruff[x]==0.6.0");
    expect(readVersioned("ruff@latest")?.text).toBe("ruff");
    expect(readVersioned("ruff@https://evil.example/x")).toBeNull();
    expect(readVersioned("ruff@../x")).toBeNull();
  });
});

describe("what uvx asks for", () => {
  it.each([
    [null, [], ["ruff", "check"], ["ruff"], "ruff", ["check"]],
    [null, ["a,b"], ["ruff@1"], ["ruff==1", "a", "b"], "ruff", []],
    ["ruff==1", [], ["ruff-lsp", "-x"], ["ruff==1"], "ruff-lsp", ["-x"]],
    [null, ["leaf"], ["python", "-c", "x"], ["leaf"], "python", ["-c", "x"]],
  ])("%j %j %j", (from, extra, words, requirements, command, args) => {
    expect(readToolRequest(from, extra, words)).toMatchObject({ requirements, command, args });
  });
  it.each([
    [null, [], ["./tool"]],
    [null, [], ["git+https://evil.example/x"]],
    ["./x", [], ["tool"]],
    ["tool", [], ["../evil"]],
    ["tool", [], ["/bin/sh"]],
    [null, ["./x"], ["tool"]],
    [null, [], []],
  ])("refuses %j %j %j", (from, extra, words) => {
    expect(readToolRequest(from, extra, words)).toBeNull();
  });
  it("takes the version of Python itself", () => {
    expect(readToolRequest(null, [], ["python@3.12"])?.python).toBe("3.12");
  });
});

describe("the metadata of a script (PEP 723)", () => {
  const of = (...lines: readonly string[]): string =>
    [
      "#!/usr/bin/env python",
      "# /// script",
      ...lines.map((line) => `# ${line}`),
      "# ///",
      "import leaf",
    ].join("\n");
  it("is read as Python's own tools do", () => {
    expect(scriptOf(of('dependencies = ["leaf>=1"]', 'requires-python = ">=3.11"'), "s.py")).toEqual({
      kind: "metadata",
      requirements: ["leaf>=1"],
      requiresPython: ">=3.11",
    });
    expect(scriptOf("import leaf\n", "s.py")).toEqual({ kind: "plain" });
    expect(scriptOf("# /// script\n# dependencies = []\n", "s.py")).toEqual({ kind: "plain" });
    expect(scriptOf(of('dependencies = ["leaf"]').replaceAll("\n", "\r\n"), "s.py").kind).toBe("metadata");
  });
  it.each([
    ["no-binary", of("[tool.uv]", "no-binary = true")],
    ["cache-dir", of("[tool.uv]", 'cache-dir = "c"')],
    ["index", of("[[tool.uv.index]]", 'url = "https://evil.example/simple/"')],
    ["a path", of('dependencies = ["leaf @ file:///x"]')],
    ["no text", of("dependencies = [1]")],
    ["broken TOML", of("dependencies = [")],
    ["two blocks", `${of("dependencies = []")}\n${of("dependencies = []")}`],
  ])("refuses %s", (_, text) => {
    expect(scriptOf(text, "s.py").kind).toBe("refused");
  });
});
