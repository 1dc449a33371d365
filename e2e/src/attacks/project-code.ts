import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { javascriptMark, markedPackage, pythonMark } from "@countersign/testkit";
import { publishedAt } from "../cast.ts";
import type { Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import { clearInstallation, type Scene } from "../scene.ts";
import { poisonCaches } from "./moments.ts";
import { attack, once, serveEvil, type Strike } from "./builders.ts";

const contradicted = ["listing/mismatch", "signature/invalid", "artefact/zip-mismatch"] as const;
const attacker = "project@1.0.0 made-by-the-attacker";

/** Code of the project that the manager runs at its start, beside a lockfile that is to be refused. */
const beside =
  (plant: Strike): Strike =>
  async (scene) => {
    serveEvil(scene);
    scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") });
    await plant(scene);
  };

/** Writes a file of the attacker's that is no finding where it lies. */
export const plant = (scene: Scene, path: string, text: string, executable = false): void => {
  scene.write({ [path]: text });
  if (executable) chmodSync(join(scene.project, path), 0o755);
  scene.planted.push(`project/${path}`);
};

/** Before the hook's own, where there is one. */
function withPreinstall(text: string): string {
  const mark = "node mark.cjs preinstall";
  return text.includes('"preinstall": "')
    ? once(text, '"preinstall": "', `"preinstall": "${mark} && `)
    : once(text, '"private": true,', `"private": true,\n  "scripts": { "preinstall": "${mark}" },`);
}

/** A CommonJS file that leaves a mark when it is loaded. */
export const markingModule = (rest: string): string =>
  `${javascriptMark(attacker)}exports.mark("start");\n${rest}`;
const shell = `#!/bin/sh\necho "${attacker} shell" >> "$(dirname "$0")/../marks"\nexit 0\n`;

export const projectCodeAttacks: readonly Attack[] = [
  attack({
    id: "code-before-decision",
    title: "code of the project that the manager runs at its start, beside the attacker's lockfile",
    flows: ["frozen"],
    states: ["cold"],
    codes: contradicted,
    holes: [
      {
        gates: ["hook"],
        managers: ["npm-12", "yarn-4"],
        shows: "notices",
        reason: "The manager loads the project's own code before or together with the hook.",
        instead: "The wrapper, which decides before the manager starts.",
      },
    ],
    strikes: {
      npm: beside((scene) => {
        plant(scene, "mark.cjs", javascriptMark(attacker));
        scene.edit("package.json", withPreinstall);
      }),
      pnpm: beside((scene) => {
        plant(scene, ".pnpmfile.cjs", markingModule("module.exports = { hooks: {} };\n"));
      }),
      yarn: beside((scene) => {
        plant(
          scene,
          ".yarn/plugins/early.cjs",
          markingModule('module.exports = { name: "early", factory: () => ({}) };\n'),
        );
        scene.edit(".yarnrc.yml", (text) =>
          text.includes("plugins:\n")
            ? text.replace("plugins:\n", "plugins:\n  - path: .yarn/plugins/early.cjs\n    spec: early\n")
            : `${text}plugins:\n  - path: .yarn/plugins/early.cjs\n    spec: early\n`,
        );
      }),
      bun: beside((scene) => {
        plant(scene, "mark.cjs", javascriptMark(attacker));
        scene.edit("package.json", withPreinstall);
      }),
      uv: beside((scene) => {
        plant(scene, ".venv/bin/python", shell.replace("/../marks", "/../../../marks"), true);
        plant(scene, ".venv/pyvenv.cfg", "home = /usr/bin\nversion_info = 3.11.7\n");
      }),
    },
  }),
  attack({
    id: "manager-replaced",
    title: "a setting of the project that has another program run in the manager's place",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["wrapper", "verify"],
    codes: ["settings/weakens", "command/uncovered"],
    alsoFine: [
      { what: "good content", gates: ["wrapper"] },
      { what: "manager refuses", gates: ["verify"], managers: ["pnpm-11", "pnpm-12"] },
    ],
    holes: [
      {
        gates: ["verify"],
        managers: ["yarn-4"],
        shows: "installs",
        reason:
          "`verify` judges the lockfile and what it names, and ends; which program `yarn` then is, the project's `yarnPath` says.",
        instead: "The wrapper, or `YARN_IGNORE_PATH=1` for the command after `verify`.",
      },
      {
        gates: ["verify"],
        managers: ["pnpm-10"],
        shows: "fetches",
        reason:
          "`verify` ends before pnpm starts: the pnpm that `packageManager` names is downloaded into pnpm's store, where pnpm 10 finds that no key of the public registry signed it, and does not run it. A genuine old pnpm would be run.",
        instead:
          "The wrapper, or `npm_config_manage_package_manager_versions=false` for the command after `verify`.",
      },
    ],
    strikes: {
      yarn: (scene) => {
        plant(scene, ".yarn/releases/yarn.cjs", markingModule(""));
        scene.edit(".yarnrc.yml", (text) => `${text}yarnPath: .yarn/releases/yarn.cjs\n`);
      },
      pnpm: (scene) => {
        for (const name of ["pnpm", "@pnpm/exe"])
          scene.kit.npm.publish({ ...markedPackage({ name, version: "9.15.9", evil: true }), publishedAt });
        // pnpm takes itself from the user's registry, whatever the project says.
        writeFileSync(join(scene.root, "home", ".npmrc"), `registry=${scene.kit.npm.url}\n`);
        scene.edit("package.json", (text) =>
          once(text, '"private": true,', '"private": true,\n  "packageManager": "pnpm@9.15.9",'),
        );
      },
    },
  }),
  attack({
    id: "project-back-end",
    title: "a build back-end of the project's own, which installing the project runs",
    flows: ["frozen", "install"],
    states: ["cold"],
    gates: ["wrapper", "verify"],
    codes: ["source/path", "listing/mismatch"],
    strikes: {
      uv: beside((scene) => {
        plant(scene, "backend.py", pythonMark(attacker));
        scene.edit(
          "pyproject.toml",
          (text) =>
            `${text}\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`,
        );
        scene.edit("uv.lock", (text) =>
          once(text, 'source = { virtual = "." }', 'source = { editable = "." }'),
        );
      }),
    },
  }),
  attack({
    id: "python-path",
    title: "a `.python-version` that names a program of the project, beside the attacker's lockfile",
    flows: ["frozen", "install"],
    states: ["cold"],
    codes: ["settings/weakens", ...contradicted],
    strikes: {
      uv: beside((scene) => {
        plant(scene, "python", shell, true);
        scene.write({ ".python-version": `${join(scene.project, "python")}\n` });
      }),
    },
  }),
  attack({
    id: "committed-cache",
    title: "a cache committed with the project, poisoned, under a good lockfile",
    flows: ["frozen"],
    states: ["cold"],
    codes: ["settings/weakens"],
    strikes: {
      uv: async (scene) => {
        await scene.run(["uv", "sync", "--frozen"], 60_000);
        clearInstallation(scene);
        renameSync(join(scene.root, "cache", "uv"), join(scene.project, "cache"));
        poisonCaches(scene);
        // A variable of the user's would win.
        delete scene.variables["UV_CACHE_DIR"];
        scene.edit("pyproject.toml", (text) => `${text}\n[tool.uv]\ncache-dir = "cache"\n`);
      },
    },
  }),
];
