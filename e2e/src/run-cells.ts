import { attackOf } from "./cells.ts";
import { cellId, type Cell, type Outcome } from "./cell.ts";
import type { Results } from "./results.ts";
import { runCell } from "./run-cell.ts";

/** Two: what a small machine runs side by side without one cell's load becoming another one's time limit. */
const concurrency = 2;

/**
 * Runs cells that have no result yet.
 * @param results where outcomes are kept; null to run them all and keep nothing
 * @param deadline when no further cell is started, by `performance.now()`
 */
export async function runCells(
  cells: readonly Cell[],
  results: Results | null,
  progress: (outcome: Outcome, done: number, total: number) => void = () => {},
  deadline: number = Infinity,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const open: Cell[] = [];
  for (const cell of cells) {
    const known = results?.get(cellId(cell)) ?? null;
    if (known === null) open.push(cell);
    else outcomes.set(known.id, known);
  }
  const queue = open.values();
  let done = 0;
  const work = async (): Promise<void> => {
    for (const cell of queue) {
      if (performance.now() >= deadline) return;
      const outcome = await runCell(cell, attackOf(cell));
      outcomes.set(outcome.id, outcome);
      results?.add(outcome);
      progress(outcome, (done += 1), open.length);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return outcomes;
}
