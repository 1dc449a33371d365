import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { policyHome, projectPolicyPath, withBunScanner, type WrapperHost } from "@countersign/gate";

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
  const above: string[] = [];
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    above.push(folder);
    if (dirname(folder) === folder) break;
  }
  const child = above.find((folder) => existsSync(join(folder, "package.json"))) ?? resolve(start);
  const root = above
    .slice(above.indexOf(child) + 1)
    .find((folder) => existsSync(join(folder, lockfile)) && hasWorkspaces(join(folder, "package.json")));
  if (root === undefined) return { root: child, way: relative(child, start), ambiguous: false };
  return { root, way: relative(root, start), ambiguous: existsSync(join(child, lockfile)) };
}

function hasWorkspaces(path: string): boolean {
  try {
    const manifest = JSON.parse(readFileSync(path, "utf8")) as { workspaces?: unknown } | null;
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

/**
 * Bun's shared cache holds unpacked packages that are never compared with a lockfile again, whoever put them there.
 * So what was decided on is installed from a cache that only such installs fill, one for each project and policy: the
 * policy that allowed a tarball once is then the one that holds.
 */
export function strictVariables(host: WrapperHost, directory: string): Record<string, string | undefined> {
  const policy = join(policyHome(directory), projectPolicyPath);
  const text = existsSync(policy) ? readFileSync(policy) : "";
  const name = createHash("sha256").update(resolve(directory)).update("\0").update(text).digest("hex");
  return { ...unset, BUN_INSTALL_CACHE_DIR: join(host.environment.cacheDirectory, "bun", name.slice(0, 40)) };
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
  writeFileSync(path, withBunScanner(textOf(directory), scanner));
  return `--config=${path}`;
}

/** Registries and credentials of the user's project hold for what is run without a lockfile as well. */
export function throwawayFiles(root: string): Record<string, string> {
  const npmrc = join(root, ".npmrc");
  return {
    [configuration]: withBunScanner(textOf(root), `./${scannerFile}`),
    [scannerFile]: emptyScanner,
    ...(existsSync(npmrc) ? { ".npmrc": readFileSync(npmrc, "utf8") } : {}),
  };
}

const emptyScanner = `export const scanner = { version: "1", scan: async () => [] };\n`;

function textOf(directory: string): string {
  const path = join(directory, configuration);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
