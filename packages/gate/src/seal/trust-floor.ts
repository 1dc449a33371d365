import { sameDigest, type Finding, type RootMetadata } from "@countersign/core";
import { otherThanSeen, rolledBack, type WayBack } from "./trust-findings.ts";
import type { KnownVersion } from "./trust-memory.ts";

/** What is known to be trusted elsewhere, who says so, and what to go back to. */
export type Floor = { versions: readonly KnownVersion[]; back: WayBack; what: string };

/** Whether a chain, ascending, is the known one and reaches as far; null where it is and does. */
export function floorProblem(
  chain: readonly KnownVersion[],
  { versions, back, what }: Floor,
): Finding | null {
  const newest = versions.at(-1);
  if (newest === undefined) return null;
  const digests = new Map(versions.map(({ version, digest }) => [version, digest]));
  const other = chain.find(({ version, digest }) => {
    const seen = digests.get(version);
    return seen !== undefined && !sameDigest(seen, digest);
  });
  if (other !== undefined) return otherThanSeen(other.version, back, what);
  const reached = chain.at(-1)?.version ?? 0;
  return reached < newest.version ? rolledBack(newest.version, reached, back, what) : null;
}

export const knownOf = ({ root: { version, digest } }: RootMetadata): KnownVersion => ({ version, digest });
