import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  hasManager,
  linkManager,
  writeFiles,
  writeProject,
  type NpmLockName,
  type RealManager,
} from "@countersign/testkit";
import { openScene, type Scene } from "./scene.ts";

/** Hooks that leave a mark where they are loaded by the manager, each in its manager's own form. */
const mark = `require("node:fs").writeFileSync(process.env.MARK, "loaded")`;
const markModule = `import { writeFileSync } from "node:fs";\nconst mark = () => writeFileSync(process.env.MARK, "loaded");\n`;
const hooks = {
  "npm.mjs": `${markModule}mark();\n`,
  "pnpm.cjs": `module.exports = { hooks: { updateConfig: (config) => { ${mark}; return config; } } };\n`,
  "yarn-plugin-countersign.cjs": `module.exports = { name: "yarn-plugin-countersign", factory: () => ({ hooks: { validateProject: () => ${mark} } }) };\n`,
  "bun.mjs": `${markModule}export const scanner = { version: "1", scan: async () => { mark(); return []; } };\n`,
};

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
  writeFiles(join(scene.setting.scratch, "hooks"), hooks);
});
afterEach(() => scene.close());

const home = (): string => join(scene.setting.scratch, "home");
const markFile = (): string => join(scene.setting.scratch, "mark.txt");
const bin = (): string => join(scene.setting.scratch, "bin");
const variables = (): Record<string, string> => ({
  PATH: `${bin()}:/usr/bin:/bin`,
  HOME: home(),
  MARK: markFile(),
  YARN_ENABLE_TELEMETRY: "0",
  YARN_ENABLE_IMMUTABLE_INSTALLS: "0",
  npm_config_update_notifier: "false",
});

/** Runs a manager as a person would; the registry that it asks lives in this process. */
function manager(
  name: string,
  args: readonly string[],
): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(join(bin(), name), [...args], { cwd: scene.directory, env: variables() });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, output })));
}

function project(lock: NpmLockName, real: RealManager): void {
  mkdirSync(home(), { recursive: true });
  linkManager(real, bin());
  const leaf = scene.kit.npm.publish({ name: "leaf" });
  writeProject(scene.directory, { lock, packages: [leaf], registry: scene.kit.npm.url });
  if (lock === "yarn.lock") {
    rmSync(join(scene.directory, "yarn.lock"));
    scene.write({
      "yarn.lock": "__metadata:\n  version: 8\n  cacheKey: 10c0\n",
      ".yarnrc.yml": `npmRegistryServer: "${scene.kit.npm.url}"\nunsafeHttpWhitelist: ["127.0.0.1"]\n`,
    });
  }
}
const init = (...args: readonly string[]): ReturnType<Scene["run"]> =>
  scene.runWith(
    { hooks: join(scene.setting.scratch, "hooks"), variables: variables() },
    "init",
    "--yes",
    ...args,
  );

const cases: readonly [RealManager, NpmLockName, string, readonly string[]][] = [
  ["npm-12", "package-lock.json", "npm", ["ci"]],
  ["pnpm-10", "pnpm-lock.yaml", "pnpm", ["install", "--frozen-lockfile"]],
  ["pnpm-11", "pnpm-lock.yaml", "pnpm", ["install", "--frozen-lockfile"]],
  ["pnpm-12", "pnpm-lock.yaml", "pnpm", ["install", "--frozen-lockfile"]],
  ["yarn-4", "yarn.lock", "yarn", ["install"]],
  ["bun-1", "bun.lock", "bun", ["install", "--frozen-lockfile"]],
];

describe.each(cases)("init for %s", (real, lock, tool, args) => {
  const installed = hasManager(real);
  if (!installed) console.warn(`SKIPPED: init for ${real}: e2e/managers is not installed`);

  it.skipIf(!installed)("puts a hook in place that the manager loads, and takes it back", async () => {
    project(lock, real);
    expect(await init()).toExitWith(0);
    const first = await manager(tool, args);
    expect(existsSync(markFile()), first.output).toBe(true);
    expect(first).toExitWith(0);
    expect(await init("--remove")).toExitWith(0);
    rmSync(markFile());
    const second = await manager(tool, args);
    expect(second).toExitWith(0);
    expect(existsSync(markFile()), second.output).toBe(false);
  });
});

const pnpm = hasManager("pnpm-12");
const entry = resolve(import.meta.dirname, "../../../plugins/pnpm/pnpmfile.cjs");

describe.skipIf(!pnpm)("init with a registry that has the plugin", () => {
  const publish = (content: string): unknown =>
    scene.kit.npm.publish({
      name: "pnpm-plugin-countersign",
      version: "0.0.0-test",
      files: [
        { path: "pnpmfile.cjs", content: readFileSync(entry, "utf8") },
        { path: "dist/pnpmfile.cjs", content },
      ],
    });
  const workspace = (): string => readFileSync(join(scene.directory, "pnpm-workspace.yaml"), "utf8");

  it("adds it as a config dependency, which pnpm loads, and takes it back", async () => {
    project("pnpm-lock.yaml", "pnpm-12");
    publish(hooks["pnpm.cjs"]);
    const ran = await init();
    expect(ran).toExitWith(0);
    expect(workspace()).toContain("pnpm-plugin-countersign");
    expect(existsSync(join(scene.directory, ".countersign/hooks/pnpm.cjs"))).toBe(false);
    expect(existsSync(join(scene.directory, "node_modules"))).toBe(false);
    const installed = await manager("pnpm", ["install", "--frozen-lockfile"]);
    expect(existsSync(markFile()), installed.output).toBe(true);
    expect(await init("--remove")).toExitWith(0);
    expect(existsSync(join(scene.directory, "pnpm-workspace.yaml"))).toBe(false);
  });

  it("vendors its own where the registry's plugin is another one", async () => {
    project("pnpm-lock.yaml", "pnpm-12");
    publish("module.exports = { hooks: {} };\n");
    expect(await init()).toExitWith(0);
    expect(workspace()).toBe("pnpmfile: .countersign/hooks/pnpm.cjs\n");
    expect(readFileSync(join(scene.directory, ".countersign/hooks/pnpm.cjs"), "utf8")).toBe(
      hooks["pnpm.cjs"],
    );
  });
});
