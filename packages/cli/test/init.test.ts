import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeFiles, writeProject, type NpmLockName } from "@countersign/testkit";
import { openScene, type Scene } from "./scene.ts";
import type { Ran } from "./host.ts";

const hooks = {
  "npm.mjs": "// npm\n",
  "pnpm.cjs": "// pnpm\n",
  "yarn-plugin-countersign.cjs": "// yarn\n",
  "bun.mjs": "// bun\n",
};
const policy = ".countersign/policy.yaml";
const digests = ".countersign/hooks/digests.json";
const plugin = ".yarn/plugins/yarn-plugin-countersign.cjs";
const berry = "__metadata:\n  version: 8\n  cacheKey: 10c0\n";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
  writeFiles(join(scene.setting.scratch, "hooks"), hooks);
});
afterEach(() => scene.close());

const init = (...args: readonly string[]): Promise<Ran> => initAs({}, ...args);
const initAs = (setting: Parameters<Scene["runWith"]>[0], ...args: readonly string[]): Promise<Ran> =>
  scene.runWith(
    { hooks: join(scene.setting.scratch, "hooks"), variables: { PATH: "" }, ...setting },
    "init",
    ...args,
  );

const project = (lock: NpmLockName, files: Readonly<Record<string, string>> = {}): void => {
  const widget = scene.kit.npm.publish({ name: "widget" });
  writeProject(scene.directory, { lock, packages: [widget], registry: scene.kit.npm.url });
  scene.write(files);
};
const text = (path: string): string => readFileSync(join(scene.directory, path), "utf8");
const recorded = (): Record<string, string> =>
  (JSON.parse(text(digests)) as { files: Record<string, string> }).files;
const sha512 = (content: string): string => `sha512-${createHash("sha512").update(content).digest("base64")}`;

/** Every file of the project with its content. */
function state(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(scene.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(scene.directory.length + 1))
      .toSorted()
      .map((path) => [path, text(path)]),
  );
}

const cases: readonly [
  string,
  NpmLockName,
  Readonly<Record<string, string>>,
  Readonly<Record<string, string>>,
][] = [
  [
    "npm",
    "package-lock.json",
    { "package.json": '{\r\n\t"name": "a",\r\n\t"scripts": {\r\n\t\t"preinstall": "echo mine"\r\n\t}\r\n}' },
    { "package.json": '"preinstall": "node .countersign/hooks/npm.mjs && echo mine"' },
  ],
  [
    "npm without scripts",
    "package-lock.json",
    {},
    { "package.json": '"preinstall": "node .countersign/hooks/npm.mjs"' },
  ],
  ["pnpm", "pnpm-lock.yaml", {}, { "pnpm-workspace.yaml": "pnpmfile: .countersign/hooks/pnpm.cjs\n" }],
  [
    "pnpm with a pnpmfile of its own",
    "pnpm-lock.yaml",
    { "pnpm-workspace.yaml": "# ours\npackages: [a]\n", ".pnpmfile.cjs": "" },
    {
      "pnpm-workspace.yaml":
        "# ours\npackages: [a]\npnpmfile:\n  - .countersign/hooks/pnpm.cjs\n  - .pnpmfile.cjs\n",
    },
  ],
  [
    "pnpm with a named pnpmfile",
    "pnpm-lock.yaml",
    {
      "pnpm-workspace.yaml": "pnpmfile: tools/hooks.cjs\npackages:\n  - a # first\n",
      "tools/hooks.cjs": "module.exports = {};\n",
    },
    {
      "pnpm-workspace.yaml":
        "pnpmfile:\n  - .countersign/hooks/pnpm.cjs\n  - tools/hooks.cjs\npackages:\n  - a # first\n",
    },
  ],
  [
    "pnpm with several pnpmfiles",
    "pnpm-lock.yaml",
    { "pnpm-workspace.yaml": "pnpmfile:\n    - a.cjs\n    - b.cjs\n", "a.cjs": "", "b.cjs": "" },
    { "pnpm-workspace.yaml": "pnpmfile:\n    - .countersign/hooks/pnpm.cjs\n    - a.cjs\n    - b.cjs\n" },
  ],
  ["yarn", "yarn.lock", { "yarn.lock": berry }, { ".yarnrc.yml": `plugins:\n  - checksum: ` }],
  [
    "yarn with plugins",
    "yarn.lock",
    {
      "yarn.lock": berry,
      ".yarnrc.yml":
        "# first\nplugins:\n    - path: other.cjs\n      spec: other\n\n# last\nnodeLinker: pnp\n",
    },
    { ".yarnrc.yml": `      spec: "yarn-plugin-countersign@0.0.0-test"\n\n# last\nnodeLinker: pnp\n` },
  ],
  [
    "yarn without a line break at the end",
    "yarn.lock",
    { "yarn.lock": berry, ".yarnrc.yml": "nodeLinker: pnp" },
    { ".yarnrc.yml": "nodeLinker: pnp\nplugins:\n" },
  ],
  [
    "bun",
    "bun.lock",
    { "bunfig.toml": "# mine\n[install]\nexact = true\n" },
    { "bunfig.toml": `exact = true\n\n[install.security]\nscanner = "./.countersign/hooks/bun.mjs"\n` },
  ],
  [
    "bun with a table for it",
    "bun.lock",
    { "bunfig.toml": "[install.security] # later\r\n\r\n[run]\r\nbun = true\r\n" },
    {
      "bunfig.toml": `[install.security] # later\r\nscanner = "./.countersign/hooks/bun.mjs"\r\n\r\n[run]\r\n`,
    },
  ],
];

