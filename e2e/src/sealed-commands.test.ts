import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { hasManager, writeFiles, type RealManager } from "@countersign/testkit";
import { afterEach, describe, expect, it } from "vitest";
import "./setup.ts";
import { newPackage } from "./attacks/seals.ts";
import type { Gate } from "./cell.ts";
import { installHook } from "./hook.ts";
import { lockOf } from "./lock.ts";
import type { CommandLine } from "./managers/adapter.ts";
import type { Ended } from "./process.ts";
import { remainsOf } from "./remains.ts";
import { clearInstallation, executable, marksOf, openScene, type Scene } from "./scene.ts";
import { demandByProject, demandSeal, managedPolicy, pinOf, seal, sealFolder } from "./seals.ts";

const limit = 60_000;
let scene: Scene;
afterEach(() => scene.close());

/** A project with a good lockfile. */
async function open(manager: RealManager, gate: Gate): Promise<void> {
  scene = await openScene({ attack: null, scenery: "signed", manager, gate, flow: "frozen", state: "cold" });
  scene.write({ [scene.adapter.lockfile]: await lockOf(scene) });
}

/** The same, and nobody has approved it yet. */
async function openUnsealed(manager: RealManager, mode: "strict" | "warn"): Promise<void> {
  await open(manager, "sealed");
  await demandSeal(scene, mode);
}

const wrapped = (line: CommandLine): Promise<Ended> =>
  scene.run([process.execPath, executable, "--managed-policy", managedPolicy(scene), ...line], limit);

const built = existsSync(executable.replace("bin/countersign.mjs", "dist/main.js"));

describe.skipIf(!built)("a missing approval in warn", () => {
  /** As a person types it, and where the manifest asks for what the lockfile does not have. */
  const commands: Readonly<Partial<Record<RealManager, CommandLine>>> = {
    "npm-12": ["npm", "ci"],
    "pnpm-12": ["pnpm", "install", "--frozen-lockfile"],
    "yarn-4": ["yarn", "install", "--immutable"],
    "uv-0": ["uv", "sync"],
  };

  for (const [manager, line] of Object.entries(commands) as [RealManager, CommandLine][]) {
    it.skipIf(!hasManager(manager))(
      `T4: ${line.join(" ")} ends, prints and writes what it does without us (${manager})`,
      async () => {
        await openUnsealed(manager, "warn");
        const start = filesOf(scene.project);
        const alone = await settled(start, () => scene.run(line, limit));
        const ours = await settled(start, () => wrapped(line));
        expect(alone.ended).toExitWith(0);
        expect(ours.ended.output).toContain("seal/approval-missing");
        expect(ours.ended.stdout).not.toContain("seal/");
        expect(told(ours)).toEqual(told(alone));
        expect(withoutTimes(ours.ended.output)).toEqual(
          expect.arrayContaining(withoutTimes(alone.ended.output)),
        );
        expect(Object.keys(alone.tree).length).toBeGreaterThan(10);
      },
    );

    it.skipIf(!hasManager(manager))(
      `T4: ${line.join(" ")} fails as it does without us (${manager})`,
      async () => {
        await openUnsealed(manager, "warn");
        const [path, missing] =
          manager === "uv-0"
            ? ["pyproject.toml", '"leaf==1.0.0", "absent==1.0.0"']
            : ["package.json", '"leaf": "1.0.0",\n    "absent": "1.0.0"'];
        scene.edit(path, (text) => text.replace(/"leaf(": "|==)1\.0\.0"/, missing));
        const start = filesOf(scene.project);
        const alone = await settled(start, () => scene.run(line, limit));
        const ours = await settled(start, () => wrapped(line));
        expect(alone.ended.exitCode).not.toBe(0);
        expect(ours.ended.output).toContain("seal/approval-missing");
        expect(told(ours)).toEqual(told(alone));
        expect(withoutTimes(ours.ended.output)).toEqual(
          expect.arrayContaining(withoutTimes(alone.ended.output)),
        );
      },
    );
  }
});

type Settled = { ended: Ended; tree: Record<string, string> };

const told = ({ ended, tree }: Settled): unknown => ({
  exitCode: ended.exitCode,
  stdout: withoutTimes(ended.stdout),
  tree,
});

/** Runs a command on the same project, in the same places, with empty caches, and looks at what it left. */
async function settled(start: ReadonlyMap<string, Buffer>, run: () => Promise<Ended>): Promise<Settled> {
  for (const folder of ["project", "home", "cache", "tmp"]) {
    rmSync(join(scene.root, folder), { recursive: true, force: true });
    mkdirSync(join(scene.root, folder));
  }
  writeFiles(scene.project, Object.fromEntries(start));
  writeFiles(join(scene.root, "home"), scene.adapter.home?.(scene) ?? {});
  const ended = await run();
  return { ended, tree: treeOf(scene.project) };
}

