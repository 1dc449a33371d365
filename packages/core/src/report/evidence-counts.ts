import type { Evidence, Seen } from "../evidence/evidence.ts";
import type { EvidenceCount } from "./report.ts";

const kinds = ["listing", "signatures", "attestations"] as const;

/** Origins told apart per kind and state; a registry that answers from more hosts is counted as `other origins`. */
const originBound = 32;

/** Counts artefacts by kind, state and source of their evidence, in the order in which they are first met. */
export function countEvidence(all: Iterable<Evidence>): EvidenceCount[] {
  const counts = new Map<string, EvidenceCount>();
  const origins = new Map<string, Set<string>>();
  for (const evidence of all) {
    for (const kind of kinds) {
      const seen: Seen<unknown> = evidence[kind];
      const state =
        seen.state === "unavailable" && seen.code === "evidence/not-asked" ? "not asked" : seen.state;
      const group = `${kind} ${state}`;
      const known = origins.get(group) ?? new Set<string>();
      origins.set(group, known);
      let origin = seen.state === "unavailable" ? null : hostOf(seen.origin);
      if (origin !== null && !known.has(origin) && known.size >= originBound) origin = "other origins";
      if (origin !== null) known.add(origin);
      const key = `${group} ${origin ?? ""}`;
      const entry = counts.get(key);
      if (entry === undefined) counts.set(key, { kind, state, origin, artefacts: 1 });
      else entry.artefacts += 1;
    }
  }
  return [...counts.values()].toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

/** An address is counted under its scheme and host; anything else (`evidence store`) is a source as it stands. */
function hostOf(origin: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#@]*@)?([^/?#]+)/i.exec(origin);
  return match === null ? origin : `${match[1]}${match[2]}`;
}
