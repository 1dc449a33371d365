import { realManagers, type RealManager } from "@countersign/testkit";
import { chapters } from "./attacks/attacks.ts";
import { cellId, gates, type Attack, type Cell, type Gate, type Hole, type Outcome } from "./cell.ts";
import { cellsOf, controlOf, everyCell } from "./cells.ts";
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

/** How many cells there are, and what became of those that were run. A comparison is neither right nor wrong. */
export function summaryOf(outcomes: Outcomes): string {
  const cells = everyCell();
  const found = cells.flatMap((cell) => {
    const outcome = outcomes.get(cellId(cell));
    return outcome === undefined ? [] : [{ cell, outcome }];
  });
  const run = found.filter(({ outcome }) => outcome.verdict !== "skipped");
  const settled = run.filter(({ outcome }) => isSettled(outcome, outcomes));
  const comparisons = settled.filter(({ cell }) => isComparison(cell)).length;
  const controls = run.filter(({ cell }) => cell.attack === null).length;
  return [
    `${run.length} of ${cells.length} cells were run, ${controls} of them controls without an attack`,
    `: ${settled.length - comparisons} as they should be, ${run.length - settled.length} not, ${comparisons} comparisons`,
    `; ${found.length - run.length} SKIPPED, ${cells.length - found.length} not run`,
  ].join("");
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
  if (found.length === 0) return "not run";
  const part = found.length < cells.length ? ` (${found.length} of ${cells.length})` : "";
  return `${word(found, attack, outcomes)}${part}`;
}

type Found = readonly { cell: Cell; outcome: Outcome }[];

function word(found: Found, attack: Attack, outcomes: Outcomes): string {
  if (found.some(({ outcome }) => outcome.verdict === "skipped")) return "skipped";
  if (found.every(({ cell }) => isComparison(cell)))
    return found.map(({ outcome }) => (outcome.pass ? compared[outcome.verdict] : "no result"))[0] ?? "–";
  if (!found.every(({ outcome }) => outcome.pass)) return "**not stopped**";
  if (!found.every(({ outcome }) => isSettled(outcome, outcomes))) return "**control fails**";
  if (found.some(({ cell }) => holeOf(cell, attack) !== null)) return "hole";
  return found.some(({ outcome }) => outcome.codes.length === 0) ? "stopped by its own check" : "stopped";
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
export const headings: Readonly<Record<Gate, (manager: string) => string>> = {
  plain: (manager) => `${manager} alone`,
  audit: () => "npm audit signatures",
  "trust-policy": () => "trustPolicy: no-downgrade",
  hook: () => "hook",
  wrapper: () => "wrapper",
  sealed: () => "sealed wrapper",
  verify: () => "countersign verify",
};

const order: readonly Gate[] = ["plain", "audit", "trust-policy", "hook", "wrapper", "sealed", "verify"];
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
    "| stopped | in every flow and state that was run: a non-zero exit with our code, no mark, and nothing of the attacker's in the project, caches and stores; the same without the attack installs and runs |",
    "| (1 of 4) | only so many of the attack's flows and states were run with this gate, and nothing is said of the others |",
    "| not run, no result | nothing is said at all: there was not time for it, or it could not be staged |",
    "| stopped by its own check | in a flow or state at least there is nothing for us to stop: the manager's own check, which strict keeps on, refuses the bytes or the lockfile or repairs its cache; the wrapper has a cache of its own, or takes the setting away; or good bytes lie in the cache, are proven to be the signed ones, and the attacker's are never asked for |",
    "| **not stopped**, **control fails** | a failure of ours: something else happened, or the gate stops what is good too |",
    "| hole | this gate does not protect here; [why, and what does](#holes) |",
    "| installs | the attacker's content was installed or run |",
    "| refuses, nothing happens | the manager alone ends with an error, or installs the good content only |",
    "",
    "Ours run in flows (frozen, install, add, a command without a lockfile) × states (cold, warm, offline) as far as the attack applies; the comparisons run once. Where there is not time for all, the most telling come first: every attack once behind the wrapper, the sealed wrapper, the manager alone, the hook, `countersign verify`.",
    "",
    "`sealed wrapper`: a managed policy, out of the change's reach with the trust store beside it, demands that somebody [approved](seals.md) the lockfile, and before the attack somebody had; \"stopped\" then says that the missing approval was what stopped it. It is run once where only a person can tell, and against the seals themselves. In `summary-outdated` the policy takes a summary in place of evidence: its control, which has no evidence at all and reaches no server, installs from the manager's warm cache and asks nobody for evidence.",
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
    "`cache-poisoned` edits the manager's own cache or store, the one that it fills when it is run alone. Below `COUNTERSIGN_CACHE_DIR` the wrapper keeps caches of its own for Bun, Deno and uv; these are not attacked: who can write there as the user can as well replace Countersign, or the manager.",
    "",
    "`platform-claim` behind Yarn's hook with a warm cache: Yarn installs the good archive that lies there, once the hook has hashed it and tied it to the signed tarball. `cache-and-claim` is the same with that archive edited.",
    "",
    "## Holes",
    "",
    "Where one of these is run, it must show; one that is stopped after all fails the gauntlet until it is taken off this list.",
    "",
    "| attack | gates | managers | shows | cells run | why | what does protect |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...attacks.flatMap((attack) => (attack.holes ?? []).map((hole) => holeRow(attack, hole, outcomes))),
    "",
  ];
  return lines.join("\n");
}

function holeRow(attack: Attack, hole: Hole, outcomes: Outcomes): string {
  const cells = cellsOf(attack).filter((cell) => holeOf(cell, attack) === hole && !isComparison(cell));
  return row([
    `\`${attack.id}\``,
    hole.gates.join(", "),
    (hole.managers ?? attack.managers).join(", "),
    hole.shows,
    `${cells.filter((cell) => outcomes.has(cellId(cell))).length} of ${cells.length}`,
    hole.reason,
    hole.instead,
  ]);
}
