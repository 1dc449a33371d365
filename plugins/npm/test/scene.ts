import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import {
  createTestDirectory,
  linkManager,
  startTestkit,
  writeFiles,
  writeProject,
  type PublishedPackage,
  type RealManager,
  type Testkit,
} from "@countersign/testkit";
import { run, type Ran, type Setting } from "../../../packages/cli/test/host.ts";

export type Scene = {
  kit: Testkit;
  scratch: string;
  directory: string;
  /** What an install script of this scene's packages leaves. */
  mark: string;
  lock(): string;
  write(packages: readonly PublishedPackage[], extra?: Readonly<Record<string, string>>, mode?: string): void;
  has(...path: readonly string[]): boolean;
  /** `countersign …` with a manager, or what lies in an absolute directory, first on `PATH`. */
  run(manager: string, ...args: readonly string[]): Promise<Ran>;
  /** The manager itself. */
  npm(manager: RealManager, args: readonly string[]): Promise<{ exitCode: number; output: string }>;
  /** Requests that reached any server since the last call. */
  requests(): string[];
  close(): Promise<void>;
};

export const policyOf = ({ kit }: { kit: Testkit }, mode: string): string => `version: 1
mode: ${mode}
registries:
  - { url: "${kit.npm.url}", ecosystem: npm, keys: trust/npm-keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
trust:
  roots: [trust/trusted_root.json]
`;

/** A project, a home and caches of its own. */
export async function openScene(): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("npm");
  const directory = join(root.path, "project");
  writeFiles(directory, { ".git/HEAD": "" });
  kit.writeTrust(join(directory, ".countersign", "trust"));
  const bins = new Map<string, string>();
  const binOf = (manager: string): string => {
    const known = bins.get(manager);
    if (known !== undefined) return known;
    const bin = manager.startsWith("/")
      ? manager
      : linkManager(manager as RealManager, join(root.path, manager));
    bins.set(manager, bin);
    return bin;
  };
  const variablesOf = (manager: string): Record<string, string> => ({
    HOME: join(root.path, "home"),
    PATH: [binOf(manager), "/usr/bin", "/bin"].join(delimiter),
    COUNTERSIGN_CACHE_DIR: join(root.path, "cache"),
    npm_config_cache: join(root.path, `npm-cache-${manager.replaceAll("/", "_")}`),
    npm_config_loglevel: "silent",
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  });
  mkdirSync(join(root.path, "home"), { recursive: true });
  let seen = 0;
  return {
    kit,
    scratch: root.path,
    directory,
    mark: join(root.path, "mark"),
    lock: () => readFileSync(join(directory, "package-lock.json"), "utf8"),
    write: (packages, extra = {}, mode = "strict") => {
      writeProject(directory, {
        lock: "package-lock.json",
        registry: kit.npm.url,
        packages,
        extraFiles: { ".countersign/policy.yaml": policyOf({ kit }, mode), ...extra },
      });
    },
    has: (...path) => existsSync(join(directory, ...path)),
    run: (manager, ...args) => {
      const setting: Setting = { directory, scratch: root.path, variables: variablesOf(manager) };
      return run(setting, ...args);
    },
    npm: (manager, args) =>
      new Promise((resolve, reject) => {
        const child = spawn(join(binOf(manager), "npm"), args, {
          cwd: directory,
          env: { ...variablesOf(manager), npm_config_loglevel: "warn" },
        });
        let output = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
        child.once("error", reject);
        child.once("close", (code) => resolve({ exitCode: code ?? 1, output }));
      }),
    requests: () => {
      const all = kit.requests.all.map(({ path }) => path);
      const recent = all.slice(seen);
      seen = all.length;
      return recent;
    },
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

/** Puts the built hook where `init` puts it. */
export function vendorHook(directory: string): void {
  mkdirSync(join(directory, ".countersign", "hooks"), { recursive: true });
  copyFileSync(
    join(import.meta.dirname, "../dist/hook.mjs"),
    join(directory, ".countersign", "hooks", "npm.mjs"),
  );
}
