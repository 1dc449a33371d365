import type { Position } from "../position.ts";
import { formatVersionOf, readTuple, type BunEntry } from "./bun-entry.ts";
import { JsonLockfile, quote, type JsonFields } from "./json-lockfile.ts";
import { npmPurl, TarballAddresses } from "./npm-artefact.ts";
import { isNpmName } from "./npm-tarball-url.ts";
import { PackageFolding } from "./package-folding.ts";
import {
  isOutside,
  PackageTree,
  parsePackageLocation,
  resolveFrom,
  type Place,
} from "./package-locations.ts";
import { noMarkers, type LockedPackage } from "./package-set.ts";
import type { LockfileReader } from "./reader.ts";

const fix = "Restore bun.lock, or delete it, run `bun install --lockfile-only` and review what changes.";

const rootFields: ReadonlySet<string> = new Set([
  "lockfileVersion",
  "configVersion",
  "workspaces",
  "packages",
  "overrides",
  "catalog",
  "catalogs",
  "trustedDependencies",
  "patchedDependencies",
]);

/** Reads bun.lock, the text form, versions 0 to 2, which differ in what Bun checks and not in what they say. */
export const readBunLock: LockfileReader = (input) => {
  const opened = JsonLockfile.open(input, "jsonc", fix);
  if (!opened.ok) return opened;
  const lock = opened.value;
  const version = formatVersionOf(lock);
  if (version === null) return lock.refusal();
  lock.root.expectOnly(rootFields);
  const reading = new BunLockReading(lock);
  reading.readWorkspaces();
  reading.readPackages();
  if (lock.refused) return lock.refusal();
  const folding = new PackageFolding(lock, fix);
  reading.foldInto(folding);
  return lock.finish("bun-lock", version, folding.list());
};

type Workspace = { path: string; purl: string; name: string; version: string; fields: JsonFields };
type BunPlace = Place<BunEntry>;
type Edge = LockedPackage["requires"][number];

class BunLockReading {
  readonly #lock: JsonLockfile;
  readonly #workspaces: Map<string, Workspace> = new Map();
  readonly #tree: PackageTree<BunEntry> = new PackageTree();
  readonly #places: { place: BunPlace; entry: BunEntry }[] = [];

  constructor(lock: JsonLockfile) {
    this.#lock = lock;
  }

