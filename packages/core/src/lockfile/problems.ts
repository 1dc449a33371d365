import type { Budget } from "../budget.ts";
import { codes, type Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import type { Finding } from "../finding.ts";
import type { Position } from "../position.ts";

/** What a reader has to say of one place; a `note` code never blocks. */
export type Problem = { code: Code; at: Position; why: string; fix: string; purl?: string; digest?: Digest };

/** The finding of a problem, with the effect that its code's kind has in strict mode. */
export function toFinding(problem: Problem): Finding {
  return { ...problem, effect: codes[problem.code].kind === "note" ? "note" : "block" };
}

/** Collects findings up to the budget; what is over is counted in one last finding, so nothing passes silently. */
export class Problems {
  readonly #limit: number;
  readonly #found: Finding[] = [];
  #over: { count: number; first: Problem } | null = null;

  constructor(budget: Budget) {
    this.#limit = budget.findings;
  }

  add(problem: Problem): void {
    if (this.#found.length < this.#limit) this.#found.push(toFinding(problem));
    else if (this.#over === null) this.#over = { count: 1, first: problem };
    else this.#over.count += 1;
  }

  list(): Finding[] {
    if (this.#over === null) return [...this.#found];
    const { count, first } = this.#over;
    return [
      ...this.#found,
      toFinding({
        code: "budget/findings",
        at: first.at,
        why: `${count} more findings of this lockfile are not shown.`,
        fix: "Fix the ones shown, or regenerate the lockfile, and run again.",
      }),
    ];
  }
}
