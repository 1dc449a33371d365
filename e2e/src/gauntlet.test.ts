import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { hasManager, realManagers, type RealManager } from "@countersign/testkit";
import { beforeAll, describe, expect, it } from "vitest";
import "./setup.ts";
import { attacks } from "./attacks/attacks.ts";
import { cellId, type Outcome } from "./cell.ts";
import { controlOf, firstCell, quickCells } from "./cells.ts";
import { holeOf } from "./run-cell.ts";
import { runCells } from "./run-cells.ts";
import { executable } from "./scene.ts";
import { isSettled } from "./table.ts";

const pagePath = resolve(import.meta.dirname, "../../docs/gauntlet.md");
const minutes = 60_000;
let outcomes: ReadonlyMap<string, Outcome>;
let written: string;

/** What the page says of an attack behind a manager's wrapper. */
function wrapperEntry(manager: RealManager, id: string): string | undefined {
  const section = written.split(`\n## ${manager}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").map((line) => line.split("|").map((text) => text.trim()));
  const column = rows.find((texts) => texts[1] === "attack")?.indexOf("wrapper") ?? -1;
  return rows.find((texts) => texts[1] === `\`${id}\``)?.[column];
}

describe.skipIf(!existsSync(executable.replace("bin/countersign.mjs", "dist/main.js")))(
  "the gauntlet",
  () => {
    beforeAll(async () => {
      written = existsSync(pagePath) ? readFileSync(pagePath, "utf8") : "";
      outcomes = await runCells(quickCells(), null);
    }, 10 * minutes);

    for (const manager of realManagers) {
      describe.skipIf(!hasManager(manager))(manager, () => {
        for (const attack of attacks.filter(({ managers }) => managers.includes(manager))) {
          it(`${attack.id}: ${attack.title}`, () => {
            const cell = firstCell(attack, manager, "wrapper");
            const outcome = outcomes.get(cellId(cell)) as Outcome;
            const control = outcomes.get(cellId(controlOf(cell))) as Outcome;
            expect(control.pass, control.detail).toBe(true);
            expect(isSettled(outcome, outcomes), outcome.detail).toBe(true);
            const said = wrapperEntry(manager, attack.id) ?? "not on the page";
            // The page may say "not run" of other flows and states, and never of this cell.
            expect(said).toMatch(holeOf(cell, attack) === null ? /^stopped/ : /^hole/);
          });
        }
      });
    }
  },
);
