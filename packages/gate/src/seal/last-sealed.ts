import type {
  Policy,
  SealContext,
  SealStatement,
  SealSubject,
  SealVerdict,
  TrustRoot,
} from "@countersign/core";
import { mostSeals, readSealFiles, sealedDigests } from "./seal-files.ts";
import { sealTrustFor, verdictsOf, type TrustGivers } from "./seal-trust.ts";

const mostLookedAt = 4 * mostSeals;

/**
 * The last state of a lockfile that somebody sealed: what an approver compares with.
 * Where the policy wants approvals only one that counts makes a state, so that neither a bot's summary nor a revoked
 * key hides what changed. Over {@link mostSeals} lockfiles, or 1,024 seals, nobody is told: whoever puts them there
 * wants the looking to take long.
 * @param which with other bytes than these, or with these, whatever the files of its closure are now
 */
export async function lastSealedState(
  checking: TrustGivers & { home: string; policy: Policy },
  root: TrustRoot,
  shared: Omit<SealContext, "subject" | "closure">,
  subject: SealSubject,
  which: "other" | "own",
): Promise<SealStatement | null> {
  const digests = sealedDigests(checking.home).filter(
    (hex) => (hex === subject.digest.hex) === (which === "own"),
  );
  if (digests.length > mostSeals) return null;
  let last: SealStatement | null = null;
  let looked = 0;
  for (const hex of digests) {
    const seals = await readSealFiles(checking.home, hex);
    looked += seals.files.length;
    if (looked > mostLookedAt) return null;
    const trust = await sealTrustFor(checking, root, seals);
    const own = { path: subject.path, digest: { algorithm: "sha256", hex } } as const;
    for (const verdict of verdictsOf(seals, { ...shared, subject: own, closure: null }, trust)) {
      const { statement } = verdict;
      if (statement === null || !makesState(verdict, checking.policy)) continue;
      if (last === null || statement.claim.issuedAt > last.claim.issuedAt) last = statement;
    }
  }
  return last;
}

/** A summary under an older policy still tells what was verified. */
function makesState({ outcome, code, kind, signer }: SealVerdict, { seal }: Policy): boolean {
  if (seal.approval !== null) {
    const counts = signer !== null && seal.approval.signers.includes(signer.id);
    return outcome === "verified" && kind === "approval" && counts;
  }
  return outcome === "verified" || code === "seal/policy-mismatch";
}
