import { formatDigest, sameDigest } from "../digest.ts";
import type { JsonLockfile } from "./json-lockfile.ts";
import type { LockedPackage, Markers, Source } from "./package-set.ts";

/** A package as one place of the tree has it. */
export type PlacedPackage = Omit<LockedPackage, "aliases"> & { alias: string | null };

type Edge = LockedPackage["requires"][number];
type Folded = {
  first: PlacedPackage;
  markers: Markers;
  /** null until they are needed: most packages have no alias and lie in one place, and collections are not free. */
  aliases: Set<string> | null;
  requires: Map<string, Edge> | null;
  /** Of a bundled package: where in its parent it lies. */
  paths: Set<string> | null;
};

/**
 * Folds the places of one package into one, in the order of the file. Places that disagree on source or digest stay
 * apart, and all but the first are reported: a manager fetches one of them and trusts it for all.
 */
export class PackageFolding {
  readonly #lock: JsonLockfile;
  readonly #fix: string;
  /** By purl; what differs from the first of its purl, by all that tells places apart. */
  readonly #folded: Map<string, Folded> = new Map();
  readonly #others: Map<string, Folded> = new Map();
  readonly #order: Folded[] = [];

  constructor(lock: JsonLockfile, fix: string) {
    this.#lock = lock;
    this.#fix = fix;
  }

  add(placed: PlacedPackage): void {
    const folded = this.#find(placed);
    if (folded.first !== placed) {
      folded.markers = widest(folded.markers, placed.markers);
      folded.requires ??= edgeMap(folded.first.requires);
      for (const edge of placed.requires) folded.requires.set(edgeKey(edge), edge);
      const { source } = placed;
      if (source.kind === "bundled") {
        folded.paths ??= new Set(pathsOf(folded.first.source));
        for (const path of source.paths) folded.paths.add(path);
      }
    }
    if (placed.alias === null) return;
    folded.aliases ??= new Set();
    if (folded.aliases.has(placed.alias)) return;
    folded.aliases.add(placed.alias);
    this.#lock.problem({
      code: "lockfile/alias",
      at: placed.at,
      purl: placed.purl,
      why: `${placed.name} is installed under the name ${JSON.stringify(placed.alias)}: whoever requires that name gets this package.`,
      fix: "Compare with the dependency that asks for it.",
    });
  }

  list(): LockedPackage[] {
    return this.#order.map(({ first, aliases, requires, markers, paths }) => ({
      purl: first.purl,
      name: first.name,
      version: first.version,
      source:
        first.source.kind === "bundled" && paths !== null
          ? { ...first.source, paths: [...paths] }
          : first.source,
      artefacts: first.artefacts,
      aliases: aliases === null ? [] : [...aliases],
      requires: requires === null ? first.requires : [...requires.values()],
      markers,
      at: first.at,
    }));
  }

  #find(placed: PlacedPackage): Folded {
    const first = this.#folded.get(placed.purl);
    if (first === undefined) return this.#start(this.#folded, placed.purl, placed);
    const key = keyOf(placed);
    if (key === keyOf(first.first)) return first;
    const other = this.#others.get(key);
    if (other !== undefined) return other;
    this.#reportConflict(first.first, placed);
    return this.#start(this.#others, key, placed);
  }

  #start(places: Map<string, Folded>, key: string, first: PlacedPackage): Folded {
    const folded: Folded = { first, markers: first.markers, aliases: null, requires: null, paths: null };
    places.set(key, folded);
    this.#order.push(folded);
    return folded;
  }

  #reportConflict(first: PlacedPackage, { purl, source, artefacts, at }: PlacedPackage): void {
    // The project's own folders and what lies in a parent's tarball are never fetched by name and version.
    const local = (kind: Source["kind"]): boolean => kind === "bundled" || kind === "path";
    if (local(source.kind) || local(first.source.kind)) return;
    const digest = artefacts[0]?.digest ?? null;
    const before = first.artefacts[0]?.digest ?? null;
    const digests = before !== null && digest !== null && !sameDigest(before, digest);
    // Without an address the configured registry is meant, which may well be the named one.
    const unnamed = registryOf(first.source) === null || registryOf(source) === null;
    const sameRegistry = unnamed || registryOf(first.source) === registryOf(source);
    if (!digests && first.source.kind === "registry" && source.kind === "registry" && sameRegistry) return;
    this.#lock.problem({
      code: "lockfile/conflicting-entries",
      at: artefacts[0]?.at ?? at,
      purl,
      ...(digest === null ? {} : { digest }),
      why: `Another entry of this package and version has another ${digests ? "digest" : "source"}: one of the two is not what was published.`,
      fix: this.#fix,
    });
  }
}

const pathsOf = (source: Source): readonly string[] => (source.kind === "bundled" ? source.paths : []);
const edgeKey = (edge: Edge): string => `${edge.as}\n${edge.purl}`;
const edgeMap = (edges: readonly Edge[]): Map<string, Edge> =>
  new Map(edges.map((edge) => [edgeKey(edge), edge]));

const registryOf = (source: Source): string | null => (source.kind === "registry" ? source.registry : null);

function keyOf({ purl, source, artefacts }: PlacedPackage): string {
  const cells = [
    purl,
    source.kind,
    ...artefacts.map(({ digest }) => (digest === null ? "" : formatDigest(digest))),
  ];
  if (source.kind === "registry") cells.push(source.registry ?? "");
  else if (source.kind === "git") cells.push(source.url, source.commit);
  else if (source.kind === "url") cells.push(source.url);
  else if (source.kind === "path") cells.push(source.path);
  else cells.push(source.in);
  return cells.join("\n");
}

/** What holds of all places: a package is optional only if it is optional everywhere. */
const widest = (a: Markers, b: Markers): Markers => ({
  optional: a.optional && b.optional,
  dev: a.dev && b.dev,
  peer: a.peer && b.peer,
  os: shared(a.os, b.os),
  cpu: shared(a.cpu, b.cpu),
  libc: shared(a.libc, b.libc),
  expression: a.expression === b.expression ? a.expression : null,
});

const shared = (a: readonly string[], b: readonly string[]): readonly string[] =>
  String(a) === String(b) ? a : [];
