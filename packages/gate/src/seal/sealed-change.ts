import {
  compareSets,
  readLockfile,
  sealSubject,
  shellWord,
  startOf,
  type Budget,
  type Finding,
  type LockedPackage,
  type PackageSet,
  type ResourceChanges,
  type SealStatement,
  type SetChanges,
} from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { commitsOf, fileAt } from "../project/git.ts";

/** The last sealed state of a lockfile, and what has changed since; `changes` is null where its bytes are gone. */
export type SealedChange = { statement: SealStatement; changes: SetChanges | null };

/** Commits that are looked through for the bytes of the last sealed state. */
const mostCommits = 30;
const shownNames = 8;

/** Compares a package set with the lockfile that a seal is over, found in the repository's history by its digest. */
export async function changeSince(
  origin: string,
  file: DiscoveredLockfile,
  set: PackageSet,
  statement: SealStatement,
  budget: Budget,
): Promise<SealedChange> {
  for (const commit of await commitsOf(origin, file.path, mostCommits)) {
    const found = await fileAt(origin, commit, file.path);
    if (!found.ok || found.bytes === null) continue;
    const subject = sealSubject(statement.subject.path, found.bytes);
    if (!subject.ok || subject.subject.digest.hex !== statement.subject.digest.hex) continue;
    const before = await readLockfile(file.format, file.path, found.bytes, budget);
    return { statement, changes: before.ok ? compareSets(before.value, set) : null };
  }
  return { statement, changes: null };
}

/** Says whether the bytes were only laid out anew since a seal, or what came, went and changed. */
export function changeFinding(path: string, set: PackageSet, { statement, changes }: SealedChange): Finding {
  const by = `${statement.claim.signer.id} sealed it last`;
  if (statement.claim.setDigest.hex === set.setDigest.hex) {
    return {
      code: "lockfile/reformatted",
      effect: "note",
      at: startOf(path),
      why: `${by}: the packages are the same, the bytes are not, and a seal is over the bytes.`,
      fix: `Restore the bytes, or sign these: countersign sign --approve --key FILE --lockfile ${shellWord(path)}`,
    };
  }
  return {
    code: "lockfile/content-changed",
    effect: "note",
    at: startOf(path),
    why: `${by}, with other packages. ${changes === null ? "That lockfile is not in the repository's history, so what changed cannot be listed." : changesText(changes)}`,
    fix: "Review what changed as you would review code, and have it approved.",
  };
}

/** `2 added: a@1.0.0, b@2.0.0; 1 updated: c@1.0.0 → c@1.1.0`. */
export function changesText({ added, removed, updated, altered }: SetChanges): string {
  const parts = [
    listed("added", added.map(nameOf)),
    listed("removed", removed.map(nameOf)),
    listed(
      "updated",
      updated.map(({ from, to }) => `${nameOf(from)} → ${to.version}`),
    ),
    listed(
      "changed under the same version",
      altered.map(({ to }) => nameOf(to)),
    ),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "No package changed." : `${parts.join("; ")}.`;
}

/** `2 changed: .npmrc, .pnpmfile.cjs`: files are named, git shows what is in them. */
export function resourcesText({ added, removed, changed }: ResourceChanges): string {
  const parts = [listed("added", added), listed("removed", removed), listed("changed", changed)].filter(
    (part) => part !== "",
  );
  return parts.length === 0 ? "no file changed" : parts.join("; ");
}

const nameOf = ({ name, version }: LockedPackage): string => `${name}@${version}`;

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > shownNames ? ` and ${names.length - shownNames} more` : "";
  return `${names.length} ${what}: ${names.slice(0, shownNames).join(", ")}${more}`;
}
