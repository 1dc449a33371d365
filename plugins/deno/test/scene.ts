import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import {
  createTestDirectory,
  linkManager,
  startTestkit,
  writeFiles,
  writeProject,
  type PublishedPackage,
  type Testkit,
} from "@countersign/testkit";

const countersign = resolve(import.meta.dirname, "../../../packages/cli/bin/countersign.mjs");

/** The command is built: where it is not, there is nothing to test with a real Deno. */
export const isBuilt: boolean = existsSync(resolve(countersign, "../../dist/main.js"));

export type Ran = { exitCode: number; output: string };
export type Mode = "strict" | "warn" | "disabled";

export type Scene = {
  kit: Testkit;
  leaf: PublishedPackage;
  evil: PublishedPackage;
  project: string;
  /** A project as it should be, on a machine of its own. */
  begin(mode: Mode): void;
  /** The locked `leaf` becomes the evil tarball. @param integrity what the lockfile says of it */
  swap(integrity: string): void;
  read(file: string): string;
  exists(file: string): boolean;
  deno(...args: readonly string[]): Promise<Ran>;
  countersign(...args: readonly string[]): Promise<Ran>;
  close(): Promise<void>;
};

export async function openScene(): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("deno");
  const bin = linkManager("deno-2", join(root.path, "bin"));
  const project = join(root.path, "project");
  const leaf = kit.npm.publish({ name: "leaf" });
  const evil = kit.npm.publish({ name: "evil" });
  const cli = `#!/usr/bin/env node\nconsole.log("tool", require("leaf"), process.argv.slice(2).join(" "));\n`;
  const bins = { bin: { tool: "cli.js" } };
  const files = [{ path: "cli.js", content: cli }];
  const direct = kit.npm.publish({ name: "tool", dependencies: { leaf: "1.0.0" }, manifest: bins, files });
  let machine = 0;

  const run = (command: string, args: readonly string[]): Promise<Ran> =>
    new Promise((settle, reject) => {
      const home = join(root.path, `home-${machine}`);
      const env = {
        PATH: `${bin}:/usr/bin:/bin`,
        HOME: home,
        COUNTERSIGN_CACHE_DIR: join(home, "countersign"),
        DENO_DIR: join(home, "shared-cache"),
        DENO_NO_UPDATE_CHECK: "1",
        NPM_CONFIG_REGISTRY: kit.npm.url,
        JSR_URL: kit.elsewhere.url,
        NO_COLOR: "1",
      };
      const child = spawn(command, args, { cwd: project, env, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.once("error", reject);
      child.once("close", (code) => settle({ exitCode: code ?? -1, output }));
    });

  return {
    kit,
    leaf,
    evil,
    project,
    begin(mode) {
      machine += 1;
      rmSync(project, { recursive: true, force: true });
      writeFiles(project, { ".git/HEAD": "" });
      kit.writeTrust(join(project, ".countersign"));
      writeProject(project, {
        lock: "deno.lock",
        registry: kit.npm.url,
        packages: [leaf, direct],
        extraFiles: { ".countersign/policy.yaml": policy(kit, mode) },
      });
      kit.requests.clear();
    },
    swap(integrity) {
      const lock = readFileSync(join(project, "deno.lock"), "utf8");
      const swapped = lock.replace(leaf.tarballUrl, evil.tarballUrl).replace(leaf.integrity, integrity);
      writeFiles(project, { "deno.lock": swapped });
    },
    read: (file) => readFileSync(join(project, file), "utf8"),
    exists: (file) => existsSync(join(project, file)),
    deno: (...args) => run(join(bin, "deno"), args),
    countersign: (...args) => run(process.execPath, [countersign, ...args]),
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

const policy = (kit: Testkit, mode: Mode): string => `version: 1
mode: ${mode}
registries:
  - { url: "${kit.npm.url}", ecosystem: npm, keys: npm-keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
trust: { roots: [trusted_root.json] }
`;
