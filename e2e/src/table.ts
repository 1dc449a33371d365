import { realManagers, type RealManager } from "@countersign/testkit";
import { chapters } from "./attacks/attacks.ts";
import { cellId, gates, type Attack, type Cell, type Gate, type Hole, type Outcome } from "./cell.ts";
import { cellsOf, controlOf } from "./cells.ts";
import { gateApplies } from "./gate.ts";
import { holeOf, isComparison } from "./run-cell.ts";

export type Outcomes = ReadonlyMap<string, Outcome>;

/** A pass whose control passed too: a gate that blocks everything proves nothing. */
export function isSettled({ id, pass, verdict }: Outcome, outcomes: Outcomes): boolean {
  if (verdict === "skipped") return true;
  const cell = cellsById.get(id);
  if (cell === undefined || isComparison(cell)) return pass;
  return pass && outcomes.get(cellId(controlOf(cell)))?.pass === true;
}

const attacks = chapters.flatMap((chapter) => chapter.attacks);
const cellsById = new Map(
  attacks.flatMap((attack) => cellsOf(attack).map((cell) => [cellId(cell), cell] as const)),
);

export function summaryOf(outcomes: Outcomes): string {
  const all = [...outcomes.values()];
  const skipped = all.filter(({ verdict }) => verdict === "skipped").length;
  const passed = all.filter(
    (outcome) => outcome.verdict !== "skipped" && isSettled(outcome, outcomes),
  ).length;
  return `${all.length} cells: ${passed} as they should be, ${all.length - passed - skipped} not, ${skipped} SKIPPED`;
}

/** What a table says of one attack, manager and gate. */
export function entryOf(attack: Attack, manager: RealManager, gate: Gate, outcomes: Outcomes): string {
  const cells = cellsOf(attack).filter((cell) => cell.manager === manager && cell.gate === gate);
  if (cells.length === 0) return "–";
  return entry(cells, attack, outcomes);
}

export function entry(cells: readonly Cell[], attack: Attack, outcomes: Outcomes): string {
  const found = cells.flatMap((cell) => {
    const outcome = outcomes.get(cellId(cell));
    return outcome === undefined ? [] : [{ cell, outcome }];
  });
  if (found.length < cells.length) return "not run";
  if (found.some(({ outcome }) => outcome.verdict === "skipped")) return "skipped";
  if (found.every(({ cell }) => isComparison(cell)))
    return found.map(({ outcome }) => compared[outcome.verdict])[0] ?? "–";
  if (!found.every(({ outcome }) => isSettled(outcome, outcomes))) return "**not stopped**";
  if (found.some(({ cell }) => holeOf(cell, attack) !== null)) return "hole";
  return attack.alsoFine !== undefined && found.some(({ outcome }) => outcome.codes.length === 0)
    ? "stopped by its own check"
    : "stopped";
}

const compared: Readonly<Record<Outcome["verdict"], string>> = {
  blocked: "refuses",
  harmless: "nothing happens",
  installed: "**installs**",
  late: "**installs**, then fails",
  failed: "fails",
  "timed out": "hangs",
  skipped: "skipped",
};

const columns = (manager: RealManager): Gate[] => gates.filter((gate) => gateApplies(gate, manager));
const headings: Readonly<Record<Gate, (manager: string) => string>> = {
  plain: (manager) => `${manager} alone`,
  audit: () => "npm audit signatures",
  "trust-policy": () => "trustPolicy: no-downgrade",
  hook: () => "hook",
  wrapper: () => "wrapper",
  verify: () => "countersign verify",
};

const order: readonly Gate[] = ["plain", "audit", "trust-policy", "hook", "wrapper", "verify"];
const columnsOf = (manager: RealManager): Gate[] =>
  columns(manager).toSorted((a, b) => order.indexOf(a) - order.indexOf(b));

/** Rows of one manager: attack id, then a text for each column. */
export function rowsOf(manager: RealManager, outcomes: Outcomes): string[][] {
  return attacks
    .filter(({ managers }) => managers.includes(manager))
    .map((attack) => [
      attack.id,
      ...columnsOf(manager).map((gate) => entryOf(attack, manager, gate, outcomes)),
    ]);
}

const headingOf = (manager: RealManager): string[] => [
  "attack",
  ...columnsOf(manager).map((gate) => headings[gate](manager.replace("-", " "))),
];
const row = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;

/** For a terminal. */
export const printable = (outcomes: Outcomes): string =>
  realManagers
    .map((manager) => {
      const rows = [headingOf(manager), ...rowsOf(manager, outcomes)];
      const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((texts) => texts[at]?.length ?? 0)));
      return `\n${manager}\n${rows.map((texts) => texts.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  ")).join("\n")}\n`;
    })
    .join("");

/** docs/gauntlet.md. */
export function page(outcomes: Outcomes): string {
  const lines = [
    "<!-- Written by `pnpm run gauntlet`: do not edit. -->",
    "",
    "# The gauntlet",
    "",
    "Real package managers, each run against a registry, an index and a Sigstore of its own that an attacker has a hand in. Every package leaves a mark when any of its code runs.",
    "",
    `${summaryOf(outcomes)}.`,
    "",
    "| word | meaning |",
    "| --- | --- |",
    "| stopped | in every flow and state: a non-zero exit with our code, no mark, and nothing of the attacker's in the project, caches and stores; the same without the attack installs and runs |",
    "| stopped by its own check | the lockfile is honest: the manager's own integrity check, which strict keeps on, refuses the bytes or repairs its cache |",
    "| hole | this gate does not protect here; [why, and what does](#holes) |",
    "| installs | the attacker's content was installed or run |",
    "| refuses, nothing happens | the manager alone ends with an error, or installs the good content only |",
    "",
    "Ours run in flows (frozen, install, add, a command without a lockfile) × states (cold, warm, offline) as far as the attack applies; the comparisons run once.",
    "",
    "## Attacks",
    "",
    ...chapters.flatMap(({ title, attacks: those }) => [
      `### ${title}`,
      "",
      "| attack | what the attacker did | flows | states |",
      "| --- | --- | --- | --- |",
      ...those.map(({ id, title: what, flows, states }) =>
        row([`\`${id}\``, what, flows.join(", "), states.join(", ")]),
      ),
      "",
    ]),
    ...realManagers.flatMap((manager) => [
      `## ${manager}`,
      "",
      row(headingOf(manager)),
      row(headingOf(manager).map(() => "---")),
      ...rowsOf(manager, outcomes).map(([id = "", ...texts]) => row([`\`${id}\``, ...texts])),
      "",
    ]),
    "npm 10 and 11 run a root script after everything else, so no hook can judge there: with ours installed they stop at its `devEngines`, and the wrapper or `countersign verify` is what protects. Deno and uv load no hook; Bun's refuses `bun add` altogether, because Bun tells it no digests; no manager loads a hook for a command without a lockfile.",
    "",
    "## Holes",
    "",
    "Each of these is run and must show; one that is stopped after all fails the gauntlet until it is taken off this list.",
    "",
    "| attack | gates | managers | shows | why | what does protect |",
    "| --- | --- | --- | --- | --- | --- |",
    ...attacks.flatMap((attack) => (attack.holes ?? []).map((hole) => holeRow(attack, hole))),
    "",
  ];
  return lines.join("\n");
}

const holeRow = (attack: Attack, hole: Hole): string =>
  row([
    `\`${attack.id}\``,
    hole.gates.join(", "),
    (hole.managers ?? attack.managers).join(", "),
    hole.shows,
    hole.reason,
    hole.instead,
  ]);
