import type { YamlMap, YamlNode } from "../yaml-tree.ts";
import type { YamlLockfile } from "./yaml-lockfile.ts";
import { joinPath } from "./relative-path.ts";

/** One document of a pnpm lockfile, the same whichever of its formats it is written in. */
export type PnpmDocument = {
  version: string;
  projects: PnpmProject[];
  /** By package key, `name@slot`. */
  packages: Map<string, PnpmPackage>;
  /** By snapshot key; format 13 has one per package. */
  snapshots: Map<string, PnpmSnapshot>;
  /** Hashes of `patchedDependencies`. */
  patches: Set<string>;
  /** `integrityTarget: tar`: digests are over the unpacked tar instead of the tarball. */
  unpacked: boolean;
};
/** `path` is the importer's, relative to the lockfile. */
export type PnpmProject = { path: string; at: number; dependencies: PnpmDependency[] };
/** `reference` is what pnpm writes as `version`: a version, a snapshot key, an address or `link:…`. */
export type PnpmDependency = { as: string; reference: string; at: number };
/** `resolution` is null where the format leaves it to the key. */
export type PnpmPackage = { at: number; fields: YamlMap; resolution: YamlMap | null };
export type PnpmSnapshot = { at: number; dependencies: PnpmDependency[]; optional: boolean };

/** The formats that can be read; pnpm ≥ 9 writes the first, pnpm ≥ 12.19 the second when asked to. */
export const pnpmVersions: readonly string[] = ["9.0", "13.0"];

const projectGroups = ["dependencies", "devDependencies", "optionalDependencies"];
const environmentGroups = ["configDependencies", "packageManagerDependencies"];
const snapshotGroups = ["dependencies", "optionalDependencies"];

const knownSections: ReadonlySet<string> = new Set(
  (
    "lockfileVersion settings catalogs overrides packageExtensionsChecksum pnpmfileChecksum " +
    "patchedDependencies ignoredOptionalDependencies importers projects packages snapshots time"
  ).split(" "),
);

/** Reads one document; what has the wrong shape is refused through `file`. */
export function readPnpmDocument(file: YamlLockfile, root: YamlNode): PnpmDocument | null {
  const map = file.map(root, "The lockfile");
  if (map === null) return null;
  const versionNode = map.entries.get("lockfileVersion")?.value;
  const version = versionNode?.kind === "scalar" ? versionNode.text : null;
  if (version === null || versionNode === undefined) {
    file.refuse(map, "The lockfile does not say its version.");
    return null;
  }
  if (!pnpmVersions.includes(version)) {
    const why = `Lockfile version ${JSON.stringify(version.slice(0, 40))} is not one of ${pnpmVersions.join(", ")}.`;
    file.refuse(versionNode, why, "lockfile/version-unsupported");
    return null;
  }
  for (const [key, entry] of map.entries) {
    if (!knownSections.has(key)) unknownField(file, key, entry.keyAt);
  }
  return version === "13.0" ? readFormat13(file, map) : readFormat9(file, map);
}

export function unknownField(file: YamlLockfile, key: string, at: number): void {
  const why = `\`${key.slice(0, 80)}\` is not a field of this format that is known here.`;
  file.problem({ code: "lockfile/unknown-field", at: file.at(at), why, fix: "Update countersign." });
}

function readFormat9(file: YamlLockfile, root: YamlMap): PnpmDocument {
  const settings = file.mapIn(root, "settings");
  const document: PnpmDocument = {
    version: "9.0",
    projects: [],
    packages: new Map(),
    snapshots: new Map(),
    patches: patchHashes(file, file.mapIn(root, "patchedDependencies")),
    unpacked: isUnpacked(file, settings),
  };
  for (const { key, at, map } of maps(file, file.mapIn(root, "importers"), "The importer")) {
    const dependencies = [...projectGroups, ...environmentGroups].flatMap((group) =>
      pinned(file, map, group),
    );
    document.projects.push({ path: joinPath(".", key), at, dependencies });
  }
  for (const { key, at, map } of maps(file, file.mapIn(root, "packages"), "The package")) {
    document.packages.set(key, { at, fields: map, resolution: file.mapIn(map, "resolution") });
  }
  for (const { key, at, map } of maps(file, file.mapIn(root, "snapshots"), "The snapshot")) {
    const dependencies = snapshotGroups.flatMap((group) => references(file, map, group));
    document.snapshots.set(key, { at, dependencies, optional: file.flagIn(map, "optional") });
  }
  return document;
}

/** `lockfile.format: v13`: projects for importers, snapshots folded into packages, catalogs under settings. */
function readFormat13(file: YamlLockfile, root: YamlMap): PnpmDocument {
  const settings = file.mapIn(root, "settings");
  const catalogs = settings === null ? null : file.mapIn(settings, "catalogs");
  const document: PnpmDocument = {
    version: "13.0",
    projects: [],
    packages: new Map(),
    snapshots: new Map(),
    patches: patchHashes(file, settings === null ? null : file.mapIn(settings, "patchedDependencies")),
    unpacked: isUnpacked(file, settings),
  };
  const projects = maps(file, file.mapIn(root, "projects"), "The project");
  const pathOf = new Map<string, string>();
  for (const { key, map } of projects) {
    const name = file.textIn(map, "name");
    if (name !== null) pathOf.set(name, joinPath(".", key));
  }
  for (const { key, at, map } of projects) {
    const path = joinPath(".", key);
    const dependencies: PnpmDependency[] = [];
    for (const group of [...projectGroups, ...environmentGroups]) {
      for (const [as, entry] of file.mapIn(map, group)?.entries ?? []) {
        const reference = reference13(file, as, entry.value, path, pathOf, catalogs);
        if (reference !== null) dependencies.push({ as, reference, at: entry.keyAt });
      }
    }
    document.projects.push({ path, at, dependencies });
  }
  for (const { key, at, map } of maps(file, file.mapIn(root, "packages"), "The package")) {
    const folded = map.entries.has("integrity");
    const resolution = folded ? map : file.mapIn(map, "resolution");
    if (folded && map.entries.has("resolution")) missing(file, map, `\`${key}\` is resolved twice.`);
    document.packages.set(key, { at, fields: map, resolution });
    const variants = map.entries.get("snapshots")?.value;
    const blocks = [map];
    if (variants?.kind === "sequence") {
      for (const item of variants.items)
        blocks.push(...(file.map(item, "A snapshot") === null ? [] : [item as YamlMap]));
    } else if (variants !== undefined) file.refuse(variants, "`snapshots` is not a list.");
    const dependencies = blocks.flatMap((block) => [
      ...snapshotGroups.flatMap((group) => references(file, block, group)),
      ...resolvedPeers(file, block),
    ]);
    document.snapshots.set(key, { at, dependencies, optional: file.flagIn(map, "optional") });
  }
  return document;
}

