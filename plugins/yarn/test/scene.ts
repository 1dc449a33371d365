import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { hasManager, linkManager, type PublishedPackage } from "@countersign/testkit";
import { openStage, pathOf, runProgram, type Ended, type Mode, type Stage } from "../../test/scene.ts";

/** The plugin as it is shipped. */
export const plugin: string = resolve(import.meta.dirname, "../dist/yarn-plugin-countersign.cjs");

/** What these tests need; where it is missing they are skipped, and say so. */
export const canRun: boolean = hasManager("yarn-4") && existsSync(plugin);
if (!canRun) {
  const missing = hasManager("yarn-4") ? "the built plugin" : "Yarn 4 (e2e/managers)";
  process.stderr.write(`SKIPPED: tests of the Yarn plugin with a real Yarn: ${missing} is missing\n`);
}

/** In the project the real Yarn runs, with the plugin. */
export type Scene = Stage & {
  leaf: PublishedPackage;
  /** Locked with `conditions` and without a checksum; this machine takes it. */
  native: PublishedPackage;
  /** How the plugin is loaded: the project's own, or by the environment. */
  variables: Record<string, string>;
  /** Of every command. */
  environment: Readonly<Record<string, string>>;
  /** Absolute path of Yarn. */
  executable: string;
  yarn(...args: string[]): Promise<Ended>;
  /** Takes away what an install left: links, marks, caches of Yarn and of ours; the lockfile stays. */
  forget(): void;
  /** Paths of every zip in Yarn's cache. */
  cached(): string[];
  linked(): string[];
  /** Whether a text lies in any file of cache or node_modules; zips are stored without compression. */
  holds(text: string): boolean;
};

export const evil = "EVIL-BYTES";

export async function openScene(mode: Mode): Promise<Scene> {
  const stage = await openStage("yarn");
  const { kit, scratch, directory, home, mark } = stage;
  const bin = linkManager("yarn-4", join(scratch, "bin"));
  const executable = join(bin, "yarn");
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
  stage.write({
    "package.json": JSON.stringify({ name: "project", dependencies, optionalDependencies }),
    "yarn.lock": "",
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
    ".countersign/policy.yaml": stage.policy(mode),
  });
  const variables: Record<string, string> = {};
  const cache = join(scratch, "countersign");
  const environment = {
    PATH: pathOf(bin),
    HOME: home,
    TMPDIR: scratch,
    NO_COLOR: "1",
    CI: "",
    COUNTERSIGN_CACHE_DIR: cache,
    // A script that fails is shown, and not in a file that goes with the scene.
    YARN_ENABLE_INLINE_BUILDS: "1",
  };
  const filesBelow = (path: string): string[] =>
    existsSync(path)
      ? readdirSync(path, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
      : [];
  return {
    ...stage,
    leaf,
    native,
    variables,
    environment,
    executable,
    yarn: (...args) => runProgram(executable, args, directory, { ...environment, ...variables }),
    forget: () => {
      for (const path of [
        home,
        cache,
        mark,
        join(directory, "node_modules"),
        join(directory, ".yarn/install-state.gz"),
      ])
        rmSync(path, { recursive: true, force: true });
    },
    cached: () => filesBelow(home).filter((path) => path.endsWith(".zip")),
    linked: () =>
      existsSync(join(directory, "node_modules")) ? readdirSync(join(directory, "node_modules")) : [],
    holds: (text) =>
      [...filesBelow(home), ...filesBelow(join(directory, "node_modules"))].some((path) =>
        readFileSync(path).includes(text),
      ),
  };
}
