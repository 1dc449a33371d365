import { policyPath } from "@countersign/core";
import type { ManagerName } from "../manager/manager.ts";

/** The files of a project that can change what a manager installs, or that run before a gate. Paths are POSIX. */
export type Closure = {
  files: readonly string[];
  /** Every file below them. */
  folders: readonly string[];
  /** What each workspace has besides. */
  workspace: readonly string[];
  /** Made by an install, and of the project only where the repository has them. */
  tracked?: readonly string[];
  /** Read in the folders above the lockfile's too. */
  above?: readonly string[];
};

const ours = [policyPath, ".countersign/bindings.jsonl"];
const hooks = ".countersign/hooks";

const closures: Readonly<Record<ManagerName, Closure>> = {
  npm: {
    files: [
      "package.json",
      "package-lock.json",
      "npm-shrinkwrap.json",
      ".npmrc",
      ".npm-extension.mjs",
      ".npm-extension.cjs",
      // npm and pnpm run node-gyp where it is, without any script of a manifest.
      "binding.gyp",
    ],
    folders: ["patches"],
    workspace: ["package.json", "binding.gyp"],
  },
  pnpm: {
    files: [
      "package.json",
      "package.json5",
      "package.yaml",
      "pnpm-lock.yaml",
      "pnpm-workspace.yaml",
      ".npmrc",
      ".pnpmfile.cjs",
      ".pnpmfile.mjs",
      "pnpmfile.cjs",
      "pnpmfile.mjs",
      "binding.gyp",
    ],
    folders: ["patches"],
    workspace: ["package.json", "package.json5", "package.yaml", ".npmrc", "binding.gyp"],
    above: ["pnpm-workspace.yaml", ".npmrc", ".pnpmfile.cjs", ".pnpmfile.mjs"],
  },
  yarn: {
    files: ["package.json", "yarn.lock", ".yarnrc.yml", ".yarnrc", ".npmrc"],
    folders: [".yarn/plugins", ".yarn/patches", ".yarn/releases"],
    workspace: ["package.json", ".yarnrc.yml"],
    tracked: [".pnp.cjs", ".pnp.loader.mjs"],
    above: [".yarnrc.yml", ".yarnrc"],
  },
  bun: {
    files: ["package.json", "bun.lock", "bunfig.toml", ".npmrc"],
    folders: ["patches"],
    workspace: ["package.json"],
  },
  deno: {
    files: ["deno.json", "deno.jsonc", "deno.lock", "package.json", ".npmrc"],
    folders: [],
    workspace: ["deno.json", "deno.jsonc", "package.json"],
  },
  uv: {
    files: ["pyproject.toml", "uv.lock", "uv.toml", ".python-version", "pylock.toml"],
    folders: [],
    workspace: ["pyproject.toml", "setup.py", "setup.cfg"],
    above: ["uv.toml", "pyproject.toml"],
  },
  pip: { files: ["pyproject.toml", "requirements.txt", "pylock.toml"], folders: [], workspace: [] },
};

/** The closure of a manager's install, with what our own gate reads. */
export function closureOf(manager: ManagerName): Closure {
  const { files, folders, ...rest } = closures[manager];
  return { ...rest, files: [...files, ...ours], folders: [...folders, hooks] };
}

/**
 * The part of it that a seal is over, besides the lockfile itself: the policy has a digest of its own, which only a
 * summary depends on.
 */
export function sealedClosureOf(manager: ManagerName): Closure & { ours: readonly string[]; hooks: string } {
  return { ...closures[manager], ours: ours.filter((path) => path !== policyPath), hooks };
}
