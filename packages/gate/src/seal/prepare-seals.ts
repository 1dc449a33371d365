import { dirname, join, posix } from "node:path";
import {
  compareResources,
  compareSets,
  defaultBudget,
  formatDigest,
  sameDigest,
  sealSubject,
  sha256Of,
  type Digest,
  type Finding,
  type LockedPackage,
  type LockfileClaim,
  type PackageSet,
  type Policy,
  type ResourceChanges,
  type SealStatement,
  type SealSubject,
  type SealVerdict,
  type SetChanges,
  type TrustRoot,
  type Verdict,
} from "@countersign/core";
import type { Verification } from "../conclusion.ts";
import { sealedClosureOf } from "../closure/closure.ts";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { readGoverningPolicy } from "../policy/mode.ts";
import { findLockfiles } from "../project/discovery.ts";
import { commitOf } from "../project/git.ts";
import { readBaseline, readLockfileBytes } from "../project/locked-project.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { verifyProject } from "../verify-project.ts";
import { openSealChecker, type SealChecker } from "./check-seals.ts";
import { namedFiles } from "./named-files.ts";
import { repositoryRoot } from "../project/repository.ts";
import { subjectPath } from "./repository.ts";
import { foldersAbove } from "./resources.ts";
import { changeSince } from "./sealed-change.ts";

/** What a claim says whoever signs it: everything but the signer, the times and the ref. */
export type UnsignedClaim = Omit<LockfileClaim, "signer" | "issuedAt" | "expires" | "ref">;

/** One lockfile, ready to be sealed. */
export type PreparedSeal = {
  file: DiscoveredLockfile;
  subject: SealSubject;
  set: PackageSet;
  verdicts: readonly Verdict[];
  claim: UnsignedClaim;
  /** Seals over these bytes that count already. */
  counting: readonly SealVerdict[];
  /** What a person approves: the difference from the last sealed state, else from `--base`; null without either. */
  since: { what: "seal" | "base"; statement: SealStatement | null; changes: SetChanges | null } | null;
  /** How the files of the closure differ from what the last seal is over, of whatever bytes; null without one. */
  closure: { signer: string; changes: ResourceChanges } | null;
};

export type Preparation =
  | {
      state: "ready";
      verification: Verification;
      home: string;
      policy: Policy;
      root: TrustRoot;
      checker: SealChecker;
      seals: readonly PreparedSeal[];
    }
  /** The policy does not pass, or nobody says whom to trust. */
  | { state: "refused"; verification: Verification; findings: readonly Finding[] };

/**
 * Runs the policy over every lockfile and says what a seal over each would state. Nothing is sealed that does not pass
 * now, in strict, on every platform; only the approval that is about to be given may be missing.
 */
export async function prepareSeals(request: VerifyRequest, environment: Environment): Promise<Preparation> {
  const verification = await verifyProject({ ...request, platform: "all", saves: "nothing" }, environment);
  const { directory, policy, report } = verification;
  const blocking = report.findings.filter(
    ({ effect, code }) => effect === "block" && code !== "seal/approval-missing",
  );
  if (blocking.length > 0 || report.decision.mode === "disabled")
    return { state: "refused", verification, findings: [] };
  const { home, sources } = await readGoverningPolicy(directory, request, environment);
  const checker = await openSealChecker({
    request,
    environment,
    directory,
    origin: directory,
    home,
    policy,
    sources,
  });
  const { root } = checker;
  if (root === null) return { state: "refused", verification, findings: checker.findings };
  const { lockfiles: files } = await findLockfiles(request.directory, request.lockfiles);
  const seals = await Promise.all(
    verification.lockfiles.map((lockfile) =>
      prepareOne(request, environment, { directory, files, root, checker }, lockfile),
    ),
  );
  return { state: "ready", verification, home, policy, root, checker, seals };
}

type Place = {
  directory: string;
  files: readonly DiscoveredLockfile[];
  root: TrustRoot;
  checker: SealChecker;
};

