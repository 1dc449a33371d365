import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { writeProject, type NpmLockName } from "@countersign/testkit";
import type { Scene } from "../scene.ts";
import { approvals, git, sealPolicy } from "../sealing.ts";
import {
  openSealed,
  widgetOf,
  writePackages,
  type SealedOptions,
  type SealedProject,
} from "./sealed-project.ts";

type Attack = readonly [what: string, change: (project: SealedProject) => void];
type Manager = { name: string; options: SealedOptions; attacks: readonly Attack[] };

let project: SealedProject;
afterEach(() => project.close());

const put =
  (name: string, text = "evil();\n") =>
  (sealed: SealedProject): void =>
    sealed.write(name, text);
const append =
  (name: string, text: string) =>
  (sealed: SealedProject): void =>
    sealed.write(name, sealed.read(name) + text);

const npmLike = (lock: NpmLockName, files: Readonly<Record<string, string>> = {}): SealedOptions => ({
  lock,
  project: (scene) => {
    writePackages(scene, [widgetOf(scene)], lock);
    scene.write(files);
  },
  policy: (scene) => sealPolicy(scene, approvals()).replace("level: signed", "level: locked"),
});

/** A lockfile, changed after its writer is done. */
const edited = (options: SealedOptions, name: string, edit: (text: string) => string): SealedOptions => ({
  ...options,
  project: (scene) => {
    options.project?.(scene);
    scene.write({ [name]: edit(readFileSync(join(scene.directory, name), "utf8")) });
  },
});

const python = (files: Readonly<Record<string, string>>, edit = (text: string) => text): SealedOptions =>
  edited(
    {
      project: (scene) => {
        const wheel = scene.kit.pypi.publish({ name: "thing", version: "1.0.0" });
        writeProject(scene.directory, { lock: "uv.lock", files: [wheel], index: scene.kit.pypi.simpleUrl });
        scene.write(files);
      },
      policy: pythonPolicy,
    },
    "uv.lock",
    edit,
  );
