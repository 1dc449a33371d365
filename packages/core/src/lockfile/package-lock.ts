import { isJsonObject } from "../json.ts";
import type { Position } from "../position.ts";
import { JsonLockfile, quote, type JsonFields } from "./json-lockfile.ts";
import { TarballAddresses } from "./npm-artefact.ts";
import { PackageFolding, type PlacedPackage } from "./package-folding.ts";
import {
  isOutside,
  PackageTree,
  parsePackageLocation,
  type PackageLocation,
  resolveFrom,
  type Place,
} from "./package-locations.ts";
import { readPackageLockEntry, type PackageLink, type PackageLockEntry } from "./package-lock-entry.ts";
import { compareLegacyTree } from "./package-lock-legacy.ts";
import type { Source } from "./package-set.ts";
import type { LockfileReader } from "./reader.ts";
import { workspaceGlobs, type WorkspaceGlobs } from "./workspace-globs.ts";

const versions: ReadonlySet<unknown> = new Set([2, 3, 4]);
const fix = "Restore the file, or delete it, run `npm install --package-lock-only` and review what changes.";

const rootFields: ReadonlySet<string> = new Set([
  "name",
  "version",
  "lockfileVersion",
  "requires",
  "packages",
  "dependencies",
]);

/**
 * Reads package-lock.json, npm-shrinkwrap.json and node_modules/.package-lock.json, versions 2, 3 and 4. npm 7 and
 * newer install what `packages` says; the `dependencies` tree of version 2 must not contradict it.
 */
export const readPackageLock: LockfileReader = (input) => {
  const opened = JsonLockfile.open(input, "json", fix);
  if (!opened.ok) return opened;
  const lock = opened.value;
  const version = readVersion(lock);
  const packages = version === null ? null : lock.root.fields("packages");
  if (version !== null && packages === null && !lock.refused) {
    lock.misshapen(lock.root.at, "The lockfile has no `packages`.", "lockfile/malformed");
  }
  if (version === null || packages === null) return lock.refusal();
  lock.root.expectOnly(rootFields);
  const hidden = input.path.split("/").at(-1) === ".package-lock.json";
  const reading = new PackageLockReading(lock);
  reading.readEntries(packages, hidden);
  if (lock.refused) return lock.refusal();
  const folding = new PackageFolding(lock, fix);
  reading.foldInto(folding);
  return lock.finish("package-lock", version, folding.list());
};

function readVersion(lock: JsonLockfile): string | null {
  const found = lock.root.value["lockfileVersion"];
  if (versions.has(found)) return String(found);
  const old = found === 1 || found === undefined;
  lock.misshapen(
    lock.root.place("lockfileVersion"),
    old
      ? "Lockfile version 1 does not say where each package comes from."
      : `lockfileVersion ${quote(JSON.stringify(found))} is unknown: another version may say elsewhere what is installed.`,
    "lockfile/version-unsupported",
    old
      ? "Run `npm install --package-lock-only --lockfile-version 3`."
      : "Run `npm install --package-lock-only --lockfile-version 3`, or upgrade Countersign.",
  );
  return null;
}

type EntryPlace = Place<PackageLockEntry>;

/** The entries of one file and how they hang together. */
class PackageLockReading {
  readonly #lock: JsonLockfile;
  readonly #tree: PackageTree<PackageLockEntry> = new PackageTree();
  readonly #places: EntryPlace[] = [];
  /** null: the file does not say which folders are workspaces. */
  #workspaces: WorkspaceGlobs | null = null;

  constructor(lock: JsonLockfile) {
    this.#lock = lock;
  }

