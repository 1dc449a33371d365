import { quote, type JsonFields, type JsonLockfile } from "./json-lockfile.ts";
import type { PackageLockEntry } from "./package-lock-entry.ts";
import type { PackageTree, Place } from "./package-locations.ts";

type Tree = PackageTree<PackageLockEntry>;

/**
 * Compares the `dependencies` tree, which npm before 7 installs from, with `packages`, which is what was read: a
 * lock that says two things would be verified as one and installed as the other.
 */
export function compareLegacyTree(lock: JsonLockfile, tree: Tree, root: Place<PackageLockEntry>): void {
  const dependencies = lock.root.fields("dependencies");
  if (dependencies !== null) compareLevel(lock, tree, root, dependencies);
}

function compareLevel(
  lock: JsonLockfile,
  tree: Tree,
  place: Place<PackageLockEntry>,
  level: JsonFields,
): void {
  const children = level.children();
  if (!lock.within(children.length)) return;
  for (const { key, fields } of children) {
    const child = place.children?.get(key);
    const entry = child?.entry ?? null;
    if (child === undefined || entry === null) {
      report(lock, fields, `${quote(key)} stands in \`dependencies\` and not at its place in \`packages\`.`);
      continue;
    }
    const difference = firstDifference(entry, fields);
    if (difference !== null) {
      report(
        lock,
        fields,
        `\`dependencies\` and \`packages\` disagree on ${difference} of ${quote(key)}.`,
        entry.purl,
      );
    }
    const nested = fields.fields("dependencies");
    const below = entry.link === null ? child : (tree.folder(entry.link.target) ?? child);
    if (nested !== null) compareLevel(lock, tree, below, nested);
  }
}

function firstDifference(entry: PackageLockEntry, legacy: JsonFields): string | null {
  const resolved = entry.fields.text("resolved");
  const integrity = legacy.text("integrity");
  if (integrity !== entry.fields.text("integrity")) return "the digest";
  const address = legacy.text("resolved");
  if (address !== null && address !== resolved) return "the address";
  const version = legacy.text("version") ?? "";
  const { name } = entry;
  const same =
    version === entry.version ||
    version === `npm:${name}@${entry.version}` ||
    (resolved !== null && (version === resolved || (entry.link !== null && version === `file:${resolved}`)));
  return same ? null : "the version";
}

function report(lock: JsonLockfile, fields: JsonFields, why: string, purl?: string): void {
  lock.problem({
    code: "lockfile/conflicting-entries",
    at: fields.at,
    why: `${why} npm before 7 installs from the former, newer ones from the latter.`,
    fix: "Drop the old tree: `npm install --package-lock-only --lockfile-version 3`.",
    ...(purl === undefined ? {} : { purl }),
  });
}
