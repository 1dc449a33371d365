import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createTestDirectory,
  hasManager,
  linkManager,
  startTestkit,
  writeFiles,
  type PublishedPackage,
  type Testkit,
} from "@countersign/testkit";

/** The plugin as it is shipped. */
export const plugin: string = resolve(import.meta.dirname, "../dist/yarn-plugin-countersign.cjs");

/** What these tests need; where it is missing they are skipped, and say so. */
export const canRun: boolean = hasManager("yarn-4") && existsSync(plugin);
if (!canRun) {
  const missing = hasManager("yarn-4") ? "the built plugin" : "Yarn 4 (e2e/managers)";
  process.stderr.write(`SKIPPED: tests of the Yarn plugin with a real Yarn: ${missing} is missing\n`);
}

export type Ended = { exitCode: number; output: string };

/** A project of its own with home, caches and registry, in which the real Yarn runs. */
export type Scene = {
  kit: Testkit;
  directory: string;
  leaf: PublishedPackage;
  /** Locked with `conditions` and without a checksum; this machine takes it. */
  native: PublishedPackage;
  /** What the code of a package leaves when it runs. */
  mark: string;
  /** How the plugin is loaded: the project's own, or by the environment. */
  variables: Record<string, string>;
  /** Of every command. */
  environment: Readonly<Record<string, string>>;
  /** Absolute path of Yarn. */
  executable: string;
  read(path: string): string;
  write(files: Readonly<Record<string, string>>): void;
  edit(path: string, change: (text: string) => string): void;
  yarn(...args: string[]): Promise<Ended>;
  /** Takes away what an install left: links, marks, caches of Yarn and of ours; the lockfile stays. */
  forget(): void;
  /** Paths of every zip in Yarn's cache. */
  cached(): string[];
  linked(): string[];
  /** Whether a text lies in any file of cache or node_modules; zips are stored without compression. */
  holds(text: string): boolean;
  close(): Promise<void>;
};

export const evil = "EVIL-BYTES";

export async function openScene(mode: string): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("yarn");
  const at = (name: string): string => join(root.path, name);
  const directory = at("project");
  const mark = at("mark");
  const bin = linkManager("yarn-4", at("bin"));
  const leaf = kit.npm.publish({ name: "leaf", mark });
  const native = kit.npm.publish({ name: "native", manifest: { os: [process.platform] }, mark });
  kit.npm.publish({ name: "foreign", manifest: { os: ["aix"] }, mark });
  kit.npm.publish({ name: "unsigned", signature: false, mark });
  kit.npm.publish({ name: "other" });
  const script = '#!/usr/bin/env node\nrequire("node:fs").writeFileSync("tool-ran", "");\n';
  kit.npm.publish({
    name: "tool",
    manifest: { bin: "cli.js" },
    files: [{ path: "cli.js", content: script }],
  });
  const dependencies = { leaf: "1.0.0" };
  const optionalDependencies = { native: "1.0.0", foreign: "1.0.0" };
  writeFiles(directory, {
    "package.json": JSON.stringify({ name: "project", dependencies, optionalDependencies }),
    "yarn.lock": "",
    ".git/HEAD": "",
    ".yarn/plugins/yarn-plugin-countersign.cjs": readFileSync(plugin),
    ".yarnrc.yml": [
      `npmRegistryServer: "${kit.npm.url}"`,
      'unsafeHttpWhitelist: ["127.0.0.1"]',
      "nodeLinker: node-modules",
      "compressionLevel: 0",
      "enableScripts: true",
      "enableTelemetry: false",
      "plugins:",
      "  - path: .yarn/plugins/yarn-plugin-countersign.cjs",
      "    spec: yarn-plugin-countersign",
      "",
    ].join("\n"),
    ".countersign/policy.yaml": `version: 1
mode: ${mode}
registries:
  - { url: "${kit.npm.url}", ecosystem: npm, keys: npm-keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
trust: { roots: [trusted_root.json] }
`,
  });
  kit.writeTrust(join(directory, ".countersign"));
  const variables: Record<string, string> = {};
  const environment = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: at("home"),
    TMPDIR: root.path,
    NO_COLOR: "1",
    CI: "",
    COUNTERSIGN_CACHE_DIR: at("countersign"),
  };
  const read = (path: string): string => readFileSync(join(directory, path), "utf8");
  const write = (files: Readonly<Record<string, string>>): void => void writeFiles(directory, files);
  const filesBelow = (path: string): string[] =>
    existsSync(path)
      ? readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [];
  return {
    kit,
    directory,
    leaf,
    native,
    mark,
    variables,
    environment,
    executable: join(bin, "yarn"),
    read,
    write,
    edit(path, change) {
      const before = read(path);
      const after = change(before);
      if (after === before) throw new Error(`the attack left ${path} as it was`);
      write({ [path]: after });
    },
    yarn: (...args) =>
      run(join(bin, "yarn"), args, directory, {
        ...environment,
        ...variables,
      }),
    forget: () => {
      for (const path of [
        at("home"),
        at("countersign"),
        mark,
        join(directory, "node_modules"),
        join(directory, ".yarn/install-state.gz"),
      ])
        rmSync(path, { recursive: true, force: true });
    },
    cached: () => filesBelow(at("home")).filter((path) => path.endsWith(".zip")),
    linked: () =>
      existsSync(join(directory, "node_modules")) ? readdirSync(join(directory, "node_modules")) : [],
    holds: (text) =>
      [...filesBelow(at("home")), ...filesBelow(join(directory, "node_modules"))].some((path) =>
        readFileSync(path).includes(text),
      ),
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Ended> {
  return new Promise((done, reject) => {
    const child = spawn(command, [...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code) => done({ exitCode: code ?? 255, output }));
  });
}
