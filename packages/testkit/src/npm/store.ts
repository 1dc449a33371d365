/** One version as a registry holds it. Several registries (mirrors) may share a store. */
export type StoredVersion = {
  name: string;
  version: string;
  /** package.json and whatever else the version manifest shows, without `dist`. */
  manifest: Record<string, unknown>;
  /** `dist` without `tarball` and `attestations`, which depend on the registry that answers. */
  dist: Record<string, unknown>;
  /** Members of `dist` that replace what the registry would write: lies. */
  distOverride: Record<string, unknown>;
  tarball: Buffer | null;
  /** null: the endpoint answers 404; an empty list is answered as such. */
  attestations: readonly unknown[] | null;
  /** null: the packument gives no time. */
  publishedAt: number | null;
};

export type NpmStore = Map<string, Map<string, StoredVersion>>;

export const storedVersion = (store: NpmStore, name: string, version: string): StoredVersion | null =>
  store.get(name)?.get(version) ?? null;

export function storeVersion(store: NpmStore, stored: StoredVersion): void {
  const versions = store.get(stored.name) ?? new Map<string, StoredVersion>();
  store.set(stored.name, versions.set(stored.version, stored));
}

export const tarballPath = (name: string, version: string): string =>
  `${name}/-/${name.replace(/^@[^/]*\//, "")}-${version}.tgz`;

/** Newest by order of publishing, as `dist-tags.latest`. */
export const latestOf = (versions: ReadonlyMap<string, StoredVersion>): string =>
  [...versions.keys()].at(-1) ?? "";
