import type { LockedPackage, PackageSet } from "../lockfile/package-set.ts";
import type { Finding } from "../finding.ts";
import { parsePurl } from "../purl.ts";

type Known = { aliases: Set<string>; edges: Set<string> };

/**
 * Notes on what the lockfile has and the trusted base has not: packages by name, aliases, and edges of packages whose
 * name the base knows. A correct signature on the wrong package says nothing, so these are for a person to look at.
 */
export function compareBaseline(set: PackageSet, baseline: PackageSet): Finding[] {
  const known = new Map<string, Known>();
  for (const pkg of baseline.packages) {
    const entry = known.get(keyOf(pkg)) ?? { aliases: new Set(), edges: new Set() };
    for (const alias of pkg.aliases) entry.aliases.add(alias);
    for (const edge of pkg.requires) entry.edges.add(edgeKey(edge));
    known.set(keyOf(pkg), entry);
  }
  return set.packages.flatMap((pkg): Finding[] => {
    const { purl, at } = pkg;
    const shared = { effect: "note", purl, at } as const;
    const review = "Review it as you would a new dependency.";
    const before = known.get(keyOf(pkg));
    const aliases = pkg.aliases.filter((alias) => before?.aliases.has(alias) !== true);
    const edges = before === undefined ? [] : pkg.requires.filter((edge) => !before.edges.has(edgeKey(edge)));
    return [
      ...(before === undefined
        ? [
            {
              ...shared,
              code: "drift/new-package" as const,
              why: `${pkg.name} is not in the base lockfile.`,
              fix: review,
            },
          ]
        : []),
      ...(aliases.length === 0
        ? []
        : [
            {
              ...shared,
              code: "drift/alias" as const,
              why: `${pkg.name} is newly installed as ${aliases.toSorted().join(", ")}: code that asks for that name gets this package.`,
              fix: "Make sure that this is meant: an alias is how one package takes another's place.",
            },
          ]),
      ...(edges.length === 0
        ? []
        : [
            {
              ...shared,
              code: "drift/edge" as const,
              why: `${pkg.name} newly requires ${edges
                .map(({ as, purl: target }) => `${as} (${target})`)
                .toSorted()
                .join(", ")}.`,
              fix: "Compare with the package's own manifest: an invented edge installs what nobody asked for.",
            },
          ]),
    ];
  });
}

/** Ecosystem and name for a package of an ecosystem; kind of source and name for any other. */
function keyOf({ purl, name, source }: LockedPackage): string {
  return `${parsePurl(purl)?.ecosystem ?? source.kind} ${name}`;
}

/** An edge without its version: an update is not news. */
function edgeKey({ as, purl }: { as: string; purl: string }): string {
  const target = parsePurl(purl);
  return JSON.stringify([as, target === null ? purl : `${target.ecosystem} ${target.name}`]);
}