const pythonPolicy = (scene: Scene): string =>
  `${sealPolicy(scene, approvals())}sources: { path: allow }\n`
    .replace(/ {2}- \{ url: .*\n/, `  - { url: "${scene.kit.pypi.simpleUrl}", ecosystem: pypi }\n`)
    .replace('ecosystem: npm, names: ["**"], level: signed', 'ecosystem: pypi, names: ["**"], level: locked');

const managers: readonly Manager[] = [
  {
    name: "pnpm",
    options: npmLike("pnpm-lock.yaml", {
      "pnpm-workspace.yaml":
        "packages:\n  - packages/*\npnpmfile: tools/hooks.cjs\npatchedDependencies:\n  other@1.0.0: fixes/other.patch\n",
      "tools/hooks.cjs": "module.exports = {};\n",
      "fixes/other.patch": "--- a\n",
    }),
    attacks: [
      [".pnpmfile.cjs appears", put(".pnpmfile.cjs")],
      [".pnpmfile.mjs appears", put(".pnpmfile.mjs")],
      ["pnpm-workspace.yaml", append("pnpm-workspace.yaml", "overrides:\n  a: b\n")],
      ["the pnpmfile that it names", put("tools/hooks.cjs")],
      ["a patch that it names", put("fixes/other.patch")],
      ["the pnpmfile that is gone", (sealed) => rmSync(sealed.path("tools/hooks.cjs"))],
      [".npmrc", append(".npmrc", "@acme:registry=https://evil.example/\n")],
      ["package.json", append("package.json", " ")],
      ["package.yaml appears", put("package.yaml", "name: evil\n")],
      ["a patch in patches appears", put("patches/evil.patch")],
    ],
  },
  {
    name: "Yarn",
    options: npmLike("yarn.lock", {
      ".yarnrc.yml": "yarnPath: tools/yarn.cjs\nplugins:\n  - path: tools/plugin.cjs\n    spec: x\n",
      ".yarnrc": 'yarn-path "./tools/yarn-1.js"\n',
      "tools/yarn.cjs": "yarn();\n",
      "tools/yarn-1.js": "yarn();\n",
      "tools/plugin.cjs": "plugin();\n",
      ".yarn/plugins/a.cjs": "plugin();\n",
    }),
    attacks: [
      [".yarnrc.yml", append(".yarnrc.yml", 'npmRegistryServer: "https://evil.example"\n')],
      ["the file at yarnPath", put("tools/yarn.cjs")],
      ["the file at yarn-path of Yarn 1", put("tools/yarn-1.js")],
      ["a plugin that .yarnrc.yml names", put("tools/plugin.cjs")],
      ["a plugin", put(".yarn/plugins/a.cjs")],
      ["a plugin that appears", put(".yarn/plugins/deep/b.cjs")],
      ["a release that appears", put(".yarn/releases/yarn-9.cjs")],
      ["a patch that appears", put(".yarn/patches/a.patch")],
      [".yarnrc", append(".yarnrc", 'registry "https://evil.example/"\n')],
      [
        ".pnp.cjs, once the repository has it",
        (sealed) => {
          put(".pnp.cjs")(sealed);
          git(sealed.scene, "add", ".pnp.cjs");
        },
      ],
    ],
  },
  {
    name: "bun",
    options: edited(
      npmLike("bun.lock", { "tools/preload.ts": "x\n" }),
      "bunfig.toml",
      (text) => `preload = ["./tools/preload.ts"]\n${text}`,
    ),
    attacks: [
      ["bunfig.toml", append("bunfig.toml", "\n[install.scopes]\nevil = 'https://evil.example/'\n")],
      ["the file that it preloads", put("tools/preload.ts")],
      ["package.json", append("package.json", " ")],
    ],
  },
  {
    name: "deno",
    options: npmLike("deno.lock", {
      "deno.json": '{ "importMap": "./maps/imports.json" }\n',
      "maps/imports.json": "{}\n",
    }),
    attacks: [
      ["deno.json", append("deno.json", " ")],
      ["deno.jsonc appears", put("deno.jsonc", "{}")],
      ["the import map that it names", put("maps/imports.json", '{ "imports": { "a": "npm:evil" } }\n')],
    ],
  },
  {
    name: "uv",
    options: python({ ".python-version": "3.13\n" }),
    attacks: [
      ["pyproject.toml", append("pyproject.toml", "\n[tool.uv]\nno-binary = true\n")],
      [".python-version", put(".python-version", "2.7\n")],
      ["uv.toml appears", put("uv.toml", 'index-url = "https://evil.example/simple"\n')],
    ],
  },
  {
    name: "a workspace of uv",
    options: python(
      { "packages/tool/pyproject.toml": '[project]\nname = "tool"\nversion = "1.0.0"\n' },
      (text) =>
        `${text}\n[[package]]\nname = "tool"\nversion = "1.0.0"\nsource = { editable = "packages/tool" }\n`,
    ),
    attacks: [
      [
        "its pyproject.toml",
        append("packages/tool/pyproject.toml", '[build-system]\nbuild-backend = "evil"\n'),
      ],
      ["its setup.py appears, which a build runs", put("packages/tool/setup.py", "import evil\n")],
      ["its setup.cfg appears", put("packages/tool/setup.cfg", "[metadata]\n")],
    ],
  },
  {
    name: "a workspace of pnpm",
    options: edited(
      npmLike("pnpm-lock.yaml", { "packages/tool/package.json": '{ "name": "tool", "version": "1.0.0" }\n' }),
      "pnpm-lock.yaml",
      (text) => text.replace("packages:\n", "  packages/tool: {}\n\npackages:\n"),
    ),
    attacks: [
      ["its package.json", append("packages/tool/package.json", " ")],
      ["its .npmrc appears", put("packages/tool/.npmrc", "registry=https://evil.example/\n")],
      ["another form of its manifest appears", put("packages/tool/package.yaml", "name: tool\n")],
    ],
  },
];

describe.each(managers)("F14: the closure of $name", ({ options, attacks }) => {
  it("is allowed as it was sealed, and no change of it is", async () => {
    project = await openSealed(options);
    expect(await project.verify()).toMatchObject({ exitCode: 0, blocks: [], approvals: ["alice"] });
    const through: string[] = [];
    for (const [what, change] of attacks) {
      change(project);
      const { exitCode, seals, approvals: counted } = await project.verify();
      const caught = exitCode === 1 && counted.length === 0 && seals.join(" ") === "seal/closure-changed";
      if (!caught) through.push(what);
      project.restore();
    }
    expect(through).toEqual([]);
    expect(await project.verify()).toMatchObject({ exitCode: 0, approvals: ["alice"] });
  });
});
