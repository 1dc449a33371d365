import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import type { PackageSet } from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";
import type { InstalledCheck, ItemState, Obstacle, RestoreItem } from "./item.ts";

const metadataBytes = 8 * 1024 * 1024;
const fileBytes = 1024 * 1024 * 1024;
/** Rows of one RECORD, and of all of them. */
const maximumFiles = 200_000;

export type Environment = {
  folder: string;
  distributions: readonly Distribution[];
  obstacles: readonly Obstacle[];
};
export type Distribution = {
  location: string;
  name: string;
  version: string;
  /** null: every recorded file is as its RECORD says. */ changed: string | null;
};

/** PEP 503. */
export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/**
 * Reads a virtual environment without starting its Python: name and version of every `*.dist-info`, and whether the
 * files are still those of its RECORD (PEP 376, PEP 427). No digest of the wheel is kept there.
 * @param project absolute path
 * @param folder POSIX path of the environment from there
 */
export async function readPythonEnvironment(project: string, folder: string): Promise<Environment> {
  const obstacles: Obstacle[] = [];
  const distributions: Distribution[] = [];
  const budget = { files: maximumFiles };
  for (const packages of await sitePackages(project, folder, obstacles)) {
    for (const name of (await readdir(join(project, packages)).catch((): string[] => [])).toSorted()) {
      if (!name.endsWith(".dist-info")) continue;
      const location = posix.join(packages, name);
      const read = await readBounded(join(project, location, "METADATA"), metadataBytes, project);
      const header = read.state === "found" ? headerOf(new TextDecoder().decode(read.bytes)) : null;
      if (header === null) obstacles.push({ location, why: "Its METADATA cannot be read." });
      else
        distributions.push({
          location,
          ...header,
          changed: await changedFile(project, folder, packages, location, budget),
        });
    }
  }
  return { folder, distributions, obstacles };
}

async function sitePackages(project: string, folder: string, obstacles: Obstacle[]): Promise<string[]> {
  const status = await lstat(join(project, folder)).catch(() => null);
  if (status === null) return [];
  if (!status.isDirectory()) {
    obstacles.push({ location: folder, why: "It is a link or a file where the environment belongs." });
    return [];
  }
  const places = [posix.join(folder, "Lib", "site-packages")];
  for (const name of await readdir(join(project, folder, "lib")).catch((): string[] => [])) {
    if (/^(?:python|pypy)\d/.test(name)) places.push(posix.join(folder, "lib", name, "site-packages"));
  }
  return places;
}

/** Core metadata is an e-mail header: what stands before the first empty line. */
function headerOf(text: string): { name: string; version: string } | null {
  const head = text.split(/\r?\n\r?\n/, 1)[0] ?? "";
  const name = /^Name:[ \t]*(\S+)[ \t]*$/im.exec(head)?.[1];
  const version = /^Version:[ \t]*(\S+)[ \t]*$/im.exec(head)?.[1];
  return name === undefined || version === undefined ? null : { name: normalName(name), version };
}

/** The first file that is not as RECORD says, in words; null where all are. */
async function changedFile(
  project: string,
  environment: string,
  packages: string,
  location: string,
  budget: { files: number },
): Promise<string | null> {
  const record = await readBounded(join(project, location, "RECORD"), metadataBytes, project);
  if (record.state !== "found") return "Its RECORD cannot be read.";
  const within = join(project, environment);
  for (const line of new TextDecoder().decode(record.bytes).split(/\r?\n/)) {
    const row = /^(?:"((?:[^"]|"")*)"|([^",]*)),(sha256|sha384|sha512)=([A-Za-z0-9_-]+),\d*$/.exec(line);
    if (row === null) continue;
    if (--budget.files < 0) return `There are more than ${maximumFiles} files to compare.`;
    const path = (row[1]?.replaceAll('""', '"') ?? row[2] ?? "").replaceAll("\\", "/");
    const place = posix.normalize(posix.join(packages, path));
    if (posix.isAbsolute(path) || !place.startsWith(`${environment}/`))
      return `RECORD names ${path}, which lies outside.`;
    const read = await readBounded(join(project, place), fileBytes, within);
    if (read.state === "missing") return `${path} is gone.`;
    if (read.state === "failed") return `${path} cannot be read: ${read.detail}.`;
    const actual = createHash(row[3] as string)
      .update(read.bytes)
      .digest("base64url");
    if (actual !== row[4]) return `${path} was changed: ${row[3]} ${actual}, recorded ${row[4]}.`;
  }
  return null;
}

/**
 * Holds an environment against the lockfile.
 * @param settled whether the manager has just installed: which extras and groups it selects is then known, and what it
 *   left out is not needed
 */
export function checkPython(
  set: PackageSet,
  environment: Environment,
  excused: ReadonlySet<string>,
  settled: boolean,
): InstalledCheck {
  const found = new Map(environment.distributions.map((each) => [each.name, each]));
  const names = new Set(set.packages.map(({ name }) => normalName(name)));
  const byName = Map.groupBy(set.packages, ({ name }) => normalName(name));
  const items: RestoreItem[] = [];
  for (const [name, forks] of byName) {
    if (forks.every(({ source }) => source.kind === "path")) continue;
    const here = found.get(name) ?? null;
    // One name is locked several times where markers choose among its versions.
    const pkg = forks.find(({ version }) => sameVersion(version, here?.version)) ?? forks[0];
    if (pkg === undefined) continue;
    const item = (state: ItemState, why: string | null): RestoreItem => ({
      purl: pkg.purl,
      location: here?.location ?? null,
      locked: { version: pkg.version || null, digest: null },
      installed: here === null ? null : { version: here.version, digest: null },
      state,
      why,
    });
    if (here === null) items.push(item(settled || excused.has(pkg.purl) ? "not-needed" : "missing", null));
    else if (pkg.version !== "" && !sameVersion(pkg.version, here.version))
      items.push(item("differs", `Version ${here.version} lies there, ${pkg.version} is locked.`));
    else items.push(here.changed === null ? item("installed", null) : item("differs", here.changed));
  }
  for (const { name, version, location } of environment.distributions) {
    if (names.has(name)) continue;
    items.push({
      purl: `pkg:pypi/${name}@${version}`,
      location,
      locked: null,
      installed: { version, digest: null },
      state: "unlocked",
      why: `${name} ${version} lies there and the lockfile does not name it.`,
    });
  }
  return { items, obstacles: environment.obstacles };
}

/** PEP 440 spells one version in several ways; a wheel's METADATA and the lockfile may differ in case and in `v`. */
const sameVersion = (locked: string, here: string | undefined): boolean =>
  here !== undefined && locked.toLowerCase().replace(/^v/, "") === here.toLowerCase().replace(/^v/, "");
