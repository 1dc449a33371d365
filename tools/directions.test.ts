import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "directions-"));
copyFileSync(join(root, ".oxlintrc.json"), join(scratch, ".oxlintrc.json"));
symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"), "junction");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Lints one file as if it stood at `path` of this repository, under the repository's own configuration. */
function lint(path: string, source: string): { status: number | null; output: string } {
  const file = join(scratch, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
  const bin = join(root, "node_modules/.bin/oxlint");
  const run = spawnSync(bin, ["--deny-warnings", path], {
    cwd: scratch,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  rmSync(file);
  return { status: run.status, output: run.stdout + run.stderr };
}

describe("core is free of I/O, clock, environment and randomness", () => {
  const impure: Record<string, string> = {
    "file system": 'import { readFileSync } from "node:fs";\nexport const x: unknown = readFileSync;\n',
    "file system without the prefix":
      'import { readFileSync } from "fs";\nexport const x: unknown = readFileSync;\n',
    network: 'import { get } from "node:https";\nexport const x: unknown = get;\n',
    "global fetch": 'export const x: unknown = fetch("https://registry.example/");\n',
    environment: "export const x: unknown = process.env;\n",
    "environment through globalThis": "export const x: unknown = globalThis.process;\n",
    clock: "export const x: number = Date.now();\n",
    "monotonic clock": "export const x: number = performance.now();\n",
    timers: "setTimeout(() => {}, 1);\n",
    randomness: "export const x: number = Math.random();\n",
    "cryptographic randomness":
      'import { randomBytes } from "node:crypto";\nexport const x: unknown = randomBytes(8);\n',
    console: 'console.log("x");\n',
    gate: 'import { verify } from "@countersign/gate";\nexport const x: unknown = verify;\n',
  };
  for (const [name, source] of Object.entries(impure)) {
    it(`refuses ${name}`, () => {
      const { status, output } = lint("packages/core/src/probe.ts", source);
      expect(output).toMatch(/no-restricted|no-console/);
      expect(status).not.toBe(0);
    });
  }

  it("accepts what is pure", () => {
    const source =
      'import { createHash } from "node:crypto";\nexport const x: unknown = createHash("sha256");\n';
    expect(lint("packages/core/src/probe.ts", source)).toMatchObject({ status: 0 });
  });
});

describe("imports point one way: core, gate, plugins, cli", () => {
  const wrong: [string, string][] = [
    ["packages/gate/src/probe.ts", "countersign"],
    ["packages/gate/src/probe.ts", "@countersign/testkit"],
    ["packages/cli/src/probe.ts", "@countersign/testkit"],
    ["packages/testkit/src/probe.ts", "@countersign/gate"],
  ];
  for (const [path, target] of wrong) {
    it(`${dirname(path)} may not import ${target}`, () => {
      const { status, output } = lint(
        path,
        `import * as target from "${target}";\nexport const x: unknown = target;\n`,
      );
      expect(output).toContain("no-restricted-imports");
      expect(status).not.toBe(0);
    });
  }

  it("gate may import core", () => {
    const source = 'import * as target from "@countersign/core";\nexport const x: unknown = target;\n';
    expect(lint("packages/gate/src/probe.ts", source)).toMatchObject({ status: 0 });
  });
});
