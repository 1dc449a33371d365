import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import "./setup.ts";
import { controlOf, everyCell, withControls } from "./cells.ts";
import { cellId } from "./cell.ts";
import { openResults } from "./results.ts";
import { isComparison } from "./run-cell.ts";
import { runCells } from "./run-cells.ts";
import { isSettled, page, printable, summaryOf } from "./table.ts";

const { values } = parseArgs({
  options: {
    shard: { type: "string", default: "1/1" },
    fresh: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    minutes: { type: "string", default: "" },
  },
});
const [shard = 1, shards = 1] = values.shard.split("/").map(Number);
if (!(shard >= 1 && shard <= shards)) throw new Error(`--shard ${values.shard}: write k/n, k from 1 to n`);
const minutes = values.minutes === "" ? Infinity : Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: write a number above 0`);

const every = everyCell();
const part = every
  .filter((_, index) => index % shards === shard - 1)
  .filter((cell) => cellId(cell).includes(values.only));
const wanted = values.only === "" ? part : withControls(part);
const results = openResults(values.fresh);
const started = performance.now();
const progress: Parameters<typeof runCells>[2] = (
  { id, verdict, pass, milliseconds, detail },
  done,
  total,
) => {
  process.stdout.write(`${done}/${total} ${pass ? "ok" : "NOT OK"} ${id}: ${verdict} (${milliseconds} ms)\n`);
  if (!pass) process.stdout.write(`${detail.replaceAll(/^/gm, "    ")}\n`);
};
await runCells(wanted, results, progress, started + minutes * 60_000);

const outcomes = new Map(
  every.flatMap((cell) => {
    const outcome = results.get(cellId(cell));
    // Without its control a cell proves nothing: it counts as not run.
    const control = isComparison(cell) ? outcome : results.get(cellId(controlOf(cell)));
    return outcome === null || control === null ? [] : [[outcome.id, outcome] as const];
  }),
);
process.stdout.write(printable(outcomes));
process.stdout.write(`${summaryOf(outcomes)} (${Math.round((performance.now() - started) / 1000)} s)\n`);
// A shard, a part or a machine without all managers knows too little for the page.
const whole = outcomes.size === every.length || (minutes !== Infinity && shards === 1 && values.only === "");
if (whole && [...outcomes.values()].every(({ verdict }) => verdict !== "skipped")) {
  writeFileSync(resolve(import.meta.dirname, "../../docs/gauntlet.md"), page(outcomes));
}
process.exitCode = [...outcomes.values()].every((outcome) => isSettled(outcome, outcomes)) ? 0 : 1;