describe("init", () => {
  it.each(cases)(
    "%s: shows, writes, is idempotent, and takes everything back byte for byte",
    async (_, lock, files, expected) => {
      project(lock, files);
      const before = state();
      const ran = await init("--yes");
      expect(ran).toExitWith(0);
      for (const [path, part] of Object.entries(expected)) {
        expect(text(path)).toContain(part);
        expect(ran.out).toContain(`+++ b/${path}`);
      }
      expect(text(policy)).toContain("mode: warn");
      for (const [path, digest] of Object.entries(recorded())) expect(sha512(text(path))).toBe(digest);
      expect(Object.keys(recorded())).toHaveLength(1);
      const again = await init();
      expect(again).toMatchObject({ exitCode: 0, out: "", err: "countersign: nothing to do\n" });
      expect(await init("--remove", "--yes")).toExitWith(0);
      expect(state()).toEqual(before);
      expect(existsSync(join(scene.directory, ".countersign"))).toBe(false);
      expect(await init("--remove")).toMatchObject({ exitCode: 0, err: "countersign: nothing to do\n" });
    },
  );

  it("gives Yarn the checksum of the plugin", async () => {
    project("yarn.lock", { "yarn.lock": berry });
    await init("--yes");
    const hex = createHash("sha512").update(hooks["yarn-plugin-countersign.cjs"]).digest("hex");
    expect(text(".yarnrc.yml")).toBe(
      `plugins:\n  - checksum: ${hex}\n    path: ${plugin}\n    spec: "yarn-plugin-countersign@0.0.0-test"\n`,
    );
  });

  it("writes nothing where there is no terminal to ask on, and says how to go on", async () => {
    project("package-lock.json");
    const before = state();
    const ran = await init();
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("fix: countersign init --yes") });
    expect(ran.out).toContain("+++ b/package.json");
    expect(state()).toEqual(before);
  });

  it("asks on a terminal, and takes no for a no", async () => {
    project("package-lock.json");
    const before = state();
    expect(await initAs({ answer: false })).toExitWith(2);
    expect(state()).toEqual(before);
    expect(await initAs({ answer: true })).toExitWith(0);
    expect(state()).not.toEqual(before);
  });

  it("keeps pnpm's checksum of the pnpmfiles in the lockfile as pnpm would, and says where it cannot", async () => {
    const own = "module.exports = { hooks: { readPackage: (pkg) => pkg } };\r\n";
    const sum = (content: string): string =>
      `sha256-${createHash("sha256").update(content).digest("base64")}`;
    const before = sum(own.replace("\r\n", "\n"));
    project("pnpm-lock.yaml", { ".pnpmfile.cjs": own });
    const lock = text("pnpm-lock.yaml").replace(
      "importers:\n",
      `pnpmfileChecksum: ${before}\n\nimporters:\n`,
    );
    scene.write({ "pnpm-lock.yaml": lock });
    writeFiles(join(scene.setting.scratch, "hooks"), { "pnpm.cjs": "export const hooks = {};\n" });
    await init("--yes");
    const both = sum([sum("export const hooks = {};\n"), before].join(","));
    expect(text("pnpm-lock.yaml")).toBe(lock.replace(before, both));
    await init("--yes", "--remove");
    expect(text("pnpm-lock.yaml")).toBe(lock);
    scene.write({ "pnpm-workspace.yaml": "pnpmfile: gone.cjs\n" });
    expect((await init("--yes")).err).toContain("pnpm install --no-frozen-lockfile");
  });

  it("stops npm 10 and 11 when the policy is strict, and only warns before", async () => {
    project("package-lock.json");
    await init("--yes");
    expect(JSON.parse(text("package.json"))).toMatchObject({
      devEngines: { packageManager: { name: "npm", version: ">=12.0.0", onFail: "warn" } },
    });
    scene.write({ [policy]: text(policy).replace("mode: warn", "mode: strict") });
    const ran = await init("--yes");
    expect(ran.out).toContain(`-      "onFail": "warn"\n+      "onFail": "error"\n`);
    expect(text("package.json")).toContain('"onFail": "error"');
  });

  it("leaves what others wrote: their devEngines, and a policy that they wrote or changed", async () => {
    const own = { name: "npm", version: ">=11", onFail: "download" };
    project("package-lock.json", {
      "package.json": JSON.stringify({ devEngines: { packageManager: own } }, null, 2),
      [policy]: "version: 1\nmode: warn\n",
    });
    const ran = await init("--yes");
    expect(ran.err).toContain("devEngines.packageManager is left as it is");
    expect(text(policy)).toBe("version: 1\nmode: warn\n");
    expect(JSON.parse(text("package.json"))).toMatchObject({ devEngines: { packageManager: own } });
    await init("--remove", "--yes");
    expect(text(policy)).toBe("version: 1\nmode: warn\n");
    rmSync(join(scene.directory, policy));
    await init("--yes");
    scene.write({ [policy]: `${text(policy)}# reviewed\n` });
    await init("--remove", "--yes");
    expect(text(policy)).toContain("# reviewed");
    expect(JSON.parse(text("package.json"))).toMatchObject({ devEngines: { packageManager: own } });
  });

  it.each([
    ["yarn.lock", { "yarn.lock": berry, ".yarnrc.yml": "plugins: [a.cjs]\n" }],
    ["bun.lock", { "bunfig.toml": '[install]\nsecurity = { scanner = "other" }\n' }],
    ["bun.lock", { "bunfig.toml": '[install.security]\nscanner = "other"\n' }],
    ["pnpm-lock.yaml", { "pnpm-workspace.yaml": "pnpmfile: [a.cjs]\n" }],
  ] as const)("ends 2 and says what to write where %s's settings are not edited: %j", async (lock, files) => {
    project(lock, files);
    const ran = await init("--yes");
    expect(ran).toExitWith(2);
    expect(ran.err).toContain("countersign");
    for (const [path, content] of Object.entries(files)) expect(text(path)).toBe(content);
    expect(existsSync(join(scene.directory, ".countersign"))).toBe(false);
  });

  it("says of Deno and uv that no hook exists, and names the wrapper", async () => {
    const wheel = scene.kit.pypi.publish({ name: "thing", version: "1.0.0" });
    writeProject(scene.directory, { lock: "uv.lock", files: [wheel], index: scene.kit.pypi.simpleUrl });
    const uv = await init("--yes");
    expect(uv).toMatchObject({ exitCode: 0, err: expect.stringContaining("countersign uv sync") });
    expect(text(policy)).toContain("ecosystem: pypi");
    const deno = await init("--yes", "--manager", "deno");
    expect(deno.err).toContain("countersign deno ci");
  });

  it("installs one hook for each manager, or for the one that is named", async () => {
    project("package-lock.json");
    scene.write({ "bun.lock": "{}", "package.json": "{}" });
    expect(await init("--yes", "--manager", "bun")).toExitWith(0);
    expect(Object.keys(recorded())).toEqual([".countersign/hooks/bun.mjs"]);
    expect(await init("--yes")).toExitWith(0);
    expect(Object.keys(recorded())).toEqual([".countersign/hooks/bun.mjs", ".countersign/hooks/npm.mjs"]);
    await init("--yes", "--remove", "--manager", "npm");
    expect(Object.keys(recorded())).toEqual([".countersign/hooks/bun.mjs"]);
    expect(existsSync(join(scene.directory, policy))).toBe(true);
    expect(await init("--manager", "cargo")).toExitWith(2);
  });

  it("needs to know the manager, and its own hooks", async () => {
    expect(await init("--yes")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("--manager NAME"),
    });
    project("package-lock.json");
    expect(await initAs({ hooks: "/nowhere" }, "--yes")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("lacks its hook npm.mjs"),
    });
  });

  it.each([".countersign", ".countersign/hooks", ".countersign/hooks/npm.mjs", "package.json"])(
    "writes through no link: %s",
    async (path) => {
      project("package-lock.json");
      const elsewhere = join(scene.setting.scratch, "elsewhere");
      mkdirSync(elsewhere);
      writeFileSync(join(elsewhere, "file"), "{}");
      const isFile = path.includes(".mjs") || path.includes(".json");
      mkdirSync(join(scene.directory, path, ".."), { recursive: true });
      rmSync(join(scene.directory, path), { force: true });
      symlinkSync(isFile ? join(elsewhere, "file") : elsewhere, join(scene.directory, path));
      const ran = await init("--yes");
      expect(ran).toMatchObject({ exitCode: 2, err: expect.stringContaining("symbolic link") });
      expect(readdirSync(elsewhere)).toEqual(["file"]);
      expect(readFileSync(join(elsewhere, "file"), "utf8")).toBe("{}");
    },
  );

  it("shows foreign text of an edited file with its control characters visible", async () => {
    project("package-lock.json", { "package.json": '{\n  "name": "a\u202e"\n}\n' });
    const ran = await init("--yes");
    expect(ran.out).toContain('"a\\u{202e}"');
    expect(ran.out).not.toContain("\u202e");
  });

  it("puts an edited hook back, which verify and doctor call changed meanwhile", async () => {
    project("package-lock.json");
    await init("--yes");
    scene.kit.writeTrust(scene.directory);
    scene.write({ ".countersign/hooks/npm.mjs": "// evil\n" });
    const trust = ["--trusted-root", "trusted_root.json", "--npm-keys", "npm-keys.json"];
    const strict = await scene.run("verify", "--mode", "strict", ...trust);
    expect(strict).toExitWith(1);
    expect(strict.out).toContain("settings/hook-changed");
    expect((await scene.run("doctor", "--offline")).out).toContain("settings/hook-changed");
    expect(await init("--yes")).toExitWith(0);
    expect((await scene.run("verify", "--mode", "strict", ...trust)).out).not.toContain(
      "settings/hook-changed",
    );
  });
});
