import { existsSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import {
  carriedNpmrc,
  textOf,
  upwards,
  verifiedCache,
  withBunScanner,
  type WrapperHost,
} from "@countersign/gate";

export const lockfile = "bun.lock";
const configuration = "bunfig.toml";
const scannerFile = "countersign-no-scanner.mjs";
const resolutionFile = "countersign-resolution.toml";

/** Where Bun installs. `ambiguous`: a folder with a lockfile of its own inside of a workspace root with another. */
export type Project = {
  root: string;
  /** From the root to where the user stands. */ way: string;
  ambiguous: boolean;
};

/**
 * The nearest folder with a package.json, or the workspace root above it. Whether the root's patterns name the folder
 * is not asked: what is installed is named to Bun by its folder, so a root too high is verified and installed itself.
 */
export function projectOf(start: string): Project {
  const above = upwards(start);
  const child = above.find((folder) => existsSync(join(folder, "package.json"))) ?? resolve(start);
  const root = above
    .slice(above.indexOf(child) + 1)
    .find((folder) => existsSync(join(folder, lockfile)) && hasWorkspaces(join(folder, "package.json")));
  if (root === undefined) return { root: child, way: relative(child, start), ambiguous: false };
  return { root, way: relative(root, start), ambiguous: existsSync(join(child, lockfile)) };
}

function hasWorkspaces(path: string): boolean {
  try {
    const manifest = JSON.parse(textOf(path) ?? "null") as { workspaces?: unknown } | null;
    return manifest?.workspaces !== undefined;
  } catch {
    return false;
  }
}

/** What Bun reads from the environment and obeys, where it lowers a check or says where to install from. */
const unset: Readonly<Record<string, undefined>> = {
  BUN_CONFIG_NO_VERIFY: undefined,
  BUN_CONFIG_SKIP_LOAD_LOCKFILE: undefined,
  BUN_OPTIONS: undefined,
};

/** Bun's shared cache holds unpacked packages that are never compared with a lockfile again. */
export function strictVariables(host: WrapperHost, directory: string): Record<string, string | undefined> {
  return { ...unset, BUN_INSTALL_CACHE_DIR: verifiedCache(host, "bun", directory) };
}

/**
 * Writes a configuration beside the copied one whose security scanner finds nothing: the scanner judges what is
 * installed, and here something is only locked.
 * @param directory absolute path of the copy @returns the flag that names it
 */
export function withoutScanner(directory: string): string {
  const scanner = join(directory, scannerFile);
  writeFileSync(scanner, emptyScanner);
  const path = join(directory, resolutionFile);
  writeFileSync(path, withBunScanner(configurationOf(directory), scanner));
  return `--config=${path}`;
}

/** Registries and credentials of the user's project hold for what is run without a lockfile as well. */
export function throwawayFiles(root: string): Record<string, string> {
  return {
    [configuration]: withBunScanner(configurationOf(root), `./${scannerFile}`),
    [scannerFile]: emptyScanner,
    ...carriedNpmrc(root),
  };
}

const emptyScanner = `export const scanner = { version: "1", scan: async () => [] };\n`;

const configurationOf = (directory: string): string => textOf(join(directory, configuration)) ?? "";
