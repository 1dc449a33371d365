import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, posix, resolve } from "node:path";
import { parseJson, startOf, type Finding, type LockFormat } from "@countersign/core";
import type { DiscoveredLockfile, ManagerName } from "../manager/manager.ts";
import { trackedFiles } from "./git.ts";

export type Discovery = {
  /** Absolute path of the project. */
  directory: string;
  lockfiles: readonly DiscoveredLockfile[];
  findings: readonly Finding[];
};

type Kind = { format: LockFormat; manager: ManagerName };

const byName: Readonly<Record<string, Kind>> = {
  "npm-shrinkwrap.json": { format: "package-lock", manager: "npm" },
  "package-lock.json": { format: "package-lock", manager: "npm" },
  "pnpm-lock.yaml": { format: "pnpm-lock", manager: "pnpm" },
  "yarn.lock": { format: "yarn-berry", manager: "yarn" },
  "bun.lock": { format: "bun-lock", manager: "bun" },
  "deno.lock": { format: "deno-lock", manager: "deno" },
  "uv.lock": { format: "uv-lock", manager: "uv" },
  "pylock.toml": { format: "pylock", manager: "uv" },
  ".package-lock.json": { format: "package-lock", manager: "npm" },
};
const namedPylock = /^pylock\.[^.]+\.toml$/;
const requirements = /^requirements[^/]*\.txt$/;
/** Managers of one package.json: only one of them installs it. */
const javascript: ReadonlySet<ManagerName> = new Set(["npm", "pnpm", "yarn", "bun"]);

const unclaimedShown = 50;

/**
 * Finds the project at or above a directory (the nearest one with a lockfile, not above its repository) and
 * every lockfile there that a manager would read.
 */
export async function discoverLockfiles(start: string): Promise<Discovery> {
  const directory = await projectDirectory(resolve(start));
  const names = await readdir(directory);
  const found: DiscoveredLockfile[] = [];
  const findings: Finding[] = [];
  for (const name of names.toSorted()) {
    const kind = await kindOf(directory, name);
    if (kind !== null) found.push({ path: name, ...kind });
  }
  if (names.includes("bun.lockb") && !names.includes("bun.lock")) findings.push(binaryBunLock());
  const declared = await declaredManager(directory);
  const claimed = found.filter(({ manager }) => declared === null || !javascript.has(manager) || manager === declared);
  for (const lockfile of found) if (!claimed.includes(lockfile)) findings.push(otherManager(lockfile, declared));
  findings.push(...shadowed(claimed), ...(await unclaimed(directory)));
  if (claimed.length === 0 && findings.length === 0) findings.push(nothingFound(directory));
  return { directory, lockfiles: claimed, findings };
}

/** The lockfiles named by `--lockfile`, relative to `directory`, with the format their name and content tell. */
export async function namedLockfiles(directory: string, paths: readonly string[]): Promise<Discovery> {
  const lockfiles: DiscoveredLockfile[] = [];
  const findings: Finding[] = [];
  for (const path of paths) {
    const absolute = resolve(directory, path);
    const kind = await kindOf(dirname(absolute), basename(absolute), true);
    const shown = path.replaceAll("\\", "/");
    if (kind !== null) lockfiles.push({ path: shown, ...kind });
    else {
      findings.push({
        code: "lockfile/not-found",
        effect: "block",
        at: startOf(shown),
        why: "There is no such file, or its name is not that of a lockfile.",
        fix: `Name one of: ${Object.keys(byName).join(", ")}, pylock.*.toml, requirements*.txt.`,
      });
    }
  }
  return { directory: resolve(directory), lockfiles, findings };
}

async function projectDirectory(start: string): Promise<string> {
  for (let directory = start; ; directory = dirname(directory)) {
    const names = await readdir(directory);
    if (names.some((name) => name in byName || namedPylock.test(name) || name === "bun.lockb")) return directory;
    if (names.includes(".git") || dirname(directory) === directory) return start;
  }
}

