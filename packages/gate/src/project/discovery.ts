import { lstat, readdir } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix, relative, resolve, sep } from "node:path";
import { parseJson, startOf, type Finding, type LockFormat } from "@countersign/core";
import type { DiscoveredLockfile, ManagerName } from "../manager/manager.ts";
import { isClassicYarnLock } from "../manager/yarn-lock.ts";
import { readBounded, readHead, staysWithin } from "./bounded-file.ts";
import { trackedFiles } from "./git.ts";

export type Discovery = {
  /** Absolute path of the project. */
  directory: string;
  lockfiles: readonly DiscoveredLockfile[];
  findings: readonly Finding[];
};

type Kind = { format: LockFormat; manager: ManagerName };

const byName: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["npm-shrinkwrap.json", { format: "package-lock", manager: "npm" }],
  ["package-lock.json", { format: "package-lock", manager: "npm" }],
  ["pnpm-lock.yaml", { format: "pnpm-lock", manager: "pnpm" }],
  ["yarn.lock", { format: "yarn-berry", manager: "yarn" }],
  ["bun.lock", { format: "bun-lock", manager: "bun" }],
  ["deno.lock", { format: "deno-lock", manager: "deno" }],
  ["uv.lock", { format: "uv-lock", manager: "uv" }],
  ["pylock.toml", { format: "pylock", manager: "uv" }],
  [".package-lock.json", { format: "package-lock", manager: "npm" }],
]);
const hidden = ".package-lock.json";
const binaryBun = "bun.lockb";
const namedPylock = /^pylock\.[^.]+\.toml$/;
const requirements = /^requirements[^/]*\.txt$/;
/** Managers of one package.json: only one of them installs it. */
const javascript: ReadonlySet<ManagerName> = new Set(["npm", "pnpm", "yarn", "bun"]);

const unclaimedShown = 50;
const manifestBytes = 4 * 1024 * 1024;
/** A larger list of requirements is taken for one with hashes: the lockfile's reader decides. */
const requirementsBytes = 16 * 1024 * 1024;

/**
 * The lockfiles that a person named, else all of the project.
 * @param named relative to `directory`
 */
export const findLockfiles = (directory: string, named: readonly string[]): Promise<Discovery> =>
  named.length > 0 ? namedLockfiles(directory, named) : discoverLockfiles(directory);

/**
 * Finds the project at or above a directory (the nearest one with a lockfile, not above its repository) and
 * every lockfile there that a manager would read.
 */
export async function discoverLockfiles(start: string): Promise<Discovery> {
  const directory = await projectDirectory(resolve(start));
  const names = (await readdir(directory)).toSorted();
  const found: DiscoveredLockfile[] = [];
  const findings: Finding[] = [];
  for (const name of names.filter((each) => each !== hidden)) {
    const looked = await lookAt(directory, name, false);
    if (looked.kind !== null) found.push({ path: name, ...looked.kind });
    findings.push(...looked.findings);
  }
  if (names.includes(binaryBun) && !names.includes("bun.lock")) findings.push(binaryBunLock(binaryBun));
  const declared = await declaredManager(directory);
  const claimed = found.filter(
    ({ manager }) => declared === null || !javascript.has(manager) || manager === declared,
  );
  for (const lockfile of found)
    if (!claimed.includes(lockfile)) findings.push(otherManager(lockfile, declared));
  findings.push(...shadowed(claimed), ...(await unclaimed(directory)));
  if (claimed.length === 0 && !findings.some(({ effect }) => effect === "block"))
    findings.push(nothingFound(directory));
  return { directory, lockfiles: claimed, findings };
}

/**
 * The lockfiles named by `--lockfile`, relative to `directory`, with the format their name and content tell. The
 * project, whose policy applies, is the one around `directory`; a lockfile outside of it is refused, because policy,
 * baseline and configuration there would be another project's.
 */
export async function namedLockfiles(directory: string, paths: readonly string[]): Promise<Discovery> {
  const start = resolve(directory);
  const project = await projectDirectory(start, true);
  const lockfiles: DiscoveredLockfile[] = [];
  const findings: Finding[] = [];
  for (const path of new Set(paths.map((each) => resolve(start, each)))) {
    const within = relative(project, path);
    const shown = within.split(sep).join("/");
    if (within === "" || within === ".." || within.startsWith(`..${sep}`) || isAbsolute(within)) {
      findings.push(outside(path));
      continue;
    }
    const { kind, findings: wrong } = await lookAt(dirname(path), basename(path), true, project);
    if (kind !== null) lockfiles.push({ path: shown, ...kind });
    findings.push(...wrong.map((finding) => ({ ...finding, at: startOf(shown) })));
    if (kind === null && wrong.length === 0) findings.push(notThere(shown));
  }
  return { directory: project, lockfiles, findings };
}

/** The project's directory, as {@link discoverLockfiles} and {@link namedLockfiles} find it. */
export const projectOf = (directory: string, lockfiles: readonly string[]): Promise<string> =>
  projectDirectory(resolve(directory), lockfiles.length > 0);

/** @param marked whether `.countersign` alone makes a project too: then its policy applies */
async function projectDirectory(start: string, marked = false): Promise<string> {
  for (let directory = start; ; directory = dirname(directory)) {
    const names = await readdir(directory);
    if (marked && names.includes(".countersign")) return directory;
    for (const name of names) {
      if (name === binaryBun || (name !== hidden && (await lookAt(directory, name, false)).kind !== null))
        return directory;
    }
    if (names.includes(".git")) return marked ? directory : start;
    if (dirname(directory) === directory) return start;
  }
}

type Looked = { kind: Kind | null; findings: readonly Finding[] };
const nothing: Looked = { kind: null, findings: [] };

