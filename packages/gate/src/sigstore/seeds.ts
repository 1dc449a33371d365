import embedded from "@sigstore/tuf/seeds.json" with { type: "json" };
import type { Instant } from "@countersign/core";

/** A TUF repository and where trust in it starts: the first root's bytes and targets known to be good then. */
export type TufRepository = {
  url: string;
  initialRoot: Uint8Array;
  targets: ReadonlyMap<string, string>;
  seededAt: Instant;
};

/** When the pinned @sigstore/tuf, and with it the seeds, was published: 2026-11-05. */
const seededAt: Instant = 1_793_836_800_000;

/** The public-good repository as the Sigstore library embeds it: what an offline start believes. */
export function publicGoodRepository(): TufRepository {
  const seeds: Readonly<Record<string, { "root.json": string; targets: Readonly<Record<string, string>> }>> =
    embedded;
  const [entry] = Object.entries(seeds);
  if (entry === undefined) throw new Error("@sigstore/tuf has no seeds");
  const [url, seed] = entry;
  const targets = new Map<string, string>();
  for (const [name, value] of Object.entries(seed.targets)) {
    targets.set(decodeURIComponent(name), Buffer.from(value, "base64").toString("utf8"));
  }
  return { url, initialRoot: Buffer.from(seed["root.json"], "base64"), targets, seededAt };
}
