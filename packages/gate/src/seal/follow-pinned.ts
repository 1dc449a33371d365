import {
  formatInstant,
  readSignedRoot,
  sameDigest,
  startOf,
  trustLimits,
  type Finding,
  type RootMetadata,
} from "@countersign/core";
import { editableRoot, isInside, readBounded } from "../project/bounded-file.ts";
import { isCi } from "../project/ci.ts";
import { rootName, trustFolder, type RootFolder } from "./root-folder.ts";
import { alteredVersion, chainOf, firstRoot, lastOf, walkTrust, type TrustWalk } from "./trust-chain.ts";
import { TrustMemory, type KnownVersion } from "./trust-memory.ts";
import {
  flagPath,
  refused,
  unavailable,
  type Pin,
  type TrustSources,
  type TrustStore,
} from "./trust-store.ts";

type Pinned = {
  root: RootMetadata;
  by: Pin;
  /** Versions before the pin that the same authority vouches for. */ before: readonly RootMetadata[];
};

/**
 * Chooses the pin by authority (managed policy, `--trust-root`, the trusted base, what this machine remembers), walks
 * from it over the project's files and holds the outcome against all that is known to be newer.
 */
export async function followPinned(sources: TrustSources, notes: readonly Finding[]): Promise<TrustStore> {
  const { options, project } = sources;
  const memory = await TrustMemory.open(options.directory, options.environment, options.origin);
  const recalled = (await memory?.recall()) ?? { state: "none" as const };
  if (recalled.state === "failed") return refused(unreadableMemory(memory?.path ?? "", recalled.detail));
  const remembered = recalled.state === "known" ? recalled.versions : [];
  const pinned = await pinOf(sources, remembered, memory?.path ?? "");
  if ("code" in pinned) return refused(pinned, ...notes);
  const floors = [
    { versions: remembered, place: memory?.path ?? "", what: "this machine has seen" },
    ...(pinned.by === "flag" ? await baseFloor(sources) : []),
  ];
  const trusted = [...pinned.before, pinned.root].map(knownOf);
  for (const known of [trusted, ...floors.map(({ versions }) => versions)]) {
    const altered = await alteredVersion(project, known);
    if (altered !== null) return refused(altered, ...notes);
  }
  const walk = await walkTrust(pinned.root, project);
  const findings = [...notes, ...walk.findings];
  if (walk.refused) return refused(...findings);
  const chain = [...trusted, ...walk.chain.slice(1).map(knownOf)];
  for (const floor of floors) {
    const problem = floorProblem(chain, floor);
    if (problem !== null) return refused(problem, ...findings);
  }
  const unwritten = (await memory?.remember(chain)) ?? null;
  if (unwritten !== null && memory !== null) findings.push(notRemembered(memory.path, unwritten));
  const { root } = lastOf(walk);
  if (root.expires <= options.environment.now) findings.push(expired(root.version, root.expires));
  return { state: "available", root, pinnedBy: pinned.by, findings };
}

async function pinOf(
  sources: TrustSources,
  remembered: readonly KnownVersion[],
  memoryPath: string,
): Promise<Pinned | Finding> {
  const { managed, base, project, options } = sources;
  if (managed !== null) {
    if (options.trustRoot !== null) return overManaged(options.trustRoot);
    return newestOf(await chainOf(managed), "managed", project);
  }
  const flag = flagPath(options);
  if (flag !== null) return (remembered.length === 0 ? ownWordInCi(sources, flag) : null) ?? flagged(flag);
  if (base !== null && base.versions.length > 0)
    // A change that was merged may have put files there; before version 1 there is no place for one.
    return base.versions[0] === 1
      ? newestOf(await chainOf(base), "base", project)
      : unavailable(
          `${trustFolder}/${rootName(1)}`,
          `${options.base ?? ""} has no version 1, with which the chain begins`,
        );
  const newest = remembered.at(-1);
  return newest === undefined ? unpinned(sources) : rememberedRoot(project, newest, memoryPath);
}

function newestOf(walk: TrustWalk | Finding | null, by: Pin, { path }: RootFolder): Pinned | Finding {
  if (walk === null) return unavailable(path, "it has no root");
  if ("code" in walk) return walk;
  const wrong = walk.refused ? walk.findings[0] : undefined;
  return wrong ?? { root: lastOf(walk), by, before: walk.chain.slice(0, -1) };
}

async function flagged(path: string): Promise<Pinned | Finding> {
  const file = await readBounded(path, trustLimits.bytes, null);
  if (file.state !== "found")
    return unavailable(path, file.state === "missing" ? "there is no such file" : file.detail);
  const read = readSignedRoot(file.bytes);
  if (read.ok) return { root: read.value, by: "flag", before: [] };
  return {
    code: read.code,
    effect: "block",
    at: startOf(path),
    why: `The root that --trust-root names cannot be trusted: ${read.detail}.`,
    fix: "Name a root that its own root keys have signed; countersign trust list shows which are.",
  };
}

/**
 * A person compares the fingerprint of the project's own file once; a job on a fresh machine compares nothing, so there
 * the flag would have every change pin its own signers.
 */
