import { resolve } from "node:path";
import {
  readRootDocument,
  readRootMetadata,
  sameDigest,
  shellWord,
  startOf,
  type Finding,
  type RootMetadata,
} from "@countersign/core";
import { nearestPolicy } from "../policy/mode.ts";
import { projectFolder, rootName, trustFolder, type RootFolder } from "./root-folder.ts";
import { chainOf, firstWaitsFor } from "./trust-chain.ts";
import { trustedCommit, unreadableMemory } from "./trust-findings.ts";
import { floorProblem, knownOf } from "./trust-floor.ts";
import { nearestTrust } from "./trust-directory.ts";
import { TrustMemory } from "./trust-memory.ts";
import type { StatePlace } from "../project/state-directory.ts";

/**
 * A project's trust store as its own files have it, for whoever edits it. It says what is consistent, not whom to
 * trust: that is loadTrustStore's.
 */
export type OwnTrust =
  | { state: "none" }
  | {
      state: "found";
      /** Versions that enough keys have signed; [] where version 1 itself waits for signatures. */
      chain: readonly RootMetadata[];
      /** The version after them, which waits for signatures. */
      pending: RootMetadata | null;
    }
  | { state: "unusable"; finding: Finding };

/**
 * The directory that a trust store is in or belongs in, as a verification finds it: the nearest with a policy, within the
 * repository, else the nearest with a trust store.
 */
export const trustHome = (start: string): string =>
  nearestPolicy(start) ?? nearestTrust(start) ?? resolve(start);

export async function readOwnTrust(directory: string): Promise<OwnTrust> {
  const opened = await projectFolder(directory);
  if (!opened.ok) return unusable(trustFolder, opened.detail);
  const { folder } = opened;
  const [lowest] = folder.versions;
  if (lowest === undefined) return { state: "none" };
  if (lowest === 1 && (await firstWaitsFor(folder)) !== null) return waiting(folder, [], 1);
  const walk = await chainOf(folder);
  if (walk === null) return { state: "none" };
  if ("code" in walk) return { state: "unusable", finding: walk };
  const [finding] = walk.findings;
  if (finding !== undefined && (walk.refused || finding.code === "trust/version-gap"))
    return { state: "unusable", finding };
  return waiting(folder, walk.chain, (walk.chain.at(-1) ?? walk.chain[0]).root.version + 1);
}

/** What nobody of ours wrote is not edited, and so not overwritten. */
async function waiting(
  folder: RootFolder,
  chain: readonly RootMetadata[],
  version: number,
): Promise<OwnTrust> {
  const file = await folder.read(version);
  if (file.state === "missing") return { state: "found", chain, pending: null };
  const path = `${folder.path}/${rootName(version)}`;
  if (file.state === "failed") return unusable(path, file.detail);
  const document = readRootDocument(file.bytes);
  const read = document.ok ? readRootMetadata(document.value) : document;
  if (!read.ok) return unusable(path, read.detail);
  if (read.value.root.version !== version)
    return unusable(path, `it says version ${read.value.root.version}`);
  return { state: "found", chain, pending: read.value };
}

const unusable = (path: string, detail: string): OwnTrust => ({
  state: "unusable",
  finding: {
    code: "trust/malformed",
    effect: "block",
    at: startOf(path),
    why: `This file of the trust store cannot be edited: ${detail}.`,
    fix: `git log -- ${path} shows who wrote it; repair or remove it.`,
  },
});

/**
 * Remembers the first version of a trust store on the machine of whoever made it. Another store that is remembered is
 * not written over: only a person can say that it was begun anew.
 * @returns why it is not remembered, or null
 */
export async function rememberOwn(
  directory: string,
  environment: StatePlace,
  { root: { version, digest } }: RootMetadata,
): Promise<string | null> {
  const memory = await TrustMemory.open(directory, environment);
  if (memory === null) return "its place lies inside of the project";
  const before = await memory.recall();
  const other =
    before.state === "known" &&
    before.versions.some((known) => known.version !== version || !sameDigest(known.digest, digest));
  return other
    ? `it remembers another trust store of this project, or a newer version; once you have compared fingerprints: rm -r ${shellWord(memory.path)}`
    : memory.remember([{ version, digest }]);
}

/**
 * Whether this machine knows the chain that an edit follows. Whoever signs on top of another one vouches for all of
 * it: its keys and signers come along with the change that was meant.
 * @returns `unknown` where nothing is remembered
 */
export async function recallChain(
  directory: string,
  environment: StatePlace,
  chain: readonly RootMetadata[],
): Promise<"known" | "unknown" | Finding> {
  const memory = await TrustMemory.open(directory, environment);
  const recalled = (await memory?.recall()) ?? { state: "none" as const };
  if (memory === null || recalled.state === "none") return "unknown";
  if (recalled.state === "failed") return unreadableMemory(memory.path, recalled.detail);
  const back = { commit: trustedCommit(directory, null), memory: memory.path };
  const seen = { versions: recalled.versions, back, what: "this machine has seen" };
  return floorProblem(chain.map(knownOf), seen) ?? "known";
}