async function kindOf(directory: string, name: string, named = false): Promise<Kind | null> {
  const path = join(directory, name);
  const regular = await stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
  if (!regular) return null;
  if (name === ".package-lock.json" && !named) return null;
  if (name === "yarn.lock") {
    const classic = /^# yarn lockfile v1$/m.test((await head(path)).replaceAll("\r", ""));
    return { format: classic ? "yarn-classic" : "yarn-berry", manager: "yarn" };
  }
  const known = Object.hasOwn(byName, name) ? byName[name] : undefined;
  if (known !== undefined) return known;
  if (namedPylock.test(name)) return { format: "pylock", manager: "uv" };
  if (!requirements.test(name) && !(named && name.endsWith(".txt"))) return null;
  if (!named && !(await readFile(path, "utf8")).includes("--hash=")) return null;
  return { format: "requirements", manager: "pip" };
}

const head = async (path: string): Promise<string> => (await readFile(path)).subarray(0, 4096).toString("utf8");

/** `packageManager` or `devEngines.packageManager` of package.json. */
async function declaredManager(directory: string): Promise<ManagerName | null> {
  const text = await readFile(join(directory, "package.json"), "utf8").catch(() => null);
  if (text === null || text.length > 4 * 1024 * 1024) return null;
  const parsed = parseJson(text, 64);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return null;
  const { packageManager, devEngines } = parsed.value as { packageManager?: unknown; devEngines?: { packageManager?: { name?: unknown } } };
  const name = typeof packageManager === "string" ? packageManager.split("@")[0] : devEngines?.packageManager?.name;
  return [...javascript].find((manager) => manager === name) ?? null;
}

function shadowed(lockfiles: readonly DiscoveredLockfile[]): Finding[] {
  const names = new Set(lockfiles.map(({ path }) => path));
  if (!names.has("npm-shrinkwrap.json") || !names.has("package-lock.json")) return [];
  return [
    {
      code: "lockfile/shadowed",
      effect: "block",
      at: startOf("npm-shrinkwrap.json"),
      why: "npm 10 and 11 install from npm-shrinkwrap.json and ignore package-lock.json, npm 12 does the opposite: a review of one says nothing about the other.",
      fix: "Delete npm-shrinkwrap.json, or package-lock.json if the shrinkwrap is meant.",
    },
  ];
}

function otherManager(lockfile: DiscoveredLockfile, declared: ManagerName | null): Finding {
  return {
    code: "lockfile/unclaimed",
    effect: "warn",
    at: startOf(lockfile.path),
    why: `package.json declares ${declared ?? "no manager"}, so this lockfile of ${lockfile.manager} is not verified; whoever runs ${lockfile.manager} here installs from it.`,
    fix: `Delete ${lockfile.path}, or verify it too with --lockfile ${lockfile.path}.`,
  };
}

async function unclaimed(directory: string): Promise<Finding[]> {
  const tracked = (await trackedFiles(directory)) ?? [];
  const nested = tracked.filter((path) => path.includes("/") && Object.hasOwn(byName, posix.basename(path)) && !path.includes("node_modules/"));
  return nested.slice(0, unclaimedShown).map((path) => ({
    code: "lockfile/unclaimed",
    effect: "note",
    at: startOf(path),
    why: "A lockfile of another directory is not part of this project's verification.",
    fix: `Verify it with --lockfile ${path}, or from its own directory.`,
  }));
}

const binaryBunLock = (): Finding => ({
  code: "lockfile/version-unsupported",
  effect: "block",
  at: startOf("bun.lockb"),
  why: "The binary bun.lockb cannot be reviewed or read exactly.",
  fix: "bun install --save-text-lockfile --frozen-lockfile --lockfile-only",
});

const nothingFound = (directory: string): Finding => ({
  code: "lockfile/not-found",
  effect: "block",
  at: startOf(basename(directory)),
  why: "No lockfile of npm, pnpm, Yarn, Bun, Deno, uv or pip is here or above, up to the repository's root.",
  fix: "Run in a project that has one, or name it with --lockfile.",
});
