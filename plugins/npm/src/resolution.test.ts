import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, expect, it } from "vitest";
import type { Environment } from "@countersign/gate";
import { parseOptions } from "./options.ts";
import { frozenArguments, resolutionRun } from "./resolution.ts";

const environment = {
  platform: "linux",
  cpu: "x64",
  variables: { NODE_OPTIONS: "--no-deprecation" },
} as Partial<Environment> as Environment;

describe("npm resolving on a copy", () => {
  const run = resolutionRun(environment, "install", ["x@1"], parseOptions(["-D", "--prefix=dir"]).options);

  it("writes the lockfile alone, and keeps the user's options but for place and scripts", () => {
    expect(run.args.slice(0, 3)).toEqual(["install", "--package-lock-only", "--ignore-scripts"]);
    expect(run.args.slice(-3)).toEqual(["--save-dev", "--", "x@1"]);
    expect(run.args).not.toContain("--prefix=dir");
    expect(run.variables?.["npm_config_ignore_scripts"]).toBe("true");
  });

  it.each([
    ["execFileSync('sh', ['-c', 'echo ran'])", ""],
    ["execSync('echo ran')", ""],
    ["spawnSync('/bin/sh', ['-c', 'echo ran'], { stdio: 'inherit' })", ""],
    ["spawn('npm', ['install'])", ""],
    ["execFileSync('git', ['--version'], { stdio: 'inherit' })", "git version"],
  ])("%s", (call, shown) => {
    const code = `const c = require("node:child_process"); c.${call};`;
    const env = { PATH: process.env["PATH"], NODE_OPTIONS: run.variables?.["NODE_OPTIONS"] };
    const { stdout, status } = spawnSync(process.execPath, ["-e", code], { env, encoding: "utf8" });
    expect(stdout.startsWith(shown)).toBe(true);
    expect(stdout === "").toBe(shown === "");
    expect(status === 0).toBe(shown !== "");
  });
});

describe("the frozen form", () => {
  const argumentsOf = (line: string): string[] =>
    frozenArguments(environment, parseOptions(line.split(" ")).options);

  it("states what a project's settings could change", () => {
    expect(argumentsOf("ci")).toEqual([
      "--no-global",
      "--location=project",
      "--no-force",
      "--os=linux",
      "--cpu=x64",
      "--fetch-retry-mintimeout=100",
      "--fetch-retry-maxtimeout=1000",
    ]);
  });

  it("leaves what the user typed", () => {
    const made = argumentsOf("ci --force --os=win32 --fetch-retry-maxtimeout 5 --omit=dev");
    expect(made).toEqual(
      expect.arrayContaining(["--force", "--os=win32", "--fetch-retry-maxtimeout=5", "--omit=dev"]),
    );
    expect(made).not.toContain("--no-force");
    expect(made).not.toContain("--os=linux");
  });
});
