import { join } from "node:path";
import {
  formatDigest,
  parseIntegrity,
  parseJson,
  sameDigest,
  type Digest,
  type PackageSet,
} from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";
import type { InstalledCheck, RestoreItem } from "./item.ts";
import { plainVersion, type Tree, type Unpacked } from "./tree.ts";

/** One place of package-lock.json or of npm's own record of what it unpacked. */
type Placed = {
  name: string;
  version: string;
  digest: Digest | null;
  resolved: string | null;
  link: boolean;
};
type Places = ReadonlyMap<string, Placed>;

const lockBytes = 256 * 1024 * 1024;
const recordPath = "node_modules/.package-lock.json";
const modules = "node_modules/";

/** null where the file gives no places: lockfileVersion 1, or no such file. */
export async function readPlaces(project: string, path: string): Promise<Places | null> {
  const read = await readBounded(join(project, path), lockBytes, project);
  if (read.state !== "found") return null;
  const parsed = parseJson(new TextDecoder().decode(read.bytes), 64);
  const packages = parsed.ok ? tableOf(tableOf(parsed.value)?.["packages"]) : null;
  if (packages === null) return null;
  const places = new Map<string, Placed>();
  for (const [location, value] of Object.entries(packages)) {
    const entry = tableOf(value);
    if (entry === null || !location.includes(modules)) continue;
    const integrity = entry["integrity"];
    const parsedIntegrity = typeof integrity === "string" ? parseIntegrity(integrity) : null;
    places.set(location, {
      name: textOf(entry["name"]) ?? location.slice(location.lastIndexOf(modules) + modules.length),
      version: plainVersion(textOf(entry["version"]) ?? ""),
      digest: parsedIntegrity?.ok === true ? parsedIntegrity.digest : null,
      resolved: textOf(entry["resolved"]),
      link: entry["link"] === true,
    });
  }
  return places;
}

/**
 * Holds each place of package-lock.json against the folder there and against npm's record of what it unpacked, which
 * is the one place where npm keeps digests.
 * @param locked places of the lockfile
 */
export async function checkNpm(
  project: string,
  locked: Places,
  set: PackageSet,
  tree: Tree,
  excused: ReadonlySet<string>,
): Promise<InstalledCheck> {
  const recorded = await readPlaces(project, recordPath);
  const purls = new Map(set.packages.map(({ name, version, purl }) => [`${name}@${version}`, purl]));
  const unpacked = new Map(tree.packages.map((each) => [each.location, each]));
  const items: RestoreItem[] = [];
  for (const [location, place] of locked) {
    const purl = purls.get(`${place.name}@${place.version}`) ?? `pkg:npm/${place.name}@${place.version}`;
    const here = unpacked.get(location);
    if (place.link) {
      items.push(linked(purl, location, place, tree.links.has(location)));
      continue;
    }
    const record = recorded?.get(location) ?? null;
    const found = tree.links.has(location) ? "link" : here;
    items.push({ purl, location, ...judge(place, found, record, excused.has(purl)) });
  }
  for (const { location, name, version } of tree.packages) {
    if (!locked.has(location)) items.push(unlocked(location, name, version));
  }
  return { items, obstacles: tree.obstacles };
}

function judge(
  place: Placed,
  here: Unpacked | "link" | undefined,
  record: Placed | null,
  excused: boolean,
): Pick<RestoreItem, "locked" | "installed" | "state" | "why"> {
  const locked = { version: place.version, digest: place.digest };
  if (here === undefined)
    return { locked, installed: null, state: excused ? "not-needed" : "missing", why: null };
  const differs = (why: string, version: string | null = null): ReturnType<typeof judge> => ({
    locked,
    installed: { version, digest: record?.digest ?? null },
    state: "differs",
    why,
  });
  if (here === "link") return differs("A link lies where a package belongs.");
  if (here.name !== place.name || here.version !== place.version)
    return differs(
      `${here.name}@${here.version} lies there, ${place.name}@${place.version} is locked.`,
      here.version,
    );
  if (record === null || record.version !== place.version)
    return differs("npm's record of what it unpacked does not name it.", here.version);
  if (place.digest !== null && (record.digest === null || !sameDigest(place.digest, record.digest))) {
    const was = record.digest === null ? "nothing of a digest" : formatDigest(record.digest);
    return differs(`It was unpacked from ${was}, ${formatDigest(place.digest)} is locked.`, here.version);
  }
  // Without a digest (git, path) the address, which holds the commit, is what was locked.
  if (place.digest === null && place.resolved !== null && record.resolved !== place.resolved)
    return differs(
      `It was unpacked from ${record.resolved ?? "nowhere"}, ${place.resolved} is locked.`,
      here.version,
    );
  return {
    locked,
    installed: { version: here.version, digest: record.digest },
    state: "installed",
    why: null,
  };
}

const linked = (purl: string, location: string, place: Placed, isLink: boolean): RestoreItem => ({
  purl,
  location,
  locked: { version: place.version || null, digest: null },
  installed: isLink ? { version: null, digest: null } : null,
  state: isLink ? "installed" : "missing",
  why: isLink ? null : "The link to this folder of the project is not there.",
});

export const unlocked = (location: string, name: string, version: string): RestoreItem => ({
  purl: `pkg:npm/${name}@${version}`,
  location,
  locked: null,
  installed: { version, digest: null },
  state: "unlocked",
  why: `${name}@${version} lies there and the lockfile names no such place.`,
});

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);
const tableOf = (value: unknown): Record<string, unknown> | null =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
