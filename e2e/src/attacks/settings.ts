import type { Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import type { Scene } from "../scene.ts";
import {
  allFamilies,
  attack,
  each,
  jsonLock,
  lock,
  once,
  serveEvil,
  showAnother,
  type Strike,
} from "./builders.ts";
import { attackersRegistry, evilTarball, pnpmTarball } from "./lock.ts";

const append = (scene: Scene, path: string, text: string): void =>
  scene.edit(path, (before) => `${before}${before.endsWith("\n") || before === "" ? "" : "\n"}${text}\n`);

/** The evil lockfile on a host that serves it, and a setting besides. */
const withEvilLock =
  (setting: Strike): Strike =>
  async (scene) => {
    serveEvil(scene);
    scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") });
    await setting(scene);
  };

/** The attacker's registry in the project's configuration, and a lockfile that leaves addresses to it. */
const otherRegistry =
  (path: string, configure: (text: string, from: string, to: string) => string, addresses: Strike): Strike =>
  async (scene) => {
    const url = await attackersRegistry(scene);
    scene.edit(path, (text) => configure(text, scene.kit.npm.url.replace(/\/$/, ""), url.replace(/\/$/, "")));
    scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") });
    await addresses(scene);
  };
const replaced = (text: string, from: string, to: string): string => once(text, from, to);

export const settingsAttacks: readonly Attack[] = [
  attack({
    id: "other-registry",
    title: "the attacker's registry in the project's configuration, and a lockfile without addresses",
    flows: ["frozen"],
    codes: ["source/registry", "listing/mismatch", "signature/invalid", "artefact/zip-mismatch"],
    strikes: {
      npm: otherRegistry(
        ".npmrc",
        replaced,
        jsonLock(({ packages }) => {
          for (const entry of Object.values(packages ?? {})) delete entry["resolved"];
        }),
      ),
      pnpm: otherRegistry(".npmrc", replaced, () => {}),
      yarn: otherRegistry(".yarnrc.yml", replaced, () => {}),
      bun: otherRegistry(
        "bunfig.toml",
        replaced,
        lock((text) => text.replaceAll(/", "http:[^"]*", \{/g, '", "", {')),
      ),
      deno: otherRegistry(
        ".npmrc",
        replaced,
        jsonLock(({ npm }) => {
          for (const entry of Object.values(npm ?? {})) delete entry["tarball"];
        }),
      ),
      uv: async (scene) => {
        const index = await scene.kit.addPackageIndex({ name: "attacker", mirrorOf: scene.kit.pypi });
        serveEvil(scene);
        scene.edit("pyproject.toml", (text) => once(text, scene.kit.pypi.simpleUrl, index.simpleUrl));
        scene.write({
          "uv.lock": (await lockOf(scene, "evil")).replaceAll(scene.kit.pypi.simpleUrl, index.simpleUrl),
        });
      },
    },
  }),
  attack({
    id: "checks-off",
    title:
      "a setting of the project that turns the manager's own check off, and bytes that the check would refuse",
    states: ["cold"],
    flows: ["install"],
    codes: ["settings/weakens"],
    strikes: {
      npm: (scene) => {
        showAnother(scene.kit, scene.npm.evil);
        append(scene, ".npmrc", "package-lock=false");
      },
      pnpm: async (scene) => {
        const url = evilTarball(await attackersRegistry(scene));
        scene.edit("pnpm-lock.yaml", (text) => pnpmTarball(text, scene, url, scene.npm.evil.integrity));
        append(scene, "pnpm-workspace.yaml", "trustLockfile: true");
      },
      yarn: (scene) => {
        serveEvil(scene);
        append(scene, ".yarnrc.yml", "checksumBehavior: ignore");
      },
      deno: (scene) => {
        showAnother(scene.kit, scene.npm.evil);
        scene.write({ "deno.json": `${JSON.stringify({ nodeModulesDir: "auto", lock: false })}\n` });
      },
    },
  }),
  attack({
    id: "checks-off-by-variable",
    title: "a variable that turns the manager's own check off, and bytes that the check would refuse",
    states: ["cold"],
    flows: ["install"],
    codes: ["settings/weakens"],
    strikes: {
      npm: ({ kit, npm, variables }) => {
        showAnother(kit, npm.evil);
        variables["npm_config_package_lock"] = "false";
      },
      pnpm: async (scene) => {
        const url = evilTarball(await attackersRegistry(scene));
        scene.edit("pnpm-lock.yaml", (text) => pnpmTarball(text, scene, url, scene.npm.evil.integrity));
        scene.variables["pnpm_config_trust_lockfile"] = "true";
        scene.variables["npm_config_verify_store_integrity"] = "false";
      },
      yarn: variable("YARN_CHECKSUM_BEHAVIOR", "ignore"),
      bun: variable("BUN_CONFIG_NO_VERIFY", "1"),
    },
  }),
  attack({
    id: "other-lockfile",
    title: "a setting that makes the manager read another lockfile than the one that is judged",
    flows: ["frozen"],
    codes: [
      "settings/weakens",
      "lockfile/unclaimed",
      "lockfile/shadowed",
      "listing/mismatch",
      "signature/invalid",
    ],
    strikes: {
      deno: async (scene) => {
        serveEvil(scene);
        scene.write({
          "other.lock": await lockOf(scene, "evil"),
          "deno.json": `${JSON.stringify({ nodeModulesDir: "auto", lock: "other.lock" })}\n`,
        });
      },
      pnpm: async (scene) => {
        serveEvil(scene);
        append(scene, "pnpm-workspace.yaml", "gitBranchLockfile: true");
        scene.write({ "pnpm-lock.main.yaml": await lockOf(scene, "evil") });
        await scene.run(["git", "init", "--quiet", "--initial-branch=main"], 10_000);
      },
    },
  }),
  attack({
    id: "errors-hidden",
    title: "log filters that turn a refusal into exit code 0, over the attacker's lockfile",
    flows: ["frozen"],
    codes: ["settings/weakens", "artefact/zip-mismatch", "listing/mismatch"],
    strikes: {
      yarn: withEvilLock((scene) =>
        append(
          scene,
          ".yarnrc.yml",
          "logFilters:\n  - { pattern: '*countersign*', level: discard }\n  - { code: YN7001, level: discard }",
        ),
      ),
    },
  }),
  attack({
    id: "hook-off",
    title: "the hook switched off by the change that brings the attacker's lockfile",
    flows: ["frozen"],
    states: ["cold"],
    codes: ["listing/mismatch", "signature/invalid", "artefact/zip-mismatch", "settings/weakens"],
    // pnpm 10 holds the hook's checksum in the lockfile against what it has loaded: nothing.
    alsoFine: [{ what: "manager refuses", gates: ["hook"], managers: ["pnpm-10"] }],
    holes: [
      {
        gates: ["hook"],
        managers: ["npm-12", "pnpm-11", "pnpm-12", "yarn-4", "bun-1"],
        shows: "installs",
        reason: "A hook lives in the project, and so the change that it should judge can take it away.",
        instead:
          "The wrapper, or `countersign verify --base` in CI; out-of-repository enforcement where the manager has it.",
      },
    ],
    strikes: {
      npm: withEvilLock((scene) => append(scene, ".npmrc", "ignore-scripts=true")),
      pnpm: withEvilLock((scene) => append(scene, "pnpm-workspace.yaml", "ignorePnpmfile: true")),
      yarn: withEvilLock((scene) =>
        scene.edit(".yarnrc.yml", (text) => `${text.replace(/plugins:\n(?: +.*\n)*/, "")}# no plugins\n`),
      ),
      bun: withEvilLock((scene) =>
        scene.edit(
          "bunfig.toml",
          (text) => `${text.replace(/\[install\.security\]\n.*\n/, "")}# no scanner\n`,
        ),
      ),
    },
  }),
  attack({
    id: "policy-off",
    title: "the policy switched off by the change that brings the attacker's lockfile",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["wrapper", "verify"],
    options: ["--base", "HEAD"],
    codes: ["policy/loosens", "listing/mismatch", "signature/invalid", "artefact/zip-mismatch"],
    commits: true,
    strikes: each(
      allFamilies,
      withEvilLock((scene) =>
        scene.edit(".countersign/policy.yaml", (text) => once(text, "mode: strict", "mode: disabled")),
      ),
    ),
  }),
];

function variable(name: string, value: string): Strike {
  return (scene) => {
    serveEvil(scene);
    scene.variables[name] = value;
  };
}