async function prepareOne(
  request: VerifyRequest,
  environment: Environment,
  { directory, files, root, checker }: Place,
  { set, verdicts, decision }: Verification["lockfiles"][number],
): Promise<PreparedSeal> {
  const { path } = set.lockfile;
  const file = files.find((each) => each.path === path) as DiscoveredLockfile;
  const { found: contents } = await readLockfileBytes(directory, [file], defaultBudget);
  const bytes = contents[0]?.bytes ?? new Uint8Array();
  const subject = sealSubject(checker.subjectPath(file), bytes);
  if (!subject.ok) throw new Error(`${path} cannot be sealed: ${subject.detail}`);
  if (!sameDigest(sha256Of(bytes), set.lockfile.digest))
    throw new Error(`${path} changed while it was being verified`);
  const { judgement } = await checker.check(file, bytes);
  const head = await commitOf(directory, request.base ?? "HEAD");
  const resources = await checker.closure(file, await furtherFiles(directory, file, set));
  const other = await checker.lastSealed(subject.subject, "other");
  const own = await checker.lastSealed(subject.subject, "own");
  const last = (own?.claim.issuedAt ?? -1) >= (other?.claim.issuedAt ?? -1) ? own : other;
  return {
    file,
    subject: subject.subject,
    set,
    verdicts,
    counting: judgement.verdicts.filter(({ outcome }) => outcome === "verified"),
    since: await sinceWhat(request, directory, file, set, other),
    closure: last && {
      signer: last.claim.signer.id,
      changes: compareResources(last.claim.resources, resources),
    },
    claim: {
      format: set.lockfile.format,
      formatVersion: set.lockfile.formatVersion,
      packages: set.packages.length,
      setDigest: set.setDigest,
      resources,
      repository: checker.repository,
      baseCommit: head.ok ? head.id : null,
      policy: checker.policy,
      trust: root.digest,
      evidence: evidenceDigest(verdicts),
      levels: decision.counts.byLevel,
      tool: { name: "countersign", version: environment.version },
    },
  };
}

/**
 * Files of workspaces and of other local packages, and those that the manager's configuration names, in the lockfile's
 * folder or above it. Names count from the repository's root.
 */
async function furtherFiles(directory: string, file: DiscoveredLockfile, set: PackageSet): Promise<string[]> {
  const { workspace } = sealedClosureOf(file.manager);
  const folder = posix.join(subjectPath(directory, ""), posix.dirname(file.path));
  const names = set.packages.flatMap(({ source }: LockedPackage) =>
    source.kind === "path" ? workspace.map((name) => posix.join(folder, source.path, name)) : [],
  );
  const configured = [
    { name: folder, path: dirname(join(directory, file.path)) },
    ...foldersAbove(directory, file.path),
  ];
  for (const { name, path } of configured) {
    const named = await namedFiles(file.manager, path, repositoryRoot(directory));
    names.push(...named.map((each) => posix.join(name, each)));
  }
  return [...new Set(names)];
}

async function sinceWhat(
  request: VerifyRequest,
  directory: string,
  file: DiscoveredLockfile,
  set: PackageSet,
  last: SealStatement | null,
): Promise<PreparedSeal["since"]> {
  if (last !== null) {
    const { changes } = await changeSince(directory, file, set, last, defaultBudget);
    return { what: "seal", statement: last, changes };
  }
  if (request.base === null) return null;
  const { set: before } = await readBaseline(directory, file, request.base, defaultBudget);
  return { what: "base", statement: null, changes: before === null ? null : compareSets(before, set) };
}

/** One digest over what was found of every artefact: what two runs over the same evidence agree on. */
function evidenceDigest(verdicts: readonly Verdict[]): Digest {
  const rows = verdicts.map(({ purl, artefact, file, outcome, level, identity }) =>
    JSON.stringify([
      purl,
      artefact === null ? "" : formatDigest(artefact),
      file ?? "",
      outcome,
      level,
      identity?.san ?? "",
      identity?.issuer ?? "",
    ]),
  );
  return sha256Of(rows.toSorted().join("\n"));
}
