import {
  defaultBudget,
  judgeSeals,
  policyDigest,
  repositoryAddress,
  sealSubject,
  startOf,
  type BundleVerifier,
  type Digest,
  type Finding,
  type PackageSet,
  type Policy,
  type Resource,
  type SealContext,
  type SealJudgement,
  type SealStatement,
  type SealSubject,
  type SealVerdict,
  type TrustRoot,
} from "@countersign/core";
import { sealedClosureOf } from "../closure/closure.ts";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import type { PolicySources } from "../policy/layers.ts";
import { originUrl, trackedAmong } from "../project/git.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { policyFiles } from "./policy-files.ts";
import { subjectPath } from "./repository.ts";
import { closureResources, nothingRead } from "./resources.ts";
import { approvedAtBase } from "./approved-at-base.ts";
import { mostSeals, readSealFiles, type SealFile, type SealFiles } from "./seal-files.ts";
import { lastSealedState } from "./last-sealed.ts";
import { sealTrustFor, verdictsOf, type TrustGivers } from "./seal-trust.ts";
import { changeFinding, changeSince } from "./sealed-change.ts";
import { loadTrustStore } from "./trust-store.ts";

export type SealChecking = {
  request: VerifyRequest;
  environment: Environment;
  /** Absolute path of the project that the lockfiles' paths count from. */
  directory: string;
  /** Absolute path of the project that it stands for: another one where `directory` is a copy. */
  origin: string;
  /** Absolute path of the directory with `.countersign`. */
  home: string;
  policy: Policy;
  /** The layers of the policy, highest first. */
  sources: PolicySources["sources"];
};

type Checking = SealChecking & TrustGivers;

/** Checks seals of lockfiles of one project under one trust store. */
export type SealChecker = {
  root: TrustRoot | null;
  /** How the trust store was found wanting. */
  store: readonly Finding[];
  /** The same as the policy has it: it blocks where an approval is demanded. */
  findings: readonly Finding[];
  /** Checks the seals over exactly these bytes, before anybody parses them. */
  check(file: DiscoveredLockfile, bytes: Uint8Array): Promise<CheckedSeals>;
  /** Adds to a judgement under which nothing counts what has changed since the last sealed state. */
  explain(file: DiscoveredLockfile, set: PackageSet, checked: CheckedSeals): Promise<SealJudgement>;
  /**
   * The last sealed state of this lockfile; null where nobody trusted sealed one.
   * @param which with other bytes than these, or with these, whatever their closure is now
   */
  lastSealed(subject: SealSubject, which: "other" | "own"): Promise<SealStatement | null>;
  /** Verifies seals over this lockfile, wherever their bytes come from, against the closure as it stands now. */
  verify(seals: readonly SealFile[], file: DiscoveredLockfile, subject: SealSubject): Promise<SealVerdict[]>;
  /** Name under which a seal knows a lockfile. */
  subjectPath(file: DiscoveredLockfile): string;
  closure(file: DiscoveredLockfile, further: readonly string[]): Promise<Resource[]>;
  /** What seals of this repository must name; null when it is not known. */
  repository: string | null;
  /** Digest of the policy that holds. */
  policy: Digest;
};

export type CheckedSeals = {
  judgement: SealJudgement;
  subject: SealSubject | null;
  /** Seals that nobody can judge, since there is no trust store or it is refused. */
  unjudged: number;
};

/** Reads the trust store from where it is pinned. Without one every check still runs, and nothing counts. */
export async function openSealChecker(opening: SealChecking): Promise<SealChecker> {
  const { request, environment, home, policy, sources } = opening;
  let opened: Promise<BundleVerifier | null> | null = null;
  const openKeyless = async (): Promise<BundleVerifier | null> => {
    const { keylessVerifier } = await import("./keyless-verifier.ts");
    return keylessVerifier(request, environment, policy, sources);
  };
  const checking: Checking = { ...opening, bundles: () => (opened ??= openKeyless()) };
  const origin = originUrl(checking.origin);
  const store = await loadTrustStore({
    origin,
    directory: home,
    managedPolicy: sources.find(({ layer }) => layer.kind === "managed")?.layer.path ?? null,
    trustRoot: request.trustRoot,
    base: request.base,
    environment,
    mode: policy.mode,
  });
  const root = store.state === "available" ? store.root : null;
  const repository = root?.repository ?? repositoryAddress((await origin) ?? "");
  const shared = {
    repository,
    ref: request.ref,
    refused: store.state === "refused",
    policy: policyDigest(policy, await policyFiles(policy, sources), environment.now),
    now: environment.now,
  };
  const lastSealed: SealChecker["lastSealed"] = async (subject, which) =>
    root === null ? null : lastSealedState(checking, root, { ...shared, ref: null }, subject, which);
  return {
    root,
    store: store.findings,
    findings: policy.seal.approval === null ? toNotes(store.findings) : store.findings,
    check: (file, bytes) => checkLockfile(checking, root, shared, file, bytes),
    lastSealed,
    verify: async (seals, file, subject) => {
      if (root === null) throw new Error("without a trust store no seal can be verified");
      return verdictsOver(checking, root, shared, { files: seals, many: null }, file, subject);
    },
    subjectPath: ({ path }) => subjectPath(checking.origin, path),
    closure: async (file, further) => (await closureOf(checking, file))(further),
    repository,
    policy: shared.policy,
    explain: async (file, set, { judgement, subject }) => {
      if (subject === null || judgement.verdicts.some(({ outcome }) => outcome === "verified"))
        return judgement;
      const statement = await lastSealed(subject, "other");
      if (statement === null) return judgement;
      const change = await changeSince(checking.origin, file, set, statement, defaultBudget);
      return { ...judgement, findings: [...judgement.findings, changeFinding(file.path, set, change)] };
    },
  };
}

