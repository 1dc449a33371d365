import {
  sealSubject,
  startOf,
  type Finding,
  type Policy,
  type SealContext,
  type SealStatement,
  type SealSubject,
  type TrustRoot,
} from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { fetchHistory, fileAt } from "../project/git.ts";
import { mostSeals, readSealFilesAt } from "./seal-files.ts";
import { sealTrustFor, verdictsOf, type TrustGivers } from "./seal-trust.ts";

type Place = TrustGivers & {
  request: { base: string | null };
  /** Absolute path of the project that is in the repository. */
  origin: string;
  /** Absolute path of the directory with `.countersign`. */
  home: string;
  policy: Policy;
};

/**
 * What the approvals of the base's lockfile state, so that nobody goes back to an older lockfile, or to older files of
 * its closure, with the approvals they once had. A base that has no such lockfile, or whose lockfile cannot be had, is
 * the baseline's to report; seals that cannot be read there block, since any of them may be newer.
 */
export async function approvedAtBase(
  place: Place,
  root: TrustRoot,
  shared: Omit<SealContext, "subject" | "closure">,
  subject: SealSubject,
  file: DiscoveredLockfile,
): Promise<{ statements: SealStatement[]; findings: Finding[] }> {
  const { origin, home, policy } = place;
  const { base } = place.request;
  const { approval } = policy.seal;
  if (base === null || approval === null) return { statements: [], findings: [] };
  const found = await fileAt(origin, base, file.path);
  const atBase = found.ok && found.bytes !== null ? sealSubject(subject.path, found.bytes) : null;
  if (atBase?.ok !== true) return { statements: [], findings: [] };
  const seals = await readSealFilesAt(home, base, atBase.subject.digest.hex);
  if (!seals.ok) return { statements: [], findings: [unreadable(file.path, base, seals.detail)] };
  if (seals.many !== null) return { statements: [], findings: [tooManyThere(file.path, base, seals.many)] };
  // Their kinds may be others than those of the seals at hand: keyless ones need a sigstore root.
  const trust = await sealTrustFor(place, root, seals);
  const context = { ...shared, ref: null, subject: atBase.subject, closure: null };
  const statements = verdictsOf(seals, context, trust).flatMap(({ outcome, kind, signer, statement }) =>
    outcome === "verified" &&
    kind === "approval" &&
    signer !== null &&
    statement !== null &&
    approval.signers.includes(signer.id)
      ? [statement]
      : [],
  );
  return { statements, findings: [] };
}

const unreadable = (path: string, base: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "block",
  at: startOf(path),
  why: `Nobody can tell whether these approvals are older than those of ${base}, whose seals cannot be had: ${detail}.`,
  fix: fetchHistory(base),
});

const tooManyThere = (path: string, base: string, many: number): Finding => ({
  code: "seal/too-many",
  effect: "block",
  at: startOf(path),
  why: `Nobody can tell whether these approvals are older than those of ${base}: it has ${many} seals of its lockfile, and of more than ${mostSeals} none is read.`,
  fix: "Remove there those that count for nothing: countersign seal prune",
});
