import { spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
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
const scannerFile = resolve(import.meta.dirname, "../dist/scanner.mjs");

/** The command and the hook are built: where they are not, there is nothing to test with a real Bun. */
export const isBuilt: boolean =
  existsSync(scannerFile) && existsSync(resolve(countersign, "../../dist/main.js"));

export type Ran = { exitCode: number; output: string };
export type Mode = "strict" | "warn" | "disabled";

export type Scene = {
  kit: Testkit;
  leaf: PublishedPackage;
  evil: PublishedPackage;
  project: string;
  /** A project as it should be, on a machine of its own. */
  begin(mode: Mode, options?: { hook?: boolean; packages?: readonly PublishedPackage[] }): void;
  /** The locked `leaf` becomes the evil tarball. @param integrity what the lockfile says of it */
  swap(integrity: string): void;
  read(file: string): string;
  exists(file: string): boolean;
  /** Whether code of the evil package ran. */
  marked(): boolean;
  bun(...args: readonly string[]): Promise<Ran>;
  countersign(...args: readonly string[]): Promise<Ran>;
  close(): Promise<void>;
};

export async function openScene(): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("bun");
  const bin = linkManager("bun-1", join(root.path, "bin"));
  const project = join(root.path, "project");
  const mark = join(root.path, "mark");
  const leaf = kit.npm.publish({ name: "leaf" });
  const evil = kit.npm.publish({ name: "evil", mark });
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
        BUN_INSTALL_CACHE_DIR: join(home, "shared-cache"),
        BUN_CONFIG_REGISTRY: kit.npm.url,
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
    begin(mode, { hook = false, packages = [leaf, direct] } = {}) {
      machine += 1;
      rmSync(project, { recursive: true, force: true });
      rmSync(mark, { force: true });
      writeFiles(project, { ".git/HEAD": "" });
      kit.writeTrust(join(project, ".countersign"));
      const bunfig = `[install]\nregistry = "${kit.npm.url}"\n`;
      const scanner = `[install.security]\nscanner = "./.countersign/hooks/bun.mjs"\n`;
      writeProject(project, {
        lock: "bun.lock",
        registry: kit.npm.url,
        packages,
        extraFiles: {
          ".countersign/policy.yaml": policy(kit, mode),
          "bunfig.toml": hook ? bunfig + scanner : bunfig,
        },
      });
      const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as object;
      // Scripts of what is locked as `leaf` run: the mark would tell.
      writeFiles(project, { "package.json": JSON.stringify({ ...manifest, trustedDependencies: ["leaf"] }) });
      if (hook) cpSync(scannerFile, join(project, ".countersign/hooks/bun.mjs"));
      kit.requests.clear();
    },
    swap(integrity) {
      const lock = readFileSync(join(project, "bun.lock"), "utf8");
      const swapped = lock.replace(leaf.tarballUrl, evil.tarballUrl).replace(leaf.integrity, integrity);
      writeFiles(project, { "bun.lock": swapped });
    },
    read: (file) => readFileSync(join(project, file), "utf8"),
    exists: (file) => existsSync(join(project, file)),
    marked: () => existsSync(mark),
    bun: (...args) => run(join(bin, "bun"), args),
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