/**
 * Two runs of the same command alone differ in how long they took, which Yarn says of slow steps only, and in which of
 * several scripts was faster.
 */
const withoutTimes = (text: string): string[] =>
  text
    .replaceAll(/\b\d+(\.\d+)?(ms|s|m)\b( \d+m?s)?|\b\d{4}-\d\d-\d\dT[\d_]+Z/g, "TIME")
    .replaceAll("Completed in TIME", "Completed")
    // pnpm counts aloud as it goes.
    .replaceAll(/^Progress: .*\n/gm, "")
    .split("\n")
    .toSorted();

/** Entries by path, each as its kind, mode and digest. */
function treeOf(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const mode = (lstatSync(path).mode & 0o777).toString(8);
    const shown = path.slice(root.length + 1);
    if (entry.isSymbolicLink()) tree[shown] = `-> ${readlinkSync(path)}`;
    else if (entry.isDirectory()) tree[shown] = `${mode} folder`;
    else
      tree[shown] = `${mode} ${createHash("sha256")
        .update(lasting(shown, readFileSync(path)))
        .digest("hex")}`;
  }
  return tree;
}

/** What a manager writes without its notes of the time, and what it writes in any order in one order. */
function lasting(path: string, bytes: Uint8Array): Uint8Array | string {
  if (path === ".yarn/install-state.gz")
    return gunzipSync(bytes)
      .toString("latin1")
      .split(/[^ -~]+/)
      .toSorted()
      .join("\n");
  if (/^node_modules\/\.(modules\.yaml|pnpm-workspace-state.*)$/.test(path))
    return new TextDecoder().decode(bytes).replaceAll(/"prunedAt": ".*"|prunedAt: .*|\d{13,}/g, "TIME");
  return bytes;
}

const filesOf = (root: string): Map<string, Buffer> =>
  new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(root.length + 1), readFileSync(path)];
      }),
  );

describe.skipIf(!built)("a hook where the project demands an approval", () => {
  for (const manager of ["npm-12", "pnpm-12", "yarn-4", "bun-1"] as const) {
    it.skipIf(!hasManager(manager))(
      `${manager} alone installs the approved lockfile, and not one with a package more`,
      async () => {
        await open(manager, "hook");
        await installHook(scene);
        await demandByProject(scene);
        const { adapter } = scene;
        const missing = await scene.run(adapter.commands.frozen, limit);
        expect(missing.exitCode, missing.output).not.toBe(0);
        expect(missing.output).toContain("seal/approval-missing");
        clearInstallation(scene);
        await seal(scene, pinOf(scene));
        const approved = await scene.run(adapter.commands.frozen, limit);
        expect(approved).toExitWith(0);
        clearInstallation(scene);
        await newPackage(scene);
        const changed = await scene.run(adapter.commands.frozen, limit);
        expect(changed.exitCode, changed.output).not.toBe(0);
        expect(changed.output).toContain("seal/approval-missing");
        expect(marksOf(scene)).toEqual([]);
        expect(remainsOf(scene)).toEqual([]);
      },
    );
  }
});

describe.skipIf(!built)("adding a package where an approval is demanded", () => {
  const manifests: Readonly<Partial<Record<RealManager, string>>> = {
    "npm-12": "package.json",
    "pnpm-12": "package.json",
    "yarn-4": "package.json",
    "bun-1": "package.json",
    "deno-2": "package.json",
    "uv-0": "pyproject.toml",
  };

  for (const [manager, manifest] of Object.entries(manifests) as [RealManager, string][]) {
    it.skipIf(!hasManager(manager))(
      `${manager} changes manifest and lockfile, installs nothing, and installs once it is approved`,
      async () => {
        await openUnsealed(manager, "strict");
        await seal(scene);
        const { adapter } = scene;
        const added = await wrapped(adapter.commands.add);
        expect(added).toExitWith(1);
        expect(added.output).toContain("seal/approval-missing");
        expect(added.output).toContain("countersign sign --approve");
        expect(added.output).toContain(`${adapter.lockfile} was changed and nothing was installed`);
        for (const path of [manifest, adapter.lockfile]) expect(scene.read(path)).toContain("extra");
        expect(existsSync(join(scene.project, adapter.installed))).toBe(false);
        expect(marksOf(scene)).toEqual([]);

        const early = await wrapped(adapter.commands.frozen);
        expect(early).toExitWith(1);
        await seal(scene);
        expect(readdirSync(join(scene.project, sealFolder))).toHaveLength(2);
        const installed = await wrapped(adapter.commands.frozen);
        expect(installed).toExitWith(0);
        expect(Object.keys(treeOf(join(scene.project, adapter.installed))).join("\n")).toMatch(/\bextra\b/);
      },
    );
  }
});
