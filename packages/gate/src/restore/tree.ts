import { lstat, readdir, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import { parseJson } from "@countersign/core";
import { isInside, readBounded } from "../project/bounded-file.ts";
import type { Obstacle } from "./item.ts";

/** One unpacked package, as its own package.json calls itself. */
export type Unpacked = {
  /** POSIX path from the project. */
  location: string;
  name: string;
  version: string;
  /** The folder of a virtual store that it lies in: `left-pad@1.3.0`; null outside of one. */
  store: string | null;
};

export type Tree = {
  packages: readonly Unpacked[];
  links: ReadonlySet<string>;
  obstacles: readonly Obstacle[];
};

/** Whoever wrote the tree may want us busy: nothing beyond these is looked at, and that is said. */
const maximumPackages = 200_000;
const maximumDepth = 64;
const manifestBytes = 4 * 1024 * 1024;
/** Where pnpm, Bun and Deno unpack; the rest of `node_modules` links there. */
const stores = new Set([".pnpm", ".bun", ".deno"]);

/**
 * Lists what is unpacked below folders named `node_modules`. Nothing is run and no link is followed: one that leads
 * out of the project is an obstacle, one inside of it leads to what is listed at its own place.
 * @param project absolute path
 * @param roots POSIX paths of `node_modules` folders from there
 */
export async function readTree(project: string, roots: readonly string[]): Promise<Tree> {
  const reading = new TreeReading(project, await realpath(project));
  for (const root of roots) await reading.readRoot(root);
  return reading;
}

class TreeReading implements Tree {
  readonly packages: Unpacked[] = [];
  readonly links: Set<string> = new Set();
  readonly obstacles: Obstacle[] = [];
  readonly #project: string;
  readonly #real: string;
  #full = false;

  constructor(project: string, real: string) {
    this.#project = project;
    this.#real = real;
  }

  /** A workspace may be a link out of the project: then what lies there is another project's. */
  async readRoot(location: string): Promise<void> {
    const parent = await realpath(join(this.#project, posix.dirname(location))).catch(() => null);
    if (parent === null) return;
    if (isInside(parent, this.#real)) return this.readModules(location, null, 0);
    this.obstacles.push({ location, why: "It lies behind a link that leads out of the project." });
  }

  async readModules(location: string, store: string | null, depth: number): Promise<void> {
    if (this.#full) return;
    if (depth > maximumDepth) return this.#stop(location, `folders are nested deeper than ${maximumDepth}`);
    for (const name of await this.#list(location)) {
      const place = posix.join(location, name);
      if (stores.has(name)) await this.#readStore(place, depth);
      else if (name.startsWith(".")) continue;
      else if (name.startsWith("@"))
        for (const inner of await this.#list(place))
          await this.#readPackage(posix.join(place, inner), store, depth);
      else await this.#readPackage(place, store, depth);
      if (this.#full) return;
    }
  }

  async #readStore(location: string, depth: number): Promise<void> {
    for (const folder of await this.#list(location)) {
      if (folder === "node_modules" || folder.startsWith(".")) continue;
      await this.readModules(posix.join(location, folder, "node_modules"), folder, depth + 1);
    }
  }

  async #readPackage(location: string, store: string | null, depth: number): Promise<void> {
    const path = join(this.#project, location);
    const status = await lstat(path).catch(() => null);
    if (status?.isSymbolicLink() === true) return this.#readLink(location, path);
    if (status?.isDirectory() !== true || this.#full) return;
    if (this.packages.length >= maximumPackages)
      return this.#stop(location, `there are more than ${maximumPackages} packages`);
    const read = await readBounded(join(path, "package.json"), manifestBytes, this.#project);
    const named = read.state === "found" ? namedBy(read.bytes) : null;
    if (named === null) {
      const detail =
        read.state === "failed"
          ? read.detail
          : read.state === "missing"
            ? "there is none"
            : "it names no package";
      this.obstacles.push({ location: `${location}/package.json`, why: `It cannot be read: ${detail}.` });
    } else this.packages.push({ location, ...named, store });
    await this.readModules(posix.join(location, "node_modules"), store, depth + 1);
  }

  async #readLink(location: string, path: string): Promise<void> {
    this.links.add(location);
    const target = await realpath(path).catch(() => null);
    if (target === null) this.obstacles.push({ location, why: "It is a link to nothing." });
    else if (!isInside(target, this.#real))
      this.obstacles.push({ location, why: "It is a link that leads out of the project." });
  }

  /** Names in a folder that is none of somebody else's; [] where there is none. */
  async #list(location: string): Promise<string[]> {
    const path = join(this.#project, location);
    const status = await lstat(path).catch(() => null);
    if (status === null) return [];
    if (status.isSymbolicLink()) {
      this.obstacles.push({ location, why: "It is a link where a folder belongs." });
      return [];
    }
    return status.isDirectory() ? (await readdir(path)).toSorted() : [];
  }

  #stop(location: string, why: string): void {
    this.#full = true;
    this.obstacles.push({ location, why: `Nothing further was looked at: ${why}.` });
  }
}

function namedBy(bytes: Uint8Array): { name: string; version: string } | null {
  // A byte-order mark is what managers skip as well.
  const parsed = parseJson(new TextDecoder("utf-8").decode(bytes), 128);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return null;
  const { name, version } = parsed.value as { name?: unknown; version?: unknown };
  return typeof name === "string" && typeof version === "string"
    ? { name, version: plainVersion(version) }
    : null;
}

/** npm's own cleaning of a manifest's version: surrounding space, `v` and `=` before the number. */
export const plainVersion = (version: string): string => version.trim().replace(/^[=v]+/, "");
