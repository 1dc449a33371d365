import type { LockedPackage } from "../lockfile/package-set.ts";
import { levels, type Level } from "../verify/verdict.ts";
import { matchNames } from "./glob.ts";
import type { Policy, Requirement } from "./policy.ts";

/**
 * The rules that match a package; all of them apply.
 * @param registry whose word its evidence is, normalised; null when nobody knows
 */
export function rulesFor(policy: Policy, pkg: LockedPackage, registry: string | null): Requirement[] {
  const { name, source } = pkg;
  if (source.kind !== "registry") return [];
  return policy.require
    .filter((rule) => rule.ecosystem === null || rule.ecosystem === source.ecosystem)
    .filter((rule) => rule.registries === null || (registry !== null && rule.registries.includes(registry)))
    .filter((rule) => matchNames(rule.names, name, source.ecosystem));
}

/**
 * The highest level that any rule demands of a package: what evidence is worth asking for.
 * @param registry whose word its evidence is, normalised; null when nobody knows
 */
export function demandedLevel(policy: Policy, pkg: LockedPackage, registry: string | null): Level {
  return rulesFor(policy, pkg, registry).reduce<Level>(
    (highest, { level }) => (levels.indexOf(level) > levels.indexOf(highest) ? level : highest),
    "unlocked",
  );
}
