import {
  formatDigest,
  sameDigest,
  type Digest,
  type LockedPackage,
  type PackageSet,
} from "@countersign/core";
import type { InstalledCheck, ItemState, RestoreItem } from "./item.ts";
import { unlocked } from "./npm-installed.ts";
import { plainVersion, type Tree, type Unpacked } from "./tree.ts";

/**
 * What a manager keeps of the digests it installed from, by purl; undefined where it keeps none of a package.
 * `required`: the manager records every package, so one without a record was not installed by it.
 */
export type Kept = { digests: ReadonlyMap<string, readonly Digest[]>; required: boolean };

export const nothingKept: Kept = { digests: new Map(), required: false };

/** Holds what is unpacked against the lockfile, package by package: for managers whose lockfile names no places. */
export function checkTree(
  set: PackageSet,
  tree: Tree,
  kept: Kept,
  excused: ReadonlySet<string>,
): InstalledCheck {
  const found = new Map<string, Unpacked[]>();
  for (const each of tree.packages) {
    const key = `${each.name}@${each.version}`;
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  const items = set.packages.flatMap((pkg) => itemOf(pkg, found, kept, excused) ?? []);
  const known = knownNames(set);
  for (const each of tree.packages) {
    const why = misplaced(each);
    if (why !== null)
      items.push({ ...unlocked(each.location, each.name, each.version), state: "differs", why });
    else if (each.store === null && !known.has(`${each.name}@${each.version}`) && !known.has(each.name))
      items.push(unlocked(each.location, each.name, each.version));
  }
  return { items, obstacles: tree.obstacles };
}

function itemOf(
  pkg: LockedPackage,
  found: ReadonlyMap<string, readonly Unpacked[]>,
  kept: Kept,
  excused: ReadonlySet<string>,
): RestoreItem | null {
  const { purl, name, version, source, artefacts } = pkg;
  if (source.kind === "path" || source.kind === "bundled" || version === "") return null;
  const digest = artefacts[0]?.digest ?? null;
  const here = found.get(`${name}@${plainVersion(version)}`)?.[0] ?? null;
  const locked = { version, digest };
  const item = (state: ItemState, held: Digest | null, why: string | null): RestoreItem => ({
    purl,
    location: here?.location ?? null,
    locked,
    installed: here === null ? null : { version: here.version, digest: held },
    state,
    why,
  });
  if (here === null) return item(excused.has(purl) ? "not-needed" : "missing", null, null);
  return judgeDigest(item, digest, kept.digests.get(purl), kept.required);
}

/** @param recorded every digest on record; several where one package lies in several archives */
export function judgeDigest(
  item: (state: ItemState, held: Digest | null, why: string | null) => RestoreItem,
  digest: Digest | null,
  recorded: readonly Digest[] | undefined,
  required: boolean,
): RestoreItem {
  const [first = null] = recorded ?? [];
  if (digest === null || (first === null && !required)) return item("installed", first, null);
  if (first === null)
    return item("differs", null, "Its manager's record of what it installed does not name it.");
  const other = (recorded ?? []).find((each) => !sameDigest(each, digest));
  if (other === undefined) return item("installed", first, null);
  return item(
    "differs",
    other,
    `It was installed from ${formatDigest(other)}, ${formatDigest(digest)} is locked.`,
  );
}

/** What may lie in the tree: locked versions, and by name alone what the lockfile gives no version of. */
function knownNames({ packages }: PackageSet): ReadonlySet<string> {
  return new Set(
    packages.map(({ name, version, source }) =>
      source.kind === "path" || version === "" ? name : `${name}@${plainVersion(version)}`,
    ),
  );
}

/** A folder of a virtual store carries its package's name and version; long ones are cut, other sources have no version. */
function misplaced({ store, name, version }: Unpacked): string | null {
  const named = store === null ? null : /^(@[^@+]+\+)?([^@+]+)@v?(\d[^_(]*)/.exec(store);
  if (store === null || named === null || store.length > 90) return null;
  const expected = `${name.replace("/", "+")}@${version}`;
  return store === expected || (/^[_(+]/.test(store.slice(expected.length)) && store.startsWith(expected))
    ? null
    : `${name}@${version} lies in the folder of ${store}.`;
}
