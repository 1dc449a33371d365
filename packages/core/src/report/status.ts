import type { Outcome, Verdict } from "../verify/verdict.ts";

/**
 * One word for what stands behind an artefact, best first. `provenance`: a builder's verified build provenance;
 * `publisher`: a verified attestation by the publishing workflow, without build provenance; `signed`: the
 * registry's signature; `attested`: attestations exist, none of them verified; `none`: honestly nothing beyond
 * the registry's unsigned listing; `unknown`: evidence could not be had; `refused`: something contradicts.
 */
export type Status = "provenance" | "publisher" | "signed" | "attested" | "none" | "unknown" | "refused";
export const statuses: readonly Status[] = [
  "provenance",
  "publisher",
  "signed",
  "attested",
  "none",
  "unknown",
  "refused",
];

/** Outcomes, best first. */
export const outcomes: readonly Outcome[] = ["verified", "unverified", "unknown", "refused"];

export function statusOf(verdict: Pick<Verdict, "outcome" | "level" | "attestations">): Status {
  if (verdict.outcome === "refused") return "refused";
  if (verdict.level === "provenance") {
    const built = verdict.attestations.some(
      ({ role, outcome }) => role === "provenance" && outcome === "verified",
    );
    return built ? "provenance" : "publisher";
  }
  if (verdict.level === "signed") return "signed";
  if (verdict.attestations.length > 0) return "attested";
  return verdict.outcome === "unknown" ? "unknown" : "none";
}