/**
 * Which lockfile a name is. One that is no regular file of the project is a finding: a manager may read what we
 * do not.
 * @param named whether a person named it
 */
async function lookAt(
  directory: string,
  name: string,
  named: boolean,
  within: string = directory,
): Promise<Looked> {
  const asked = requirements.test(name) || (named && name.endsWith(".txt"));
  const known = byName.get(name) ?? (namedPylock.test(name) ? byName.get("pylock.toml") : undefined);
  if (known === undefined && !asked)
    return named && name === binaryBun ? { kind: null, findings: [binaryBunLock(name)] } : nothing;
  const path = join(directory, name);
  const status = await lstat(path).catch(() => null);
  if (status === null || status.isDirectory()) return nothing;
  if (!status.isFile() && !status.isSymbolicLink())
    return { kind: null, findings: [irregular(name, "no regular file")] };
  const inside = await staysWithin(path, within).catch(() => null);
  if (inside === null) return { kind: null, findings: [irregular(name, "a symbolic link to nothing")] };
  if (!inside)
    return { kind: null, findings: [irregular(name, "a symbolic link that leads out of the project")] };
  if (name === "yarn.lock") {
    const classic = isClassicYarnLock((await readHead(path, 4096)) ?? "");
    return { kind: { format: classic ? "yarn-classic" : "yarn-berry", manager: "yarn" }, findings: [] };
  }
  if (known !== undefined) return { kind: known, findings: [] };
  const text = await readBounded(path, requirementsBytes, null);
  const hashed =
    text.state === "failed" || (text.state === "found" && Buffer.from(text.bytes).includes("--hash="));
  if (hashed || named) return { kind: { format: "requirements", manager: "pip" }, findings: [] };
  return { kind: null, findings: [withoutHashes(name)] };
}

/** `packageManager` or `devEngines.packageManager` of package.json. */
async function declaredManager(directory: string): Promise<ManagerName | null> {
  const read = await readBounded(join(directory, "package.json"), manifestBytes, directory);
  if (read.state !== "found") return null;
  const parsed = parseJson(new TextDecoder().decode(read.bytes), 64);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return null;
  const { packageManager, devEngines } = parsed.value as {
    packageManager?: unknown;
    devEngines?: { packageManager?: { name?: unknown } | null } | null;
  };
  const name =
    typeof packageManager === "string" ? packageManager.split("@")[0] : devEngines?.packageManager?.name;
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

const otherManager = ({ path, manager }: DiscoveredLockfile, declared: ManagerName | null): Finding => ({
  code: "lockfile/unclaimed",
  effect: "block",
  at: startOf(path),
  why: `package.json declares ${declared ?? "no manager"}, so this lockfile of ${manager} was not verified; whoever runs ${manager} here installs from it.`,
  fix: `Delete ${path}, or verify it with --lockfile ${path}.`,
});

async function unclaimed(directory: string): Promise<Finding[]> {
  const tracked = await trackedFiles(directory);
  if (!tracked.ok) {
    if (/not a git repository/i.test(tracked.detail)) return [];
    const why = `Which other lockfiles the repository tracks could not be told: ${tracked.detail}.`;
    return [
      {
        code: "lockfile/unclaimed",
        effect: "note",
        at: startOf("."),
        why,
        fix: "Make `git ls-files` work here, or name the lockfiles with --lockfile.",
      },
    ];
  }
  const isLock = (path: string): boolean =>
    byName.has(posix.basename(path)) || posix.basename(path) === binaryBun;
  const nested = tracked.files.filter(
    (path) => path.includes("/") && isLock(path) && !path.split("/").includes("node_modules"),
  );
  const notes = nested
    .slice(0, unclaimedShown)
    .map((path) => nestedLock(path, `Verify it with --lockfile ${path}, or from its own directory.`));
  const rest = nested.length - notes.length;
  const more = nested[unclaimedShown];
  return more === undefined
    ? notes
    : [...notes, nestedLock(more, `This and ${rest - 1} more: verify them from their own directories.`)];
}

const nestedLock = (path: string, fix: string): Finding => ({
  code: "lockfile/unclaimed",
  effect: "note",
  at: startOf(path),
  why: "A lockfile of another directory is not part of this project's verification; no manager reads it from here.",
  fix,
});

const withoutHashes = (name: string): Finding => ({
  code: "lockfile/unclaimed",
  effect: "note",
  at: startOf(name),
  why: "It carries no hashes, so it locks nothing and was not verified: an install from it takes what the index serves that day.",
  fix: `uv pip compile --generate-hashes ${name} -o requirements.lock.txt, and install from that.`,
});

const irregular = (name: string, what: string): Finding => ({
  code: "lockfile/malformed",
  effect: "block",
  at: startOf(name),
  why: `It is ${what}: what a manager would read there is not what is reviewed here.`,
  fix: `Replace ${name} by a regular file.`,
});

const binaryBunLock = (name: string): Finding => ({
  code: "lockfile/version-unsupported",
  effect: "block",
  at: startOf(name),
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

const notThere = (shown: string): Finding => ({
  code: "lockfile/not-found",
  effect: "block",
  at: startOf(shown),
  why: "There is no such file, or its name is not that of a lockfile.",
  fix: `Name one of: ${[...byName.keys()].join(", ")}, pylock.*.toml, requirements*.txt.`,
});

const outside = (path: string): Finding => ({
  code: "lockfile/not-found",
  effect: "block",
  at: startOf(basename(path)),
  why: "It lies outside of this project, so neither its policy nor its configuration would apply.",
  fix: `cd ${dirname(path)} && countersign verify --lockfile ${basename(path)}`,
});
