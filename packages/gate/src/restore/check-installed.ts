import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { isAbsolute, join, posix } from "node:path";
import { defaultBudget, type PackageSet } from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import type { Machine } from "../project/platform.ts";
import { checkPython, readPythonEnvironment } from "./python-installed.ts";
import type { InstalledCheck, RestoreItem } from "./item.ts";
import { excusedPackages } from "./needed.ts";
import { checkNpm, readPlaces } from "./npm-installed.ts";
import { readPnpmRecord } from "./pnpm-record.ts";
import { checkTree, judgeDigest, nothingKept, type Kept } from "./tree-check.ts";
import { readTree } from "./tree.ts";
import { readYarnCache, type YarnCache } from "./yarn-cache.ts";

export type Installed = {
  /** Absolute path of the directory that the lockfile lies in. */
  directory: string;
  file: DiscoveredLockfile;
  set: PackageSet;
  machine: Machine;
  home: string;
  variables: Readonly<Record<string, string | undefined>>;
  /** Whether the manager has just installed here. */
  settled: boolean;
};

/** Where uv makes the environment of a project that says nothing else. */
export const pythonEnvironment = ".venv";

/**
 * Compares what lies in a project with its lockfile: versions, and digests where the manager keeps them. Reads only;
 * nothing that is installed is run or followed out of the project.
 */
export async function checkInstalled(installed: Installed): Promise<InstalledCheck> {
  const { directory, file, set, machine } = installed;
  const excused = excusedPackages(set, machine, omitsDev(installed));
  if (file.manager === "uv" || file.manager === "pip") {
    const environment = await readPythonEnvironment(directory, pythonEnvironment);
    return checkPython(set, environment, excused, installed.settled);
  }
  if (file.format === "yarn-berry" && existsSync(join(directory, ".pnp.cjs")))
    return checkPnp(installed, excused);
  const roots = moduleFolders(set);
  if (file.manager === "deno" && !existsSync(join(directory, "node_modules"))) return unchecked(set);
  const tree = await readTree(directory, roots);
  if (file.format === "package-lock") {
    const places = await readPlaces(directory, posix.basename(file.path));
    if (places !== null) return checkNpm(directory, places, set, tree, excused);
  }
  return checkTree(set, tree, await keptBy(installed), excused);
}

/** `node_modules` of the project and of each declared workspace. */
export const moduleFolders = ({ packages }: PackageSet): string[] => [
  ...new Set([
    "node_modules",
    ...packages.flatMap(({ source }) =>
      source.kind === "path" && source.workspace && staysInside(source.path)
        ? [posix.join(source.path, "node_modules")]
        : [],
    ),
  ]),
];

const staysInside = (path: string): boolean =>
  !isAbsolute(path) && posix.normalize(path).split("/")[0] !== "..";

async function keptBy({ directory, file, set, home, variables }: Installed): Promise<Kept> {
  if (file.manager === "pnpm") return readPnpmRecord(directory, defaultBudget);
  if (file.format !== "yarn-berry") return nothingKept;
  const digests = await readYarnCache(set, yarnCache(directory, home, variables));
  return { digests, required: false };
}

/** `YARN_CACHE_FOLDER`, the project's own cache where there is one, else the user's. */
function yarnCache(directory: string, home: string, variables: Installed["variables"]): YarnCache {
  const local = join(directory, ".yarn", "cache");
  if (existsSync(local)) return { folder: local, within: directory, local: true };
  const named = variables["YARN_CACHE_FOLDER"] ?? "";
  const global = variables["YARN_GLOBAL_FOLDER"] ?? "";
  const folder = named !== "" ? named : join(global !== "" ? global : join(home, ".yarn", "berry"), "cache");
  return { folder, within: null, local: false };
}

/** Plug'n'Play runs packages out of their zips; what has been unpacked beside them is held against the lockfile too. */
async function checkPnp(installed: Installed, excused: ReadonlySet<string>): Promise<InstalledCheck> {
  const { directory, set } = installed;
  const { digests } = await keptBy(installed);
  const items: RestoreItem[] = [];
  for (const { purl, version, source, artefacts } of set.packages) {
    if (source.kind === "path" || source.kind === "bundled") continue;
    const digest = artefacts[0]?.digest ?? null;
    const held = digests.get(purl);
    const base = { purl, location: null, locked: { version, digest } };
    if (held === undefined)
      items.push({
        ...base,
        installed: null,
        state: excused.has(purl) ? "not-needed" : "missing",
        why: null,
      });
    else
      items.push(
        judgeDigest(
          (state, found, why) => ({ ...base, installed: { version, digest: found }, state, why }),
          digest,
          held,
          true,
        ),
      );
  }
  const folder = ".yarn/unplugged";
  const unplugged = (await readdir(join(directory, folder)).catch((): string[] => [])).map(
    (name) => `${folder}/${name}/node_modules`,
  );
  const tree = await readTree(directory, unplugged);
  const beside = checkTree({ ...set, packages: set.packages }, tree, nothingKept, new Set()).items;
  items.push(...beside.filter(({ state }) => state === "unlocked" || state === "differs"));
  return { items, obstacles: tree.obstacles };
}

/** Deno without `node_modules` runs out of its own cache, by its own names. */
const unchecked = ({ packages }: PackageSet): InstalledCheck => ({
  items: packages.map(({ purl, version, artefacts }) => ({
    purl,
    location: null,
    locked: { version, digest: artefacts[0]?.digest ?? null },
    installed: null,
    state: "unchecked",
    why: null,
  })),
  obstacles: [],
});

/** As npm, pnpm and Bun understand it. */
const omitsDev = ({ variables, file }: Installed): boolean =>
  (variables["NODE_ENV"] === "production" && file.manager !== "yarn") ||
  (variables["npm_config_omit"] ?? "").split(/[\s,]+/).includes("dev");
