import type { Effect, Finding } from "../finding.ts";
import { formatBinding, type Binding } from "./policy.ts";
import type { ExceptionIndex } from "./exception-index.ts";

/** A finding before exceptions; `binding` is what one would be bound to where that is not the digest. */
export type Candidate = Finding & { binding?: Binding };

const rank: Readonly<Record<Effect, number>> = { block: 0, warn: 1, note: 2 };

/**
 * Collects findings. The same code for the same artefact at the same place is one finding, however many rules demand
 * it; neither the result nor its order depends on the order of adding.
 */
export class FindingList {
  readonly #found = new Map<string, { candidate: Candidate; requiredBy: Set<string> }>();

  add(candidate: Candidate): void {
    const { code, purl, at } = candidate;
    const binding = bindingOf(candidate);
    const key = JSON.stringify([code, purl, binding && formatBinding(binding), at.path, at.line, at.column]);
    const known = this.#found.get(key);
    const requiredBy = known?.requiredBy ?? new Set();
    if (candidate.requiredBy !== undefined) requiredBy.add(candidate.requiredBy);
    const first = known === undefined || precedes(candidate, known.candidate) ? candidate : known.candidate;
    this.#found.set(key, { candidate: first, requiredBy });
  }

  /** All findings, those that an exception accepts as notes with its reason, in the order of {@link compareFindings}. */
  settle(exceptions: ExceptionIndex): Finding[] {
    const settled = [...this.#found.values()].map(({ candidate, requiredBy }) => {
      const { binding, ...finding } = candidate;
      if (requiredBy.size > 0) finding.requiredBy = [...requiredBy].toSorted(byText).join(", ");
      const bound = binding ?? finding.digest;
      if (finding.effect === "note" || finding.purl === undefined || bound === undefined) return finding;
      const exception = exceptions.accept(finding.purl, bound, finding.code);
      return exception === null
        ? finding
        : { ...finding, effect: "note" as const, exception: exception.reason };
    });
    return [...settled, ...exceptions.notes()].toSorted(compareFindings);
  }
}

/** Blocks, then warnings, then notes; within them by place, code, package and digest. Independent of locale. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    rank[a.effect] - rank[b.effect] ||
    byText(a.at.path, b.at.path) ||
    a.at.line - b.at.line ||
    a.at.column - b.at.column ||
    byText(a.code, b.code) ||
    byText(a.purl ?? "", b.purl ?? "") ||
    byText(a.digest?.hex ?? "", b.digest?.hex ?? "") ||
    byText(a.why, b.why)
  );
}

const bindingOf = (candidate: Candidate): Binding | undefined => candidate.binding ?? candidate.digest;

/** The stricter effect counts; where they tie any fixed choice will do. */
const precedes = (a: Candidate, b: Candidate): boolean =>
  (rank[a.effect] - rank[b.effect] || byText(a.why, b.why) || byText(a.fix, b.fix)) < 0;

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
