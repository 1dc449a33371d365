import type { Code } from "@countersign/core";
import type { RealManager } from "@countersign/testkit";
import type { Scene } from "./scene.ts";

/**
 * Who stands between the attack and the disk: four of ours (`wrapper`: `countersign npm ci`; `sealed`: the same under a
 * managed policy that wants the lockfile sealed, as it was before the attack; `verify`: `countersign verify` before the
 * install, as in CI; `hook`: the manager's own command with our hook installed), and three for comparison (`plain`: the manager alone; `audit`: `npm audit signatures` after the install; `trust-policy`: pnpm
 * with `trustPolicy: no-downgrade`).
 */
export const gates = ["wrapper", "sealed", "verify", "hook", "plain", "audit", "trust-policy"] as const;
export type Gate = (typeof gates)[number];
/** Of ours, what every attack is run on that does not say otherwise: a seal cares only for what it is over. */
export const unsealedGates: readonly Gate[] = ["wrapper", "verify", "hook"];

/** `frozen`: the lockfile as it stands; `install`: it may be completed; `add`: a new dependency; `run`: no lockfile. */
export type Flow = "frozen" | "install" | "add" | "run";
/** `cold`: empty caches; `warm`: after a good install with this gate; `offline`: the same, and no server answers. */
export type State = "cold" | "warm" | "offline";

/** One run of one real manager. `attack` is null for the control: the same without the attack. */
export type Cell = {
  attack: string | null;
  scenery: SceneryName;
  manager: RealManager;
  gate: Gate;
  flow: Flow;
  state: State;
};

export const cellId = ({ attack, scenery, manager, gate, flow, state }: Cell): string =>
  [attack ?? `control-${scenery}`, manager, gate, flow, state].join("/");

/**
 * What a project's policy demands: `signed` packages (Python: locked ones), or besides that provenance of the acme
 * workflow for leaf, extra and tool. `summarised` is `signed` with a summary, and nothing else to know it from: no
 * evidence is kept from earlier runs. Behind the gate `sealed` the other two demand an approval besides.
 */
export type SceneryName = "signed" | "provenance" | "summarised";

export type Attack = {
  /** kebab-case, never reused. */
  id: string;
  /** What the attacker did, as a noun phrase. */
  title: string;
  scenery: SceneryName;
  managers: readonly RealManager[];
  flows: readonly Flow[];
  states: readonly State[];
  /** Of ours, where not `unsealedGates`; comparisons are run on all attacks. */
  gates?: readonly Gate[];
  /** Any of these stops it; where an approval is demanded its absence has to. */
  codes: readonly Code[];
  /** Why no seal counts, which the sealed wrapper must say too. */
  says?: Code;
  /** What protects as well as a finding of ours. */
  alsoFine?: readonly Fine[];
  /** Our executable's options: `--base` for attacks on the policy itself. */
  options?: readonly string[];
  /** The good project is committed first. */
  commits?: boolean;
  /** false: there is nothing in it for who does not decide. */
  comparable?: false;
  /** Turns the good scene, already installed in warm states, into the attacked one. */
  strike(scene: Scene): void | Promise<void>;
  holes?: readonly Hole[];
};

/** Cells of one attack; what is left out may be any. */
export type Scope = {
  gates?: readonly Gate[];
  managers?: readonly RealManager[];
  flows?: readonly Flow[];
  states?: readonly State[];
};

/**
 * `manager refuses`: the manager's own check, which strict keeps on, refuses the bytes under an honest lockfile, or reads
 * the lockfile before it loads a hook and refuses that; `good content`: the setting is taken away, the cache repaired or
 * proven good, and what is installed is good.
 */
export type Fine = Scope & { what: "manager refuses" | "good content" };

/** Where a gate cannot protect: it must really be so, and the table says why and what does. */
export type Hole = Scope & {
  gates: readonly Gate[];
  /**
   * `installs`: nothing notices; `notices`: exit code and finding, after the attacker's bytes were had; `may be late`:
   * who is faster is chance; `fetches`: the attacker's bytes are stored and never run, for the manager itself stops.
   */
  shows: "installs" | "notices" | "may be late" | "fetches";
  reason: string;
  /** What does protect. */
  instead: string;
};

export type Verdict =
  /** Ours: stopped with our code, no mark, nothing left. Comparison: the manager or tool refused. */
  | "blocked"
  /** Exit 0 with the good content only. */
  | "harmless"
  /** The attacker's content was installed or run, exit 0. */
  | "installed"
  /** Non-zero exit, and the attacker's content lies there or ran. */
  | "late"
  /** Non-zero exit without our code. */
  | "failed"
  | "timed out"
  | "skipped";

/** What one cell came to. */
export type Outcome = {
  id: string;
  verdict: Verdict;
  /** As declared: a pass of ours, a declared hole that shows, or any outcome of a comparison. */
  pass: boolean;
  /** Codes of ours in the output. */
  codes: readonly string[];
  exitCode: number | null;
  milliseconds: number;
  /** For people: the command and the end of its output where it did not pass. */
  detail: string;
};
