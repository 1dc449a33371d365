import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { hasManager, realManagers } from "@countersign/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import "./setup.ts";
import { cellId, type Attack, type Cell, type Outcome } from "./cell.ts";
import { attackOf, controlOf, quickCells, withControls } from "./cells.ts";
import { holeOf } from "./run-cell.ts";
import { runCells } from "./run-cells.ts";
import { executable } from "./scene.ts";
import { headings, isSettled } from "./table.ts";

const pagePath = resolve(import.meta.dirname, "../../docs/gauntlet.md");
const minutes = 60_000;
const cells = quickCells();
let outcomes: ReadonlyMap<string, Outcome>;
let written: string;

/** What the page says of a cell's attack, manager and gate; null where it is older than the row or the column. */
function entryOnPage({ manager, attack, gate }: Cell): string | null {
  const section = written.split(`\n## ${manager}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").map((line) => line.split("|").map((text) => text.trim()));
  const column = rows.find((texts) => texts[1] === "attack")?.indexOf(headings[gate](manager)) ?? -1;
  return rows.find((texts) => texts[1] === `\`${attack}\``)?.[column] ?? null;
}

describe.skipIf(!existsSync(executable.replace("bin/countersign.mjs", "dist/main.js")))(
  "the gauntlet",
  () => {
    beforeAll(async () => {
      written = existsSync(pagePath) ? readFileSync(pagePath, "utf8") : "";
      outcomes = await runCells(withControls(cells), null);
    }, 30 * minutes);

    for (const manager of realManagers) {
      describe.skipIf(!hasManager(manager))(manager, () => {
        for (const cell of cells.filter((each) => each.manager === manager)) {
          const attack = attackOf(cell) as Attack;
          it(`${attack.id}${cell.gate === "wrapper" ? "" : ` (${cell.gate})`}: ${attack.title}`, (context) => {
            const outcome = outcomes.get(cellId(cell)) as Outcome;
            const control = outcomes.get(cellId(controlOf(cell))) as Outcome;
            expect(control.pass, control.detail).toBe(true);
            expect(isSettled(outcome, outcomes), outcome.detail).toBe(true);
            const said = entryOnPage(cell);
            if (said === null)
              context.skip("passed, and docs/gauntlet.md has no such row or column yet: pnpm run gauntlet");
            // The page may say "not run" of other flows and states, and never of this cell.
            expect(said).toMatch(holeOf(cell, attack) === null ? /^stopped/ : /^hole/);
          });
        }
      });
    }
  },
);
