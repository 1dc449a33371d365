import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";

const source = join(import.meta.dirname, "old-node.ts");

describe("the guard on an old Node.js", () => {
  it.each<[string | null, Record<string, string>, number, string]>([
    [null, {}, 0, "not verified"],
    ["mode: warn", {}, 0, "not verified"],
    ["mode: warn # yet", {}, 0, "not verified"],
    ["version: 1\nmode: disabled\n", {}, 0, ""],
    ["mode: strict", {}, 2, "blocked"],
    ["mode: 'warn'", {}, 2, "blocked"],
    ["version: 1", {}, 2, "blocked"],
    ["mode: warn", { COUNTERSIGN_MODE: "strict" }, 2, "blocked"],
    ["mode: disabled", { COUNTERSIGN_MODE: "strict" }, 2, "blocked"],
  ])("with %j and %j ends with %d: %s", (policy, variables, status, shown) => {
    const directory = mkdtempSync(join(tmpdir(), "countersign-old-"));
    try {
      if (policy !== null) {
        mkdirSync(join(directory, ".countersign"));
        writeFileSync(join(directory, ".countersign", "policy.yaml"), policy);
      }
      const code = `import { refuseOldNode } from ${JSON.stringify(source)}; process.exitCode = refuseOldNode();`;
      const ran = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
        cwd: directory,
        env: variables,
        encoding: "utf8",
      });
      expect(ran.status).toBe(status);
      if (shown === "") expect(ran.stderr).toBe("");
      else
        expect(ran.stderr).toMatch(new RegExp(`^countersign: ${shown}: .*settings/node-unsupported\\)\\n$`));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("loads nothing that it could stumble over: the module itself imports files, paths and the process", () => {
    const imports = readFileSync(source, "utf8").matchAll(/^import .* from "(.*)";$/gm);
    expect([...imports].map(([, from]) => from)).toEqual(["node:fs", "node:path", "node:process"]);
  });
});
