import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import "./setup.ts";
import { everyCell } from "./cells.ts";
import { cellId } from "./cell.ts";
import { openResults } from "./results.ts";
import { runCells } from "./run-cells.ts";
import { isSettled, page, printable, summaryOf } from "./table.ts";

const { values } = parseArgs({
  options: {
    shard: { type: "string", default: "1/1" },
    fresh: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
});
const [shard = 1, shards = 1] = values.shard.split("/").map(Number);
if (!(shard >= 1 && shard <= shards)) throw new Error(`--shard ${values.shard}: write k/n, k from 1 to n`);

const every = everyCell();
const wanted = every
  .filter((_, index) => index % shards === shard - 1)
  .filter((cell) => cellId(cell).includes(values.only));
const results = openResults(values.fresh);
const started = performance.now();
await runCells(wanted, results, ({ id, verdict, pass, milliseconds, detail }, done, total) => {
  process.stdout.write(`${done}/${total} ${pass ? "ok" : "NOT OK"} ${id}: ${verdict} (${milliseconds} ms)\n`);
  if (!pass) process.stdout.write(`${detail.replaceAll(/^/gm, "    ")}\n`);
});

const outcomes = new Map(
  every.flatMap((cell) => {
    const outcome = results.get(cellId(cell));
    return outcome === null ? [] : [[outcome.id, outcome] as const];
  }),
);
process.stdout.write(printable(outcomes));
process.stdout.write(`${summaryOf(outcomes)} (${Math.round((performance.now() - started) / 1000)} s)\n`);
// A shard, a part or a machine without all managers knows too little for the page.
if (outcomes.size === every.length && [...outcomes.values()].every(({ verdict }) => verdict !== "skipped")) {
  writeFileSync(resolve(import.meta.dirname, "../../docs/gauntlet.md"), page(outcomes));
}
process.exitCode = [...outcomes.values()].every((outcome) => isSettled(outcome, outcomes)) ? 0 : 1;