  readEntries(packages: JsonFields, hidden: boolean): void {
    const children = packages.children();
    if (!this.#lock.within(children.length)) return;
    const addresses = new TarballAddresses();
    for (const { key, fields } of children) {
      const location = parsePackageLocation(key);
      if (location === null) {
        this.#lock.misshapen(fields.at, `${quote(key)} is not a place where npm installs a package.`);
        continue;
      }
      const place = this.#tree.add(location);
      // Spellings of one place cannot differ: a location is its own normal form.
      place.entry = readPackageLockEntry(this.#lock, addresses, location, fields);
      this.#places.push(place);
    }
    this.#tree.settle();
    const root = this.#tree.folder("") as EntryPlace;
    if (root.entry !== null) this.#workspaces = this.#readWorkspaces(root.entry.fields);
    else if (!hidden) this.#lock.misshapen(packages.at, '`packages` lacks the project itself, the entry "".');
    compareLegacyTree(this.#lock, this.#tree, root);
  }

  /** Hands every place over: sources that other entries decide, and the edges, are known by now. */
  foldInto(folding: PackageFolding): void {
    const links: { entry: PackageLockEntry; link: PackageLink }[] = [];
    for (const place of this.#places) {
      const entry = place.entry as PackageLockEntry;
      if (entry.link !== null) links.push({ entry, link: entry.link });
      else if (entry.name !== "") folding.add(this.#placed(place, entry, entry.alias));
      this.#reportNesting(place, entry);
    }
    for (const { entry, link } of links) this.#followLink(entry, link, folding);
  }

  #placed(place: EntryPlace, entry: PackageLockEntry, alias: string | null): PlacedPackage {
    return {
      purl: entry.purl,
      name: entry.name,
      version: entry.version,
      source: this.#source(place, entry),
      artefacts: entry.artefacts,
      alias,
      requires: this.#edges(place, entry),
      markers: entry.markers,
      at: entry.at,
    };
  }

  #readWorkspaces(root: JsonFields): WorkspaceGlobs {
    const patterns = isJsonObject(root.value["workspaces"])
      ? (root.fields("workspaces")?.texts("packages") ?? [])
      : root.texts("workspaces");
    const globs = workspaceGlobs(patterns);
    if (globs === null)
      this.#lock.misshapen(root.place("workspaces"), "More or longer workspace patterns than a project has.");
    return globs ?? (() => false);
  }

  #source({ parent }: EntryPlace, { source, location, at, purl }: PackageLockEntry): Source {
    if (source === null) return this.#bundled(parent, location, at, purl);
    if (source.kind !== "path" || location.names.length > 0) return source;
    const { folder } = location;
    return {
      ...source,
      workspace: folder === "" || (!isOutside(folder) && this.#workspaces?.(folder) === true),
    };
  }

  /** The package whose tarball must contain the bundled one is the nearest that is not itself bundled. */
  #bundled(parent: EntryPlace | null, { names }: PackageLocation, at: Position, purl: string): Source {
    let place = parent;
    while (place !== null && isBundled(place.entry)) place = place.parent;
    const entry = place?.entry ?? null;
    if (entry === null || entry.location.names.length === 0) {
      const why =
        "The entry claims to be bundled, and no locked package encloses it: nothing says where its bytes come from.";
      this.#lock.problem({ code: "lockfile/entry-malformed", at, purl, why });
    }
    const inside = names.slice(entry?.location.names.length ?? 0);
    const path = inside.map((name) => `node_modules/${name}`).join("/");
    return { kind: "bundled", in: entry?.purl ?? "", paths: [path] };
  }

  #edges(place: EntryPlace, { fields, location }: PackageLockEntry): { as: string; purl: string }[] {
    const groups = location.names.length === 0 ? folderGroups : packageGroups;
    const edges: { as: string; purl: string }[] = [];
    const names = fields.names(groups);
    // An edge is a small thing beside an entry, but each costs a walk up the tree.
    if (!this.#lock.within(names.length / 16)) return edges;
    for (const as of names) {
      const target = this.#target(resolveFrom(place, as));
      if (target !== null) edges.push({ as, purl: target.purl });
    }
    return edges;
  }

  #target(entry: PackageLockEntry | null): PackageLockEntry | null {
    if (entry === null || entry.link === null) return entry;
    return this.#tree.folder(entry.link.target)?.entry ?? null;
  }

  #followLink({ purl, location }: PackageLockEntry, link: PackageLink, folding: PackageFolding): void {
    const { target, at } = link;
    const parsed = parsePackageLocation(target);
    const inside =
      parsed !== null && parsed.folder !== "" && parsed.names.length === 0 && !isOutside(parsed.folder);
    if (!inside || this.#workspaces?.(target) === false) {
      this.#lock.problem({
        code: "lockfile/link-outside",
        at,
        purl,
        why: `The link leads to ${quote(target)}, which is no declared workspace: what lies there is installed unchecked.`,
        fix: 'List the folder under "workspaces" in package.json and run `npm install --package-lock-only`, or remove the link.',
      });
    }
    const place = parsed === null ? null : this.#tree.folder(target);
    const entry = place?.entry ?? null;
    if (place === null || entry === null || entry.location.names.length > 0) {
      if (inside) this.#lock.misshapen(at, `The link leads to ${quote(target)}, which has no entry.`);
      return;
    }
    const name = location.names.at(-1) as string;
    const alias = name === entry.name ? null : name;
    if (alias !== null) folding.add({ ...this.#placed(place, entry, alias), requires: [] });
  }

  #reportNesting({ parent }: EntryPlace, { location, fields, source, purl, at }: PackageLockEntry): void {
    if (location.names.length === 0) return;
    const parentEntry = parent?.entry ?? null;
    const inProject = parent !== null && parent === this.#tree.folder("");
    if (!inProject && (parentEntry === null || parentEntry.link !== null)) {
      const why = "The entry is nested in a package that is not locked, so no one requires it where it lies.";
      this.#lock.problem({ code: "lockfile/entry-malformed", at, purl, why });
    }
    if (source === null || !fields.flag("inBundle")) return;
    let bundler = parent;
    while (bundler !== null && !bundles(bundler.entry)) bundler = bundler.parent;
    // What the project itself bundles is fetched like any other package, and npm marks it all the same.
    if (bundler?.entry?.location.names.length === 0) return;
    this.#lock.problem({
      code: "lockfile/bundled-with-resolved",
      at: fields.place("inBundle"),
      purl,
      why: "The entry claims to be bundled and has an address or digest of its own: npm ignores the claim and fetches it.",
      fix: "Delete this entry, run `npm install --package-lock-only` and review what changes.",
    });
  }
}

const packageGroups = ["dependencies", "optionalDependencies", "peerDependencies"];
const folderGroups = [...packageGroups, "devDependencies"];

const isBundled = (entry: PackageLockEntry | null): boolean =>
  entry !== null && entry.source === null && entry.link === null;

function bundles(entry: PackageLockEntry | null): boolean {
  const value = entry?.fields.value["bundleDependencies"] ?? entry?.fields.value["bundledDependencies"];
  return value === true || (Array.isArray(value) && value.length > 0);
}