  readWorkspaces(): void {
    const children = this.#lock.root.fields("workspaces")?.children() ?? [];
    if (!this.#lock.within(children.length)) return;
    for (const { key: path, fields } of children) {
      fields.expectOnly(workspaceFields);
      const name = fields.text("name") ?? "";
      const version = fields.text("version") ?? "";
      const location = parsePackageLocation(path);
      if (location === null || location.names.length > 0 || isOutside(path)) {
        this.#lock.misshapen(fields.at, `${quote(path)} is no folder of the project.`);
      }
      this.#workspaces.set(path, { path, purl: npmPurl(name, version), name, version, fields });
    }
    if (!this.#workspaces.has(""))
      this.#lock.misshapen(this.#lock.root.at, '`workspaces` lacks the project itself, the entry "".');
  }

  readPackages(): void {
    const packages = this.#lock.root.fields("packages");
    const members = packages?.members() ?? [];
    if (!this.#lock.within(members.length)) return;
    const addresses = new TarballAddresses();
    for (const { key, node, value } of members) {
      const names = namesOf(key);
      const entry = readTuple(this.#lock, addresses, node, value);
      if (names === null)
        this.#lock.misshapen(
          this.#lock.at(this.#lock.tree.keyOffset(node)),
          `${quote(key)} is no path of package names.`,
        );
      if (names === null || entry === null) continue;
      const place = this.#tree.add({ folder: "", names });
      place.entry = { ...entry, installedAs: names.at(-1) as string };
      this.#places.push({ place, entry: place.entry });
    }
  }

  foldInto(folding: PackageFolding): void {
    const root = this.#tree.folder("") as BunPlace;
    const workspaces = new Set<BunPlace>();
    for (const workspace of this.#workspaces.values()) {
      if (workspace.name === "") continue;
      const place = root.children?.get(workspace.name) ?? root;
      // A workspace that nothing depends on has no entry of its own, but may have packages nested in it.
      workspaces.add(place);
      const { path, purl, name, version, fields } = workspace;
      const source = { kind: "path", path: path === "" ? "." : path, workspace: true } as const;
      const requires = this.#edges(path === "" ? root : place, fields);
      folding.add({
        purl,
        name,
        version,
        source,
        artefacts: [],
        alias: null,
        requires,
        markers: noMarkers,
        at: fields.at,
      });
    }
    for (const { place, entry } of this.#places) {
      this.#reportNesting(root, workspaces, place, entry);
      if (entry.kind === "root") continue;
      if (entry.kind === "workspace") this.#foldWorkspace(folding, entry);
      else {
        const { purl, name, version, source, artefacts, info, markers, installedAs, at } = entry;
        const alias = installedAs === name ? null : installedAs;
        const requires = info === null ? [] : this.#edges(place, info);
        folding.add({ purl, name, version, source, artefacts, alias, requires, markers, at });
      }
    }
    this.#notePatches();
  }

  #foldWorkspace(
    folding: PackageFolding,
    { path, name, installedAs, at, purl }: BunEntry & { kind: "workspace" },
  ): void {
    const workspace = this.#workspaces.get(path);
    if (workspace === undefined || workspace.name !== name) {
      this.#lock.problem({
        code: "lockfile/link-outside",
        at,
        purl,
        why: `${quote(path)} is not declared under \`workspaces\` with the name ${quote(name)}: what lies there is installed unchecked.`,
      });
      return;
    }
    if (installedAs === name) return;
    const { version } = workspace;
    const source = { kind: "path", path, workspace: true } as const;
    folding.add({
      purl: workspace.purl,
      name,
      version,
      source,
      artefacts: [],
      alias: installedAs,
      requires: [],
      markers: noMarkers,
      at,
    });
  }

  #edges(place: BunPlace, fields: JsonFields): Edge[] {
    const edges: Edge[] = [];
    const names = fields.names(dependencyGroups);
    // An edge is a small thing beside an entry, but each costs a walk up the tree.
    if (!this.#lock.within(names.length / 16)) return edges;
    for (const as of names) {
      const entry = resolveFrom(place, as);
      const purl =
        entry?.kind === "workspace"
          ? (this.#workspaces.get(entry.path)?.purl ?? null)
          : (entry?.purl ?? null);
      if (purl !== null) edges.push({ as, purl });
    }
    return edges;
  }

  #reportNesting(
    root: BunPlace,
    workspaces: ReadonlySet<BunPlace>,
    { parent }: BunPlace,
    { at, purl }: BunEntry,
  ): void {
    if (parent === null || parent.entry !== null || parent === root || workspaces.has(parent)) return;
    const why = "The entry is nested in a package that is not locked, so no one requires it where it lies.";
    this.#lock.problem({ code: "lockfile/entry-malformed", at, purl, why });
  }

  #notePatches(): void {
    const patches = this.#lock.root.fields("patchedDependencies");
    for (const [key] of this.#lock.root.textMap("patchedDependencies")) {
      const at: Position = patches?.place(key) ?? this.#lock.root.at;
      const why = `The project's own patch changes ${quote(key)} after its digest was checked.`;
      this.#lock.problem({ code: "lockfile/patched", at, why, fix: "Review the patch as code." });
    }
  }
}

const workspaceFields: ReadonlySet<string> = new Set([
  "name",
  "version",
  "bin",
  "binDir",
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
  "optionalPeers",
]);

const dependencyGroups = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

const maximumNames = 64;

/** `a/@scope/b` names the package `@scope/b` nested in `a`. */
function namesOf(key: string): string[] | null {
  const segments = key.split("/");
  if (segments.length > maximumNames * 2) return null;
  const names: string[] = [];
  for (let index = 0; index < segments.length; index += 1) {
    let name = segments[index] as string;
    if (name.startsWith("@")) {
      index += 1;
      name = `${name}/${segments[index] ?? ""}`;
    }
    if (!isNpmName(name)) return null;
    names.push(name);
  }
  return names.length > maximumNames ? null : names;
}
