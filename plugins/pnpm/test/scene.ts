import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import {
  createTestDirectory,
  hasManager,
  linkManager,
  mintNpmPackage,
  startTestkit,
  writeFiles,
  type PublishedPackage,
  type Testkit,
} from "@countersign/testkit";

export const pnpms = ["pnpm-10", "pnpm-11", "pnpm-12"] as const;
export type Pnpm = (typeof pnpms)[number];

/** Where e2e/managers is not installed there is nothing to run: the tests are skipped, and say so. */
export const missing = pnpms.filter((pnpm) => !hasManager(pnpm));
if (missing.length > 0) process.stderr.write(`not installed, so not tested: ${missing.join(", ")}\n`);

const plugin = resolve(import.meta.dirname, "..");

/** Builds the hook as it is published. */
export function buildHook(directory: string): string {
  const program = join(plugin, "node_modules/rolldown/bin/cli.mjs");
  execFileSync(process.execPath, [program, "-c", "--dir", directory], { cwd: plugin, stdio: "pipe" });
  return readFileSync(join(directory, "pnpmfile.cjs"), "utf8");
}

export type Ran = { exitCode: number; output: string };

export type Scene = {
  kit: Testkit;
  pnpm: Pnpm;
  /** Absolute path of the project. */
  directory: string;
  /** Where the packages' scripts leave their mark. */
  mark: string;
  leaf: PublishedPackage;
  /** Below the throw-away home. */
  home(path: string): string;
  write(files: Readonly<Record<string, string>>): void;
  read(path: string): string;
  has(path: string): boolean;
  marked(): string;
  /** Sets the policy's mode. */
  mode(mode: string): void;
  run(
    args: readonly string[],
    options?: { directory?: string; command?: readonly string[]; variables?: object },
  ): Promise<Ran>;
  /** An evil tarball under the name and version of a good one, and the lockfile that names its digest. */
  doctor(): void;
  close(): Promise<void>;
};

/**
 * A project that requires `parser`, which requires `leaf`; `extra` is signed, `unsigned` is not. Every one of them has
 * scripts, which are allowed to run.
 */
export async function openScene(pnpm: Pnpm, mode: string, hook: string | null): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory(pnpm);
  const home = join(root.path, "home");
  const directory = join(root.path, "project");
  const mark = join(root.path, "mark");
  const bin = linkManager(pnpm, join(root.path, "bin"));
  const tool = (name: string): object => ({
    files: [
      {
        path: "bin.js",
        content: `#!/usr/bin/env node\nconsole.log("${name} ran", ...process.argv.slice(2));\n`,
        mode: 0o755,
      },
    ],
    manifest: { bin: { [name]: "bin.js" } },
  });
  const leaf = kit.npm.publish({ name: "leaf", mark, ...tool("leaf") });
  kit.npm.publish({ name: "parser", version: "4.0.2", dependencies: { leaf: "1.0.0" } });
  kit.npm.publish({ name: "extra", mark });
  kit.npm.publish({ name: "unsigned", mark, signature: false, ...tool("unsigned") });
  kit.writeTrust(join(directory, ".countersign"));
  const built = JSON.stringify(["leaf", "extra", "unsigned"]);
  writeFiles(directory, {
    ".git/HEAD": "",
    ".npmrc": `registry=${kit.npm.url}\n`,
    "package.json": JSON.stringify({ name: "project", version: "1.0.0", dependencies: { parser: "4.0.2" } }),
    "pnpm-workspace.yaml": `${hook === null ? "" : "pnpmfile: .countersign/hooks/pnpm.cjs\n"}onlyBuiltDependencies: ${built}
allowBuilds: { leaf: true, extra: true, unsigned: true }
`,
    ...(hook === null ? {} : { ".countersign/hooks/pnpm.cjs": hook }),
    ".countersign/policy.yaml": `version: 1
mode: ${mode}
registries:
  - { url: "${kit.npm.url}", ecosystem: npm, keys: npm-keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
trust: { roots: [trusted_root.json] }
`,
  });
  const variables = {
    PATH: [bin, join(home, "pnpm"), join(home, "pnpm/bin"), "/usr/bin", "/bin"].join(":"),
    HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_STATE_HOME: join(home, "state"),
    PNPM_HOME: join(home, "pnpm"),
  };
  writeFiles(home, { "pnpm/bin/.keep": "", ".npmrc": `registry=${kit.npm.url}\n` });
  const scene: Scene = {
    kit,
    pnpm,
    directory,
    mark,
    leaf,
    home: (path) => join(home, path),
    write: (files) => void writeFiles(directory, files),
    read: (path) => readFileSync(join(directory, path), "utf8"),
    has: (path) => existsSync(join(directory, path)),
    mode: (to) => {
      const policy = scene.read(".countersign/policy.yaml");
      scene.write({ ".countersign/policy.yaml": policy.replace(/^mode: .*$/m, `mode: ${to}`) });
    },
    marked: () => (existsSync(mark) ? readFileSync(mark, "utf8") : ""),
    run: (args, options = {}) => {
      const [command = "pnpm", ...leading] = options.command ?? ["pnpm"];
      return new Promise((done, reject) => {
        const child = spawn(command, [...leading, ...args], {
          cwd: options.directory ?? directory,
          env: { ...variables, ...options.variables },
          stdio: ["ignore", "pipe", "pipe"],
        });
        const output: Buffer[] = [];
        child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
        child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
        child.once("error", reject);
        child.once("close", (code) =>
          done({ exitCode: code ?? -1, output: Buffer.concat(output).toString("utf8") }),
        );
      });
    },
    doctor: () => {
      const evil = mintNpmPackage({ name: "leaf", mark, files: [{ path: "evil.js", content: "" }] });
      kit.npm.replaceTarball("leaf", "1.0.0", evil.tarball);
      const lock = scene.read("pnpm-lock.yaml");
      const doctored = lock.replace(leaf.integrity, evil.integrity);
      if (doctored === lock) throw new Error("the attack left the lockfile as it was");
      scene.write({ "pnpm-lock.yaml": doctored });
    },
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
  return scene;
}
