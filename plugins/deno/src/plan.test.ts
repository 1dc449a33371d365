import { describe, expect, it } from "vitest";
import { plan, type Plan } from "./plan.ts";

const planOf = (line: string): Plan => plan(line.split(" ").filter((each) => each !== ""));

describe("a command line of deno", () => {
  it.each<[Plan["flow"], readonly string[]]>([
    [
      "pass",
      ["--version", "-h", "fmt", "list", "why npm:a", "types", "audit", "outdated", "outdated --latest"],
    ],
    ["pass", ["install --help", "run --help a.ts", "x"]],
    [
      "program",
      ["", "run a.ts", "a.ts", "task build", "test", "check a.ts", "bench", "compile a.ts", "cache a.ts"],
    ],
    [
      "program",
      [
        "run -A a.ts -- --no-lock",
        "serve a.ts",
        "eval 1",
        "repl",
        "info a.ts",
        "run --frozen a.ts",
        "test -- --no-lock",
      ],
    ],
    ["package", ["run npm:tool", "run -A npm:@a/b@1/c", "x tool", "x -y npm:tool@1", "x -p @a/b c"]],
    [
      "install",
      ["install", "i", "ci", "install --frozen", "install --prod", "ci --prod", "install --allow-scripts"],
    ],
    ["change", ["add npm:a", "add jsr:@a/b", "install npm:a", "remove a", "rm a", "uninstall a", "update"]],
    ["change", ["outdated --update", "outdated -u --latest", "install --lockfile-only", "add --dev npm:a"]],
    [
      "unknown",
      [
        "install -g npm:a",
        "install --global npm:a",
        "install --no-lock",
        "install --lock=o.lock",
        "uninstall -g a",
      ],
    ],
    [
      "unknown",
      [
        "install --entrypoint a.ts",
        "run --no-lock a.ts",
        "run --lock=x a.ts",
        "run --frozen=false a.ts",
        "run -c o.json a.ts",
      ],
    ],
    [
      "unknown",
      [
        "test a.ts --no-lock",
        "run --unheard-of value --no-lock a.ts",
        "run --cert c.pem --no-lock a.ts",
        "run --reload a.ts",
        "run -r a.ts",
        "check --import-map=a.json a.ts",
      ],
    ],
    [
      "unknown",
      ["lint", "upgrade", "create npm:vite", "init", "jupyter", "approve-scripts", "-A a.ts", "x jsr:@a/b"],
    ],
    ["unknown", ["x --install-alias", "run npm:", "add --unsafely-ignore-certificate-errors npm:a"]],
  ])("%s: %j", (flow, lines) => {
    for (const line of lines) expect([line, planOf(line).flow]).toEqual([line, flow]);
  });

  it.each([
    "run https://a.example/x.ts",
    "https://a.example/x.ts",
    "run -A jsr:@a/b",
    "check a.ts https://a.example/x.ts",
  ])("what %s names is remote", (line) => {
    expect(planOf(line)).toMatchObject({ flow: "program", remote: expect.any(String) as string });
  });

  it("the arguments of a program are its own", () => {
    expect(planOf("run a.ts https://a.example/")).toMatchObject({ remote: null });
    expect(planOf("task get https://a.example/")).toMatchObject({ remote: null });
  });

  it("a package is asked for as it is written, without the path into it", () => {
    expect(planOf("run -A npm:@a/b@^1/sub x")).toEqual({
      flow: "package",
      command: "run",
      specifier: "npm:@a/b@^1",
      name: "@a/b",
      rest: ["-A", "npm:@a/b@^1/sub", "x"],
    });
    expect(planOf("x --package b@2 cmd")).toMatchObject({ specifier: "npm:b@2", name: "b" });
  });

  it("may change the lockfile only where the user left that open", () => {
    expect(planOf("install")).toEqual({ flow: "install", flags: [], mayChange: true });
    expect(planOf("install --frozen --prod")).toEqual({
      flow: "install",
      flags: ["--prod"],
      mayChange: false,
    });
    expect(planOf("ci")).toMatchObject({ mayChange: false });
  });

  it("scripts of packages run after the decision, never while it is prepared", () => {
    expect(planOf("add npm:a --allow-scripts=npm:a")).toEqual({
      flow: "change",
      command: "add",
      args: ["npm:a"],
      install: true,
      flags: ["--allow-scripts=npm:a"],
    });
  });
});