type Shared = Pick<SealContext, "repository" | "ref" | "now"> & { policy: Digest; refused: boolean };

async function checkLockfile(
  checking: Checking,
  root: TrustRoot | null,
  shared: Shared,
  file: DiscoveredLockfile,
  bytes: Uint8Array,
): Promise<CheckedSeals> {
  const { origin, home, policy } = checking;
  const { now } = shared;
  const named = sealSubject(subjectPath(origin, file.path), bytes);
  const judgement = (
    verdicts: readonly SealVerdict[],
    atBase: readonly SealStatement[],
    more: readonly Finding[] = [],
  ): SealJudgement => {
    const judged = judgeSeals(verdicts, policy, {
      path: file.path,
      root,
      refused: shared.refused,
      approvedAtBase: atBase,
      now,
    });
    return { ...judged, findings: [...judged.findings, ...more] };
  };
  if (!named.ok)
    return {
      judgement: judgement([], [], [unsealable(file.path, named.detail)]),
      subject: null,
      unjudged: 0,
    };
  const { subject } = named;
  const seals = await readSealFiles(home, subject.digest.hex);
  if (seals.many !== null)
    return { judgement: judgement([], [], [tooMany(file.path, seals.many)]), subject, unjudged: 0 };
  if (root === null) return { judgement: judgement([], []), subject, unjudged: seals.files.length };
  const verdicts = await verdictsOver(checking, root, shared, seals, file, subject);
  const { statements, findings } = await approvedAtBase(checking, root, shared, subject, file);
  return { judgement: judgement(verdicts, statements, findings), subject, unjudged: 0 };
}

async function verdictsOver(
  checking: Checking,
  root: TrustRoot,
  shared: Shared,
  seals: SealFiles,
  file: DiscoveredLockfile,
  subject: SealSubject,
): Promise<SealVerdict[]> {
  const trust = await sealTrustFor(checking, root, seals);
  return verdictsOf(seals, { ...shared, subject, closure: await closureOf(checking, file) }, trust);
}

/** Looks the closure of a lockfile up, as {@link SealContext} wants it. */
async function closureOf(
  { origin, directory, home }: SealChecking,
  file: DiscoveredLockfile,
): Promise<(sealed: readonly string[]) => Resource[]> {
  const tracked = await trackedOf(directory, file);
  const isTracked = (name: string): boolean => tracked.has(name);
  const place = { origin, directory, home, file, isTracked, readSoFar: nothingRead() };
  return (sealed) => closureResources(place, sealed);
}

/** Asked of git only where an install leaves files that the repository may have. */
async function trackedOf(
  directory: string,
  { path, manager }: DiscoveredLockfile,
): Promise<ReadonlySet<string>> {
  const made = sealedClosureOf(manager).tracked ?? [];
  if (made.length === 0) return new Set();
  const folder = path.includes("/") ? `${path.slice(0, path.lastIndexOf("/"))}/` : "";
  return trackedAmong(
    directory,
    made.map((name) => `${folder}${name}`),
  );
}

const toNotes = (findings: readonly Finding[]): Finding[] =>
  findings.map((finding) => ({ ...finding, effect: "note" }));

const unsealable = (path: string, detail: string): Finding => ({
  code: "seal/malformed",
  effect: "note",
  at: startOf(path),
  why: `No seal can be over this lockfile: ${detail}. Tools disagree on how such bytes are read.`,
  fix: `Regenerate ${path} as UTF-8 text.`,
});

const tooMany = (path: string, many: number): Finding => ({
  code: "seal/too-many",
  effect: "note",
  at: startOf(path),
  why: `This lockfile has ${many} seals, and of more than ${mostSeals} none is read.`,
  fix: "Remove those that count for nothing: countersign seal prune",
});
