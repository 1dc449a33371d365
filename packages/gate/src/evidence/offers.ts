import {
  startOf,
  type Ecosystem,
  type Evidence,
  type Finding,
  type PackageSet,
  type RegistryOffer,
  type Seen,
} from "@countersign/core";

type Word = RegistryOffer["signatures"];
const rank: readonly Word[] = ["not asked", "unavailable", "none", "offered"];

/** What each registry turned out to offer in this run, over all lockfiles. */
export function offersOf(
  sets: readonly { set: PackageSet; evidence: readonly (readonly Evidence[])[] }[],
): RegistryOffer[] {
  const offers = new Map<string, RegistryOffer>();
  for (const { set, evidence } of sets) {
    for (const [index, pkg] of set.packages.entries()) {
      if (pkg.source.kind !== "registry") continue;
      for (const each of evidence[index] ?? []) {
        if (each.registry === null) continue;
        const { ecosystem } = pkg.source;
        const known = offers.get(each.registry) ?? blank(each.registry, ecosystem);
        offers.set(each.registry, {
          ...known,
          signatures: better(known.signatures, wordOf(each.signatures)),
          attestations: better(known.attestations, wordOf(each.attestations)),
        });
      }
    }
  }
  return [...offers.values()];
}

const blank = (registry: string, ecosystem: Ecosystem): RegistryOffer => ({
  registry,
  ecosystem,
  signatures: "not asked",
  attestations: "not asked",
});

const better = (a: Word, b: Word): Word => (rank.indexOf(a) >= rank.indexOf(b) ? a : b);

function wordOf(seen: Seen<unknown>): Word {
  if (seen.state === "found") return "offered";
  if (seen.state === "absent") return "none";
  return seen.code === "evidence/not-asked" ? "not asked" : "unavailable";
}

/**
 * One note for each registry that was asked and offers nothing beyond its listing, so that a mirror's silence is
 * explained once and not only package by package.
 * @param path the policy, where the fix goes
 * @param shown the file that the note is about: the policy where there is one
 */
export function silentRegistries(offers: readonly RegistryOffer[], path: string, shown: string): Finding[] {
  return offers
    .filter(({ ecosystem, signatures, attestations }) => {
      const silent = attestations === "none" || attestations === "not asked";
      return ecosystem === "npm" ? signatures === "none" && silent : attestations === "none";
    })
    .map(({ registry, ecosystem }) => ({
      code: "evidence/registry-offers-none",
      effect: "note",
      at: startOf(shown),
      why: `${registry} offers ${ecosystem === "npm" ? "no registry signatures and no attestations" : "no attestations"} for any package here, so none can be proven beyond what it lists.`,
      fix: `If it mirrors another registry, name where the evidence lies: evidenceFrom: ["https://HOST/"] beside it in ${path}; else ask for level: locked there.`,
    }));
}
