import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createTestDirectory,
  startTestkit,
  writeProject,
  type TestDirectory,
  type Testkit,
} from "@countersign/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const executable = join(root, "packages/cli/bin/countersign.mjs");
const nodes = join(import.meta.dirname, "nodes");
const cpu = process.arch === "arm64" ? "arm64" : "x64";
/** Prebuilt Nodes exist as packages for Linux only. */
const prebuilt = process.platform === "linux";

const pathOf = (line: string): string => join(nodes, "node_modules", `node-${line}-${cpu}`, "bin/node");

describe("the built executable", () => {
  let kit: Testkit;
  let directory: TestDirectory;
  beforeAll(async () => {
    if (prebuilt && !existsSync(pathOf("22"))) {
      const args = ["-y", "pnpm@12.21.0", "install", "--frozen-lockfile", "--ignore-workspace"];
      const install = spawnSync("npx", args, { cwd: nodes, encoding: "utf8" });
      if (install.status !== 0)
        throw new Error(`tools/nodes could not be installed:\n${install.stdout}${install.stderr}`);
    }
    kit = await startTestkit();
    directory = createTestDirectory("smoke");
    const packages = [
      kit.npm.publish({ name: "leaf" }),
      kit.npm.publish({ name: "built", provenance: true }),
    ];
    writeProject(directory.path, { lock: "package-lock.json", registry: kit.npm.url, packages });
  }, 300_000);
  afterAll(async () => {
    await kit.close();
    directory.remove();
  });

  const run = async (
    node: string,
    ...args: string[]
  ): Promise<{ status: number | null; out: string; err: string }> => {
    const environment = {
      ...process.env,
      NO_COLOR: "1",
      NODE_OPTIONS: "",
      COUNTERSIGN_CACHE_DIR: join(directory.path, "cache"),
    };
    const child = spawn(node, [executable, ...args], {
      cwd: directory.path,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const status = await new Promise<number | null>((done) => void child.on("close", done));
    return { status, out, err };
  };

  const lines = ["22", "24", "26"].map((line) => ({ line, available: line === "24" || prebuilt }));
  it.for(lines)("verifies on Node $line, without a warning", async ({ line, available }, { skip }) => {
    if (!available) skip();
    const node = line === "24" ? process.execPath : pathOf(line);
    const trust = kit.writeTrust(directory.path);
    const flags = ["--trusted-root", trust.trustedRoot, "--npm-keys", trust.npmKeys];
    const { status, out, err } = await run(node, "verify", "--json", ...flags);
    expect({ status, err: err.includes("Warning") }).toEqual({ status: 0, err: false });
    const report = JSON.parse(out) as { counts: { byLevel: Record<string, number> } };
    expect(report.counts.byLevel).toMatchObject({ signed: 1, provenance: 1 });
  });

  const old = spawnSync("/usr/bin/env", ["-i", "PATH=/usr/local/bin:/usr/bin:/bin", "node", "--version"], {
    encoding: "utf8",
  });
  const tooOld = old.status === 0 && Number(/^v(\d+)/.exec(old.stdout)?.[1]) < 22;
  it.skipIf(!tooOld)("an older Node gets one line and exit code 2", async () => {
    const path = spawnSync(
      "/usr/bin/env",
      ["-i", "PATH=/usr/local/bin:/usr/bin:/bin", "node", "-p", "process.execPath"],
      { encoding: "utf8" },
    ).stdout.trim();
    const { status, out, err } = await run(path, "verify");
    expect({ status, out, lines: err.trim().split("\n").length }).toEqual({ status: 2, out: "", lines: 1 });
    expect(err).toMatch(/too old/);
  });
});