/**
 * Format 13 writes a dependency that is its own resolution as one string: an exact version, `npm:name@version`,
 * `workspace:…` (a project by name) or `catalog:…`.
 */
function reference13(
  file: YamlLockfile,
  as: string,
  node: YamlNode,
  from: string,
  pathOf: ReadonlyMap<string, string>,
  catalogs: YamlMap | null,
): string | null {
  if (node.kind === "map")
    return file.textIn(node, "version") ?? missing(file, node, `\`${as}\` has no version.`);
  const text = file.text(node, `\`${as}\``);
  if (text === null) return null;
  if (text.startsWith("npm:")) return text.slice("npm:".length);
  if (text.startsWith("catalog:")) {
    const catalog =
      catalogs === null ? null : file.mapIn(catalogs, text.slice("catalog:".length) || "default");
    const entry = catalog === null ? null : file.mapIn(catalog, as);
    const version = entry === null ? null : file.textIn(entry, "version");
    return version ?? missing(file, node, `No catalog of the lockfile resolves \`${as}\`.`);
  }
  if (text.startsWith("workspace:")) {
    const range = text.slice("workspace:".length);
    const at = range.indexOf("@", 1);
    const name = at === -1 ? as : range.slice(0, at);
    const path = range.startsWith(".") ? joinPath(from, range) : pathOf.get(name);
    if (path === undefined) return missing(file, node, `\`${as}\` names no project of the lockfile.`);
    return `link:${relativePath(from, path)}`;
  }
  return text;
}

/** Links of a project are relative to it. */
const relativePath = (from: string, to: string): string =>
  from === "." ? to : `${"../".repeat(from.split("/").length)}${to}`;

function missing(file: YamlLockfile, node: YamlNode, why: string): null {
  file.refuse(node, why, "lockfile/entry-malformed");
  return null;
}

function maps(
  file: YamlLockfile,
  parent: YamlMap | null,
  what: string,
): { key: string; at: number; map: YamlMap }[] {
  const found: { key: string; at: number; map: YamlMap }[] = [];
  for (const [key, entry] of parent?.entries ?? []) {
    const map = file.map(entry.value, what);
    if (map !== null) found.push({ key, at: entry.keyAt, map });
  }
  return found;
}

/** `{name: {specifier, version}}`. */
function pinned(file: YamlLockfile, parent: YamlMap, group: string): PnpmDependency[] {
  return maps(file, file.mapIn(parent, group), "The dependency").flatMap(({ key, at, map }) => {
    const reference = file.textIn(map, "version") ?? missing(file, map, `\`${key}\` has no version.`);
    return reference === null ? [] : [{ as: key, reference, at }];
  });
}

/** `{name: reference}`. */
function references(file: YamlLockfile, parent: YamlMap, group: string): PnpmDependency[] {
  const found: PnpmDependency[] = [];
  for (const [as, entry] of file.mapIn(parent, group)?.entries ?? []) {
    const reference = file.text(entry.value, `\`${as}\``);
    if (reference !== null) found.push({ as, reference, at: entry.keyAt });
  }
  return found;
}

/** `peerDependencies: {name: {specifier, version}}`: the ones that something satisfies. */
function resolvedPeers(file: YamlLockfile, block: YamlMap): PnpmDependency[] {
  const found: PnpmDependency[] = [];
  for (const [as, entry] of file.mapIn(block, "peerDependencies")?.entries ?? []) {
    const reference = entry.value.kind === "map" ? file.textIn(entry.value, "version") : null;
    if (reference !== null) found.push({ as, reference, at: entry.keyAt });
  }
  return found;
}

function isUnpacked(file: YamlLockfile, settings: YamlMap | null): boolean {
  const node = settings?.entries.get("integrityTarget")?.value;
  if (node === undefined) return false;
  const target = file.text(node, "`integrityTarget`");
  if (target !== null && target !== "tar") file.refuse(node, "`integrityTarget` is a word other than tar.");
  return target === "tar";
}

/** `{key: hash}` or `{key: {hash, path}}`, by the pnpm that wrote it. */
function patchHashes(file: YamlLockfile, patched: YamlMap | null): Set<string> {
  const found = new Set<string>();
  for (const [key, { value }] of patched?.entries ?? []) {
    const hash = value.kind === "map" ? file.textIn(value, "hash") : file.text(value, `The hash of ${key}`);
    if (hash !== null && /^(?:[0-9a-f]{64}|[a-z2-7]{26})$/.test(hash)) found.add(hash);
    else file.refuse(value, `\`${key}\` has no hash of its patch.`);
  }
  return found;
}
