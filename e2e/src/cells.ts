import { realManagers, type RealManager } from "@countersign/testkit";
import { attacks } from "./attacks/attacks.ts";
import { cellId, unsealedGates, type Attack, type Cell, type Flow, type Gate } from "./cell.ts";
import { gateApplies } from "./gate.ts";
import { isComparison } from "./run-cell.ts";

const ours: readonly Gate[] = ["wrapper", "sealed", "verify", "hook"];
const comparisons: readonly Gate[] = ["plain", "audit", "trust-policy"];

const gatesOf = ({ gates = unsealedGates }: Attack): readonly Gate[] => gates;

/** Every cell of one attack: ours in all flows and states, comparisons once. */
export const cellsOf = (attack: Attack): Cell[] =>
  attack.managers.flatMap((manager) => [
    ...ours
      .filter((gate) => gateApplies(gate, manager) && gatesOf(attack).includes(gate))
      .flatMap((gate) => combinations(attack, manager, gate)),
    ...comparisons
      .filter((gate) => gateApplies(gate, manager) && attack.comparable !== false)
      .map((gate) => firstCell(attack, manager, gate)),
  ]);

function combinations(attack: Attack, manager: RealManager, gate: Gate): Cell[] {
  // `verify` judges what is there, and seals come before all that flows and states differ in.
  if (gate === "verify" || gate === "sealed") return [firstCell(attack, manager, gate)];
  const flows = attack.flows.filter((flow) => gate !== "hook" || hookCovers(manager, flow));
  // All states of the first flow; the other flows differ before anything was cached.
  return flows.flatMap((flow, at) =>
    attack.states.slice(0, at === 0 ? undefined : 1).map((state) => ({
      attack: attack.id,
      scenery: attack.scenery,
      manager,
      gate,
      flow,
      state,
    })),
  );
}

/** No hook is loaded without a project, and Bun's refuses to add anything: it is told no digests. */
const hookCovers = (manager: RealManager, flow: Flow): boolean =>
  flow !== "run" && !(manager === "bun-1" && flow === "add");

export const firstCell = (attack: Attack, manager: RealManager, gate: Gate): Cell => ({
  attack: attack.id,
  scenery: attack.scenery,
  manager,
  gate,
  flow: attack.flows[0] ?? "frozen",
  state: attack.states[0] ?? "cold",
});

export const controlOf = (cell: Cell): Cell => ({ ...cell, attack: null });

/** Cells with the controls that they need, controls first. */
export function withControls(cells: readonly Cell[]): Cell[] {
  const all = new Map<string, Cell>();
  for (const cell of cells.filter((each) => !isComparison(each)).map(controlOf)) all.set(cellId(cell), cell);
  for (const cell of cells) all.set(cellId(cell), cell);
  return [...all.values()];
}

/** What tells most comes first, for a run that does not get to the end. */
const ranks: readonly ((cell: Cell, first: boolean) => boolean)[] = [
  ({ gate }, first) => gate === "wrapper" && first,
  ({ gate }) => gate === "sealed",
  ({ gate }) => gate === "plain",
  ({ gate }, first) => gate === "hook" && first,
  ({ gate }) => gate === "verify",
  ({ gate }) => gate === "audit" || gate === "trust-policy",
  ({ gate }) => gate === "wrapper",
  () => true,
];

/** Every cell, in the order to run them in: each rank's controls, then its attacks. */
export function everyCell(): Cell[] {
  const ranked = ranks.map((): Cell[] => []);
  const seen = new Set<string>();
  for (const attack of attacks)
    for (const cell of cellsOf(attack)) {
      const place = [attack.id, cell.manager, cell.gate].join("/");
      const rank = ranks.findIndex((belongs) => belongs(cell, !seen.has(place)));
      seen.add(place);
      ranked[rank]?.push(cell);
    }
  const all = new Map(ranked.flatMap(withControls).map((cell) => [cellId(cell), cell]));
  return [...all.values()];
}

/** A seal is checked before anything that the versions and families of managers differ in. */
const quicklySealed: ReadonlySet<RealManager> = new Set(["npm-12", "pnpm-12", "yarn-4", "uv-0"]);

/** Every attack × manager once behind the wrapper, and of some managers behind the sealed one; without their controls. */
export const quickCells = (): Cell[] =>
  realManagers.flatMap((manager) =>
    attacks
      .filter(({ managers }) => managers.includes(manager))
      .flatMap((attack) =>
        (["wrapper", "sealed"] as const)
          .filter((gate) => gate === "wrapper" || quicklySealed.has(manager))
          .filter((gate) => gatesOf(attack).includes(gate))
          .map((gate) => firstCell(attack, manager, gate)),
      ),
  );

export const attackOf = (cell: Cell): Attack | null => {
  if (cell.attack === null) return null;
  const found = attacks.find(({ id }) => id === cell.attack);
  if (found === undefined) throw new Error(`no attack is called ${cell.attack}`);
  return found;
};
