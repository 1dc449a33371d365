import { createHash } from "node:crypto";
import { cpSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Attack } from "../cell.ts";
import { stepsOf } from "../gate.ts";
import { lockOf, publishLeaf, requireMallory } from "../lock.ts";
import { remainsOf } from "../remains.ts";
import { clearInstallation, commit, type Scene } from "../scene.ts";
import { seal, sealAsAttacker, sealFolder, trustStores, underLoosePolicy, writeTrust } from "../seals.ts";
import { allFamilies, attack, driftUndecided, each, once, type Strike } from "./builders.ts";
import { attackersRegistry } from "./lock.ts";
import { markingModule, plant } from "./project-code.ts";

/** mallory in manifest and lockfile, as the manager itself would have locked it. */
export const newPackage: Strike = async (scene) => {
  const text = await lockOf(scene, "with mallory");
  requireMallory(scene);
  scene.write({ [scene.adapter.lockfile]: text });
};

const seals = ({ project }: Scene): string => join(project, sealFolder);
const toAttackersRegistry =
  (path: string): Strike =>
  async (scene) => {
    const url = await attackersRegistry(scene);
    const address = (text: string): string => text.replace(/\/$/, "");
    scene.edit(path, (text) => once(text, address(scene.kit.npm.url), address(url)));
  };

/** An attack on a seal and not on a manager: one lockfile in JSON and one in TOML tell as much as ten. */
const onSeals = (
  description: Omit<Parameters<typeof attack>[0], "codes" | "strikes">,
  strike: Strike,
): Attack =>
  attack({
    managers: ["npm-12", "uv-0"],
    flows: ["frozen"],
    states: ["cold"],
    gates: ["sealed"],
    comparable: false,
    codes: ["seal/approval-missing"],
    strikes: each(allFamilies, strike),
    ...description,
  });

export const sealAttacks: readonly Attack[] = [
  attack({
    id: "new-package",
    title: "a signed package of the attacker's, in manifest and lockfile",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["wrapper", "sealed"],
    codes: ["drift/new-package"],
    holes: [driftUndecided],
    strikes: each(allFamilies, newPackage),
  }),
  attack({
    id: "closure-changed",
    title: "an approved lockfile, and beside it a configuration or hook that was changed since",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["sealed"],
    comparable: false,
    codes: ["seal/approval-missing"],
    says: "seal/closure-changed",
    strikes: {
      npm: toAttackersRegistry(".npmrc"),
      pnpm: (scene) => plant(scene, ".pnpmfile.cjs", markingModule("module.exports = { hooks: {} };\n")),
      yarn: (scene) => {
        plant(
          scene,
          ".yarn/plugins/early.cjs",
          markingModule('module.exports = { name: "early", factory: () => ({}) };\n'),
        );
        scene.edit(
          ".yarnrc.yml",
          (text) => `${text}plugins:\n  - path: .yarn/plugins/early.cjs\n    spec: early\n`,
        );
      },
      bun: toAttackersRegistry("bunfig.toml"),
      deno: toAttackersRegistry(".npmrc"),
      uv: async (scene) => {
        const index = await scene.kit.addPackageIndex({ name: "attacker", mirrorOf: scene.kit.pypi });
        scene.edit("pyproject.toml", (text) => once(text, scene.kit.pypi.simpleUrl, index.simpleUrl));
      },
    },
  }),
  onSeals({ id: "seal-stripped", title: "the new package, and the seals removed" }, async (scene) => {
    await newPackage(scene);
    rmSync(seals(scene), { recursive: true });
  }),
  onSeals(
    {
      id: "seal-moved",
      title: "the new package, and the good lockfile's seal filed under the new one's digest",
      says: "seal/subject-mismatch",
    },
    async (scene) => {
      await newPackage(scene);
      const [old = ""] = readdirSync(seals(scene));
      const digest = createHash("sha256")
        .update(readFileSync(join(scene.project, scene.adapter.lockfile)))
        .digest("hex");
      renameSync(join(seals(scene), old), join(seals(scene), digest));
    },
  ),
  onSeals(
    {
      id: "seal-rolled-back",
      title: "an older lockfile, with the genuine approval that it had then",
      options: ["--base", "HEAD"],
      commits: true,
      says: "seal/rollback",
    },
    async (scene) => {
      const manifest = scene.adapter.family === "uv" ? "pyproject.toml" : "package.json";
      const of = (): Record<string, string> => ({
        [manifest]: scene.read(manifest),
        [scene.adapter.lockfile]: scene.read(scene.adapter.lockfile),
      });
      const now = of();
      await newPackage(scene);
      const then = of();
      await seal(scene);
      // A seal's time is in whole seconds.
      await wait(1100);
      const kept = join(scene.root, "attacker", "seals");
      cpSync(seals(scene), kept, { recursive: true });
      rmSync(seals(scene), { recursive: true });
      scene.write(now);
      await seal(scene);
      await commit(scene, "approved anew");
      cpSync(kept, seals(scene), { recursive: true });
      scene.write(then);
    },
  ),
  onSeals(
    {
      id: "trust-own",
      title: "the new package, approved under a trust store that the same change brings",
      says: "trust/forked",
    },
    async (scene) => {
      await newPackage(scene);
      rmSync(seals(scene), { recursive: true });
      writeTrust(scene, (await trustStores()).attacker);
      await sealAsAttacker(scene);
    },
  ),
  attack({
    id: "cache-outlived",
    title:
      "the good lockfile, after the attacker's leaf was installed under a managed policy that was looser",
    flows: ["frozen"],
    states: ["cold"],
    gates: ["sealed"],
    comparable: false,
    codes: [],
    managers: ["npm-12", "pnpm-12", "yarn-4", "bun-1", "deno-2", "uv-0"],
    alsoFine: [{ what: "good content" }, { what: "manager refuses", managers: ["yarn-4"] }],
    strikes: each(allFamilies, async (scene) => {
      const good = scene.read(scene.adapter.lockfile);
      scene.write({ ".countersign/policy.yaml": "version: 1\nmode: strict\n" });
      await underLoosePolicy(scene, async () => {
        publishLeaf(scene, true);
        scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") });
        for (const step of stepsOf(scene, "sealed", "frozen", false, [])) {
          const { exitCode, output } = await scene.run(step, 60_000);
          if (exitCode !== 0) throw new Error(`the install before was refused:\n${output}`);
        }
      });
      clearInstallation(scene);
      scene.planted.push(...remainsOf(scene));
      publishLeaf(scene, false);
      scene.write({ [scene.adapter.lockfile]: good });
    }),
  }),
  attack({
    id: "summary-outdated",
    title: "the new package under a summary of the good lockfile, without evidence and offline",
    scenery: "summarised",
    flows: ["frozen"],
    states: ["offline"],
    gates: ["sealed"],
    comparable: false,
    codes: ["evidence/offline"],
    strikes: each(allFamilies, newPackage),
  }),
];
