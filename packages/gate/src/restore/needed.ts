import type { LockedPackage, PackageSet } from "@countersign/core";
import { couldInstall, type Machine } from "../project/platform.ts";

/**
 * The purls that may be absent from this machine: packages of another system, and those that only such packages
 * require. What the lockfile claims here can excuse an absence, never a presence.
 * @param omitsDev whether the manager was told to leave development dependencies out
 */
export function excusedPackages(set: PackageSet, machine: Machine, omitsDev: boolean): ReadonlySet<string> {
  const dependants = new Map<string, string[]>();
  for (const { purl, requires } of set.packages) {
    for (const { purl: required } of requires) {
      const list = dependants.get(required);
      if (list === undefined) dependants.set(required, [purl]);
      else list.push(purl);
    }
  }
  const excused = new Set<string>();
  const pending: string[] = [];
  const excuse = (purl: string): void => {
    if (excused.has(purl)) return;
    excused.add(purl);
    pending.push(purl);
  };
  const requiring = new Map([...dependants].map(([purl, list]) => [purl, new Set(list).size]));
  const required = new Map(
    set.packages.map(({ purl, requires }) => [purl, new Set(requires.map((edge) => edge.purl))]),
  );
  for (const pkg of set.packages)
    if (isElsewhere(pkg, machine) || (omitsDev && pkg.markers.dev)) excuse(pkg.purl);
  // Each edge is taken once: a package is excused when the last of its dependants is.
  for (let purl = pending.pop(); purl !== undefined; purl = pending.pop()) {
    for (const each of required.get(purl) ?? []) {
      const left = (requiring.get(each) ?? 0) - 1;
      requiring.set(each, left);
      if (left === 0) excuse(each);
    }
  }
  return excused;
}

function isElsewhere(pkg: LockedPackage, machine: Machine): boolean {
  if (pkg.artefacts.length > 0)
    return (
      !pkg.artefacts.some((artefact) => couldInstall(pkg, artefact, machine)) || foreignLibc(pkg, machine)
    );
  return false;
}

/** Which C library a Linux has is not asked: a package that wants a certain one may be absent. */
const foreignLibc = ({ markers }: LockedPackage, { os }: Machine): boolean =>
  os === "linux" && markers.libc.length > 0;
