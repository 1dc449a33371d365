import type { LockedPackage, PackageSet } from "../lockfile/package-set.ts";
import { packageRow } from "../lockfile/set-digest.ts";
import { parsePurl } from "../purl.ts";

/** What one package set has and another has not. */
export type SetChanges = {
  added: readonly LockedPackage[];
  removed: readonly LockedPackage[];
  /** Another version of a name that both have, where each has one version that the other lacks. */
  updated: readonly { from: LockedPackage; to: LockedPackage }[];
  /** The same name and version with other bytes, another source, alias, edge or marker. */
  altered: readonly { from: LockedPackage; to: LockedPackage }[];
};

/** Compares two package sets by what {@link packageSetDigest} is over. Lists are in the order of the lockfiles. */
export function compareSets(before: PackageSet, after: PackageSet): SetChanges {
  const [old, fresh] = [byPurl(before), byPurl(after)];
  const altered: { from: LockedPackage; to: LockedPackage }[] = [];
  for (const [purl, to] of fresh) {
    const from = old.get(purl);
    if (from !== undefined && packageRow(from) !== packageRow(to)) altered.push({ from, to });
  }
  const gone = [...old].flatMap(([purl, pkg]) => (fresh.has(purl) ? [] : [pkg]));
  const come = [...fresh].flatMap(([purl, pkg]) => (old.has(purl) ? [] : [pkg]));
  const [goneByName, comeByName] = [grouped(gone), grouped(come)];
  const updated = [...comeByName].flatMap(([name, packages]) => {
    const [to, another] = packages;
    const [from, other] = goneByName.get(name) ?? [];
    const paired = to !== undefined && from !== undefined && another === undefined && other === undefined;
    return paired ? [{ from, to }] : [];
  });
  const paired = new Set(updated.flatMap(({ from, to }) => [from, to]));
  return {
    added: come.filter((pkg) => !paired.has(pkg)),
    removed: gone.filter((pkg) => !paired.has(pkg)),
    updated,
    altered,
  };
}

/** Packages of one purl from several sources are told apart. */
const byPurl = ({ packages }: PackageSet): Map<string, LockedPackage> => {
  const found = new Map<string, LockedPackage>();
  for (const pkg of packages) {
    const key = found.has(pkg.purl) ? `${pkg.purl} ${JSON.stringify(pkg.source)}` : pkg.purl;
    found.set(key, pkg);
  }
  return found;
};

const grouped = (packages: readonly LockedPackage[]): Map<string, LockedPackage[]> => {
  const groups = new Map<string, LockedPackage[]>();
  for (const pkg of packages) {
    const key = `${parsePurl(pkg.purl)?.ecosystem ?? pkg.source.kind} ${pkg.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pkg]);
    else group.push(pkg);
  }
  return groups;
};
