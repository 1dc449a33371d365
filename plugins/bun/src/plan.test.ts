import { describe, expect, it } from "vitest";
import { plan, planExecution, type Plan } from "./plan.ts";

const flowOf = (line: string): Plan["flow"] => plan(line.split(" ").filter((each) => each !== "")).flow;

describe("a command line of bun", () => {
  it.each<[Plan["flow"], readonly string[]]>([
    ["pass", ["", "--version", "--help", "pm ls", "pm", "outdated", "audit", "info react", "why x", "prune"]],
    ["pass", ["install --help", "add -h", "x --no-install vite"]],
    [
      "program",
      ["run build", "dev", "./server.ts", "test", "build a.ts", "repl", "exec ls", "-e 1", "--hot a.ts"],
    ],
    ["install", ["install", "i", "ci", "install --frozen-lockfile", "install -p", "ci --omit=dev"]],
    ["change", ["add a", "a a@1", "install a", "remove a", "rm a", "update", "up a", "dedupe"]],
    ["change", ["install --lockfile-only", "add a --lockfile-only", "add -d a", "add --filter web a"]],
    ["throwaway", ["x tool", "x tool@1 a", "x -p @a/b c", "create vite", "c @acme/app@2 dest"]],
    ["unknown", ["add -g a", "add a --global", "install --no-verify", "ci --registry=http://a.example/"]],
    [
      "unknown",
      ["install -c=o.toml", "install --cwd=x", "--cwd x install", "--config=o.toml ci", "add a --trust"],
    ],
    ["unknown", ["install --os=darwin", "install --backend=symlink", "install --cafile=a", "audit --fix"]],
    ["unknown", ["pm trust a", "pm fetch", "pm migrate", "link", "patch a", "init", "upgrade", "publish"]],
    [
      "unknown",
      ["create a/b", "create ./here", "create App.tsx", "x github:a/b", "x tool@http://a.example/t.tgz"],
    ],
    ["unknown", ["x --registry=http://a.example tool", "x --trust tool", "x -p tool"]],
  ])("%s: %j", (flow, lines) => {
    for (const line of lines) expect([line, flowOf(line)]).toEqual([line, flow]);
  });

  it("may change the lockfile only where the user left that open", () => {
    expect(plan(["install"])).toEqual({ flow: "install", flags: [], mayChange: true });
    expect(plan(["install", "--frozen-lockfile"])).toMatchObject({ mayChange: false });
    expect(plan(["ci"])).toMatchObject({ mayChange: false });
  });

  it("gives the install that follows a change what chooses and tells, and nothing else", () => {
    expect(plan(["add", "a", "--exact", "--production", "--filter", "web", "-d", "--silent"])).toEqual({
      flow: "change",
      command: "add",
      args: ["a", "--exact", "--production", "--filter=web", "-d", "--silent"],
      install: true,
      flags: ["--production", "--filter=web", "--silent"],
    });
    expect(plan(["add", "a", "--lockfile-only"])).toMatchObject({ args: ["a"], install: false });
  });
});

describe("a command line of bunx", () => {
  it.each([
    [["tool"], { name: "tool", range: "latest", command: null, args: [], withBun: false }],
    [["--bun", "@a/b@^1", "x"], { name: "@a/b", range: "^1", command: null, args: ["x"], withBun: true }],
    [
      ["-p", "@a/b", "c", "-p", "1"],
      { name: "@a/b", range: "latest", command: "c", args: ["-p", "1"], withBun: false },
    ],
    [["--package=b@2", "c"], { name: "b", range: "2", command: "c", args: [], withBun: false }],
  ])("%j", (args, request) => {
    expect(planExecution(args)).toEqual({ flow: "throwaway", request });
  });
});
