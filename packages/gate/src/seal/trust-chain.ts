import {
  nextTrusted,
  readRootDocument,
  readSignedRoot,
  rootDigest,
  sameDigest,
  startOf,
  type Code,
  type Finding,
  type RootMetadata,
} from "@countersign/core";
import { rootName, type RootFolder } from "./root-folder.ts";
import { forked, withoutFirst, type WayBack } from "./trust-findings.ts";
import type { KnownVersion } from "./trust-memory.ts";

/** Where a walk over a trust store came to. `refused`: the findings block, and the last root is not to be used. */
export type TrustWalk = {
  /** The pin first, the newest trusted version last. */
  chain: readonly [RootMetadata, ...RootMetadata[]];
  refused: boolean;
  findings: readonly Finding[];
};

export const lastOf = ({ chain }: TrustWalk): RootMetadata => chain.at(-1) ?? chain[0];

/**
 * Walks from a trusted root over the versions that follow it in a folder, asking for each by name. A file that not
 * enough keys have signed is a note, whatever it holds: anybody who may propose a change can put one there.
 */
export async function walkTrust(pin: RootMetadata, folder: RootFolder): Promise<TrustWalk> {
  const chain: [RootMetadata, ...RootMetadata[]] = [pin];
  for (;;) {
    const last = chain.at(-1) ?? pin;
    const version = last.root.version + 1;
    const file = await folder.read(version);
    if (file.state === "missing") {
      const gap = await gapAfter(last, folder);
      return { chain, refused: gap?.effect === "block", findings: gap === null ? [] : [gap] };
    }
    const next =
      file.state === "failed"
        ? ({ state: "pending", code: "trust/malformed", detail: file.detail } as const)
        : nextTrusted(last, file.bytes);
    if (next.state === "accepted") {
      chain.push(next.value);
      continue;
    }
    const refused = next.state === "refused";
    const path = `${folder.path}/${rootName(version)}`;
    const finding = refused
      ? wrongRoot(path, next.code, next.detail)
      : pendingRoot(path, next.code, next.detail, last);
    return { chain, refused, findings: [finding] };
  }
}

/**
 * The chain of a folder that is trusted as a whole, from its lowest version on; a file that waits for signatures there
 * is no more trusted than elsewhere. null where it has no version.
 */
export async function chainOf(folder: RootFolder): Promise<TrustWalk | Finding | null> {
  const [lowest] = folder.versions;
  if (lowest === undefined) return null;
  const first = await firstRoot(folder, lowest);
  return "code" in first ? first : walkTrust(first, folder);
}

/** One root as somebody named it, held against its own threshold. */
export async function firstRoot(folder: RootFolder, version: number): Promise<RootMetadata | Finding> {
  const path = `${folder.path}/${rootName(version)}`;
  const file = await folder.read(version);
  if (file.state !== "found")
    return wrongRoot(
      path,
      "trust/root-unavailable",
      file.state === "missing" ? "it is not there" : file.detail,
    );
  const read = readSignedRoot(file.bytes);
  if (!read.ok) return wrongRoot(path, read.code, read.detail);
  return read.value.root.version === version
    ? read.value
    : wrongRoot(path, "trust/malformed", `it says version ${read.value.root.version}`);
}

/** How many signatures version 1 lacks, in a few words; null where it has them, or is no root. */
export async function firstWaitsFor(folder: RootFolder): Promise<string | null> {
  const file = await folder.read(1);
  const read = file.state === "found" ? readSignedRoot(file.bytes) : null;
  return read?.ok === false && read.code === "trust/threshold" ? read.detail : null;
}

/**
 * The first of the known versions that the checked project has otherwise: a change that brings its own signers, now or,
 * with an older version that nobody looks at, once it is merged and has become the base. null where all are the same;
 * newer ones may be missing, as on a branch that is behind.
 */
export async function alteredVersion(
  folder: RootFolder,
  known: readonly KnownVersion[],
  back: WayBack,
): Promise<Finding | null> {
  for (const { version, digest } of known) {
    const path = `${folder.path}/${rootName(version)}`;
    const file = await folder.read(version);
    if (file.state === "missing") {
      if (version === 1 && folder.versions.length > 0) return withoutFirst(path, back);
      continue;
    }
    const document = file.state === "found" ? readRootDocument(file.bytes) : null;
    const own = document?.ok === true ? rootDigest(document.value.signed) : null;
    if (own === null || !sameDigest(own, digest)) return forked(path, version, back);
  }
  return null;
}

/** A version further on that its own keys have signed shows that one in between was lost; anything else is litter. */
async function gapAfter(last: RootMetadata, folder: RootFolder): Promise<Finding | null> {
  const version = folder.versions.find((each) => each > last.root.version + 1);
  if (version === undefined) return null;
  const later = await firstRoot(folder, version);
  const missing = last.root.version + 1;
  return {
    code: "trust/version-gap",
    effect: "code" in later ? "note" : "block",
    at: startOf(`${folder.path}/${rootName(version)}`),
    why: `Version ${missing} of the trust store is missing, and it may have revoked a key.`,
    fix: `git log --all -- ${folder.path}/${rootName(missing)} finds it; restore it, or remove version ${version}.`,
  };
}

const pendingRoot = (path: string, code: Code, detail: string, last: RootMetadata): Finding => ({
  code,
  effect: "note",
  at: startOf(path),
  why: `It does not count yet: ${detail}. Version ${last.root.version} holds.`,
  fix: code === "trust/threshold" ? "countersign trust sign --key FILE" : `Remove ${path}, or make it anew.`,
});

const wrongRoot = (path: string, code: Code, detail: string): Finding => ({
  code,
  effect: "block",
  at: startOf(path),
  why: `This root of the trust store cannot be trusted: ${detail}.`,
  fix: `${code === "trust/threshold" ? "countersign trust sign --key FILE\n" : ""}git log -- ${path} shows who wrote it; restore the version that you know.`,
});
