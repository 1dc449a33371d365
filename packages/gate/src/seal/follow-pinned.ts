import {
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
import {
  alteredVersion,
  chainOf,
  firstRoot,
  firstWaitsFor,
  lastOf,
  walkTrust,
  type TrustWalk,
} from "./trust-chain.ts";
import {
  expired,
  notRemembered,
  overManaged,
  rolledBack,
  trustedCommit,
  unfinished,
  unpinned,
  unreadableMemory,
} from "./trust-findings.ts";
import { floorProblem, knownOf, type Floor } from "./trust-floor.ts";
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
  const commit = trustedCommit(options.directory, options.base);
  const seen: Floor = {
    versions: remembered,
    back: { commit, memory: memory?.path ?? null },
    what: "this machine has seen",
  };
  const pinned = await pinOf(sources, seen);
  if ("code" in pinned) return refused(pinned, ...notes);
  const floors = [seen, ...(await baseFloor(sources, pinned))];
  const trusted = [...pinned.before, pinned.root].map(knownOf);
  for (const { versions, back } of [{ versions: trusted, back: { commit, memory: null } }, ...floors]) {
    const altered = await alteredVersion(project, versions, back);
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

async function pinOf(sources: TrustSources, seen: Floor): Promise<Pinned | Finding> {
  const { managed, base, project, options } = sources;
  if (managed !== null) {
    if (options.trustRoot !== null) return overManaged(options.trustRoot);
    return newestOf(await chainOf(managed), "managed", project);
  }
  const flag = flagPath(options);
  if (flag !== null) return (seen.versions.length === 0 ? ownWordInCi(sources, flag) : null) ?? flagged(flag);
  if (base !== null && base.versions.length > 0)
    // A change that was merged may have put files there; before version 1 there is no place for one.
    return base.versions[0] === 1
      ? newestOf(await chainOf(base), "base", project)
      : unavailable(
          `${trustFolder}/${rootName(1)}`,
          `${options.base ?? ""} has no version 1, with which the chain begins`,
        );
  return seen.versions.length === 0 ? pinless(sources) : rememberedRoot(project, seen);
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
    fix:
      read.code === "trust/threshold"
        ? "countersign trust sign --key FILE signs the version that waits for it; till then name another one."
        : "Name a root that its own root keys have signed; countersign trust list shows which are.",
  };
}

/**
 * A person compares the fingerprint of the project's own file once; a job on a fresh machine compares nothing, so there
 * the flag would have every change pin its own signers.
 */
function ownWordInCi({ options, base }: TrustSources, path: string): Finding | null {
  const inCi = isCi(options.environment.variables);
  const own = isInside(path, editableRoot(options.directory, options.environment.home));
  // A base without a store holds nothing against what the change brings.
  if (!inCi || !own || (base?.versions.length ?? 0) > 0) return null;
  return {
    code: "trust/unpinned",
    effect: "block",
    at: startOf(path),
    why: "--trust-root names a file of the checked change itself, so in CI each change would say whom to trust.",
    fix: "Name the trusted commit with --base, or a file that the change cannot edit.",
  };
}

/** Nothing says that the store is the right one; where nobody could, since it has never counted, that comes first. */
async function pinless({ options, project }: TrustSources): Promise<Finding> {
  const waitsFor = await firstWaitsFor(project);
  if (waitsFor !== null) return unfinished(waitsFor);
  return unpinned(project.versions[0] ?? 1, options.directory, options.base);
}

/** The project's file of the newest version that is remembered: its digest says that it is the one. */
async function rememberedRoot(
  project: RootFolder,
  { versions, back, what }: Floor,
): Promise<Pinned | Finding> {
  const newest = versions.at(-1) as KnownVersion;
  if (!project.versions.includes(newest.version))
    return rolledBack(newest.version, project.versions.at(-1) ?? 0, back, what);
  const altered = await alteredVersion(project, [newest], back);
  if (altered !== null) return altered;
  const root = await firstRoot(project, newest.version);
  return "code" in root ? root : { root, by: "memory", before: [] };
}

/**
 * No other pin outdoes the base: what the base has already is the least. Only the administrator may say that the base
 * has another store than the right one.
 */
async function baseFloor({ base, options }: TrustSources, { root, by }: Pinned): Promise<Floor[]> {
  const walk = base === null || by === "base" ? null : await chainOf(base);
  if (walk === null || "code" in walk) return [];
  const versions = walk.chain.map(knownOf);
  const pin = knownOf(root);
  const same = versions.some(
    ({ version, digest }) => version === pin.version && sameDigest(digest, pin.digest),
  );
  if (by === "managed" && !same) return [];
  return [{ versions, back: { commit: options.base, memory: null }, what: "the trusted base has" }];
}