function ownWordInCi({ options, base }: TrustSources, path: string): Finding | null {
  const inCi = isCi(options.environment.variables);
  const own = isInside(path, editableRoot(options.directory, options.environment.home));
  if (!inCi || !own || base !== null) return null;
  return {
    code: "trust/unpinned",
    effect: "block",
    at: startOf(path),
    why: "--trust-root names a file of the checked change itself, so in CI each change would say whom to trust.",
    fix: "Name the trusted commit with --base, or a file that the change cannot edit.",
  };
}

/** The project's file of the newest version that is remembered: its digest says that it is the one. */
async function rememberedRoot(
  project: RootFolder,
  { version, digest }: KnownVersion,
  memoryPath: string,
): Promise<Pinned | Finding> {
  if (!project.versions.includes(version))
    return rolledBack(version, project.versions.at(-1) ?? 0, memoryPath, "this machine has seen");
  const altered = await alteredVersion(project, [{ version, digest }]);
  if (altered !== null) return altered;
  const root = await firstRoot(project, version);
  return "code" in root ? root : { root, by: "memory", before: [] };
}

/** What is known to be trusted elsewhere, where that is written down if it may be removed, and who says so. */
type Floor = { versions: readonly KnownVersion[]; place: string; what: string };

/** A flag does not outdo the base: what the base has already is the least. */
async function baseFloor({
  base,
}: TrustSources): Promise<{ versions: readonly KnownVersion[]; place: string; what: string }[]> {
  const walk = base === null ? null : await chainOf(base);
  if (walk === null || "code" in walk) return [];
  return [{ versions: walk.chain.map(knownOf), place: "", what: "the trusted base has" }];
}

function floorProblem(chain: readonly KnownVersion[], { versions, place, what }: Floor): Finding | null {
  const newest = versions.at(-1);
  const reached = chain.at(-1);
  if (newest === undefined || reached === undefined) return null;
  const digests = new Map(versions.map(({ version, digest }) => [version, digest]));
  const other = chain.find(({ version, digest }) => {
    const seen = digests.get(version);
    return seen !== undefined && !sameDigest(seen, digest);
  });
  if (other !== undefined) return otherThanSeen(other.version, place, what);
  return reached.version < newest.version ? rolledBack(newest.version, reached.version, place, what) : null;
}

const knownOf = ({ root: { version, digest } }: RootMetadata): KnownVersion => ({ version, digest });

const atRoot = (version: number): Finding["at"] => startOf(`${trustFolder}/${rootName(version)}`);

const forget = (place: string): string =>
  place === "" ? "" : `\nIf the store was begun anew and you have compared fingerprints, remove ${place}`;

const rolledBack = (seen: number, here: number, place: string, what: string): Finding => ({
  code: "trust/rollback",
  effect: "block",
  at: atRoot(Math.max(here, 1)),
  why: `The trust store ends at version ${here}, and ${what} version ${seen}: an older one may trust a key that is revoked since.`,
  fix: `Take ${trustFolder} from the trusted branch, such as: git checkout origin/main -- ${trustFolder}${forget(place)}`,
});

const otherThanSeen = (version: number, place: string, what: string): Finding => ({
  code: "trust/forked",
  effect: "block",
  at: atRoot(version),
  why: `Version ${version} of the trust store is another one than ${what}.`,
  fix: `Take ${trustFolder} from the trusted branch, such as: git checkout origin/main -- ${trustFolder}${forget(place)}`,
});

const unreadableMemory = (path: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "block",
  at: startOf(path),
  why: `What this machine remembers of the trust store cannot be read, so a rollback would not show: ${detail}.`,
  fix: `Compare the fingerprint that countersign trust list shows with a colleague's, then remove ${path} and run once with --trust-root`,
});

const notRemembered = (path: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "note",
  at: startOf(path),
  why: `This version of the trust store could not be remembered, so a later rollback would not show here: ${detail}.`,
  fix: `Make ${path} writable.`,
});

const expired = (version: number, at: number): Finding => ({
  code: "trust/expired",
  effect: "block",
  at: atRoot(version),
  why: `Version ${version} of the trust store expired on ${formatInstant(at)}: whoever withholds a newer one can keep a revoked key alive.`,
  fix: "countersign trust rotate --key FILE renews it",
});

const overManaged = (trustRoot: string): Finding => ({
  code: "policy/loosens",
  effect: "block",
  at: startOf(trustRoot),
  why: "A managed policy pins the trust store, and --trust-root names another one.",
  fix: "Leave --trust-root out; put roots into the folder trust beside the managed policy.",
});

function unpinned({ base, project, options }: TrustSources): Finding {
  const first = `${trustFolder}/${rootName(project.versions[0] ?? 1)}`;
  const byBase =
    base === null
      ? "countersign verify --base origin/main trusts the store of that commit; or: "
      : `${options.base ?? ""} has no trust store: merge it first; or: `;
  return {
    code: "trust/unpinned",
    effect: "block",
    at: startOf(first),
    why: "The project has a trust store, and nothing outside of the checked change says that it is the right one: a change could bring its own signers.",
    fix: `${byBase}compare the fingerprint that countersign trust list shows with a colleague's, and run once with --trust-root ${first}`,
  };
}
