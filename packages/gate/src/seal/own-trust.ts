import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  policyPath,
  readRootDocument,
  readRootMetadata,
  readSignedRoot,
  startOf,
  type Finding,
  type RootMetadata,
} from "@countersign/core";
import { withinRepository } from "../project/repository.ts";
import { projectFolder, rootName, trustFolder, type RootFolder } from "./root-folder.ts";
import { chainOf } from "./trust-chain.ts";
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

/** The directory that a trust store is in or belongs in: the nearest with one or with a policy, within the repository. */
export function trustHome(start: string): string {
  const holds = (directory: string): boolean =>
    existsSync(join(directory, trustFolder)) || existsSync(join(directory, policyPath));
  return withinRepository(start).find(holds) ?? resolve(start);
}

export async function readOwnTrust(directory: string): Promise<OwnTrust> {
  const opened = await projectFolder(directory);
  if (!opened.ok) return unusable(trustFolder, opened.detail);
  const { folder } = opened;
  const [lowest] = folder.versions;
  if (lowest === undefined) return { state: "none" };
  if (lowest === 1 && (await isUnsigned(folder))) return waiting(folder, [], 1);
  const walk = await chainOf(folder);
  if (walk === null) return { state: "none" };
  if ("code" in walk) return { state: "unusable", finding: walk };
  const [finding] = walk.findings;
  if (finding !== undefined && (walk.refused || finding.code === "trust/version-gap"))
    return { state: "unusable", finding };
  return waiting(folder, walk.chain, (walk.chain.at(-1) ?? walk.chain[0]).root.version + 1);
}

async function isUnsigned(folder: RootFolder): Promise<boolean> {
  const file = await folder.read(1);
  const read = file.state === "found" ? readSignedRoot(file.bytes) : null;
  return read?.ok === false && read.code === "trust/threshold";
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
 * Remembers the first version of a trust store on the machine of whoever made it.
 * @returns why it could not, or null
 */
export async function rememberOwn(
  directory: string,
  environment: StatePlace,
  { root: { version, digest } }: RootMetadata,
): Promise<string | null> {
  const memory = await TrustMemory.open(directory, environment);
  return memory === null ? "its place lies inside of the project" : memory.remember([{ version, digest }]);
}
