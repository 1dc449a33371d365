import { join } from "node:path";
import { startOf, type Finding, type Instant } from "@countersign/core";
import { hostAndPath } from "../registry/address.ts";
import type { Client } from "../registry/client.ts";
import type { TufRepository } from "./seeds.ts";
import { readTufSnapshot, refreshTuf } from "./tuf.ts";

/** Sigstore's and the registries' trust material as documents, not yet read. */
export type SigstoreRoot = {
  /** `trusted_root.json` documents; their authorities and logs are united. */
  documents: readonly string[];
  /** `keys.json` targets by host and path (`registry.example/npm`), plus key files that name no registry. */
  keys: ReadonlyMap<string, string>;
  /** Where it came from: files, a refresh in this run, the last refresh, or what the library embeds. */
  source: "file" | "tuf" | "cache" | "seed";
  /** When it was last known to be current. */
  asOf: Instant;
};
export type RootResult = { root: SigstoreRoot | null; findings: readonly Finding[] };

/** A trusted_root.json given by hand; `asOf` is when it was last written. */
export type RootFile = { path: string; text: string; asOf: Instant };

export type RootOptions = {
  /** `--trusted-root` and policy `trust.roots`, read; given any, nothing else is used. */
  files: readonly RootFile[];
  repository: () => TufRepository;
  cacheDirectory: string;
  offline: boolean;
  /** Longest age that counts as current, in milliseconds (policy `trust.maxAge`). */
  maximumAge: number;
  now: Instant;
  client: Client;
};

/** A refreshed root is used for a day before the repository is asked again. */
const refreshAfter = 86_400_000;

/**
 * Finds the sigstore root: files if given, else the last refresh while it is fresh, else TUF, else what is left
 * (the last refresh, or the library's seeds), with its staleness said.
 */
export async function loadSigstoreRoot(options: RootOptions): Promise<RootResult> {
  if (options.files.length > 0) return fromFiles(options);
  const repository = options.repository();
  const directory = join(
    options.cacheDirectory,
    "sigstore",
    encodeURIComponent(hostAndPath(`${repository.url}/`)),
  );
  const cached = readTufSnapshot(directory);
  if (cached !== null && Math.abs(options.now - cached.at) < refreshAfter)
    return found(options, "cache", cached.at, cached.targets);
  let problem = "the run is offline";
  if (!options.offline) {
    const refreshed = await refreshTuf(repository, directory, options.client, options.now);
    if (refreshed.ok) return found(options, "tuf", refreshed.snapshot.at, refreshed.snapshot.targets);
    problem = refreshed.detail;
  }
  return cached !== null
    ? found(options, "cache", cached.at, cached.targets, problem)
    : found(options, "seed", repository.seededAt, repository.targets, problem);
}

/** Address of the registry that `speaksFor: public` means: the one whose keys the seeds carry. */
export function publicRegistry(repository: TufRepository): string | null {
  for (const name of repository.targets.keys()) {
    if (name.endsWith("/keys.json")) return `https://${name.slice(0, -"keys.json".length)}`;
  }
  return null;
}

function found(
  options: RootOptions,
  source: SigstoreRoot["source"],
  asOf: Instant,
  targets: ReadonlyMap<string, string>,
  problem?: string,
): RootResult {
  const document = targets.get("trusted_root.json");
  const keys = new Map<string, string>();
  for (const [name, text] of targets)
    if (name.endsWith("/keys.json")) keys.set(name.slice(0, -"/keys.json".length), text);
  const findings: Finding[] = [];
  if (document === undefined)
    findings.push(unavailable(problem ?? "the repository has no trusted_root.json"));
  const age = options.now - asOf;
  if (age > options.maximumAge) findings.push(stale(source, age, problem));
  return { root: { documents: document === undefined ? [] : [document], keys, source, asOf }, findings };
}

function fromFiles({ files, maximumAge, now }: RootOptions): RootResult {
  const asOf = Math.min(...files.map((file) => file.asOf));
  const age = now - asOf;
  const findings = age > maximumAge ? [stale("file", age)] : [];
  return {
    root: { documents: files.map(({ text }) => text), keys: new Map(), source: "file", asOf },
    findings,
  };
}

const days = (milliseconds: number): number => Math.floor(milliseconds / 86_400_000);

const stale = (source: string, age: number, problem?: string): Finding => ({
  code: "root/stale",
  effect: "block",
  at: startOf("sigstore root"),
  why: `The sigstore root (${source}) was last known to be current ${days(age)} days ago${problem === undefined ? "" : `, and could not be refreshed: ${problem}`}. Keys that were revoked since would still be believed.`,
  fix: "Run once with a network, give a newer file with --trusted-root, or raise trust.maxAge in the policy.",
});

const unavailable = (problem: string): Finding => ({
  code: "root/unavailable",
  effect: "block",
  at: startOf("sigstore root"),
  why: `No sigstore root could be had: ${problem}. No attestation can be verified without one.`,
  fix: "Run with a network, or name a file with --trusted-root.",
});
