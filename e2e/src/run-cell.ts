import { isCode, type Code } from "@countersign/core";
import { evilText, goodText, hasManager } from "@countersign/testkit";
import {
  cellId,
  type Attack,
  type Cell,
  type Fine,
  type Hole,
  type Outcome,
  type Scope,
  type Verdict,
} from "./cell.ts";
import { stepsOf } from "./gate.ts";
import { installHook } from "./hook.ts";
import { lockOf } from "./lock.ts";
import type { CommandLine } from "./managers/adapter.ts";
import type { Ended } from "./process.ts";
import { remainsOf } from "./remains.ts";
import { clearInstallation, commit, inGit, marksOf, openScene, type Scene } from "./scene.ts";
import { demandSeal, forgetEvidence, seal } from "./seals.ts";

/** Of one command. */
const limit = 60_000;

/** What a run left, as far as it matters. */
type Left = Ended & {
  line: string;
  codes: readonly string[];
  marks: readonly string[];
  remains: readonly string[];
};

/**
 * Stages a scene, lets the attack strike, runs the gate once and looks at what is there. Never retried.
 * @param attack null for the control
 */
export async function runCell(cell: Cell, attack: Attack | null): Promise<Outcome> {
  const id = cellId(cell);
  const started = performance.now();
  const outcome = (verdict: Verdict, pass: boolean, left: Partial<Left>, detail: string): Outcome => ({
    id,
    verdict,
    pass,
    codes: left.codes ?? [],
    exitCode: left.exitCode ?? null,
    milliseconds: Math.round(performance.now() - started),
    detail,
  });
  if (!hasManager(cell.manager)) return outcome("skipped", false, {}, `${cell.manager} is not installed`);
  const scene = await openScene(cell);
  try {
    await stage(scene, attack?.commits === true);
    if (cell.state !== "cold") {
      const before = cell.flow === "add" ? { ...cell, flow: "frozen" as const } : cell;
      const good = await attempt(scene, before, attack, false);
      if (good.exitCode !== 0)
        return outcome("failed", false, good, `the good install before it failed\n${told(good)}`);
      clearInstallation(scene);
    }
    await attack?.strike(scene);
    if (cell.scenery === "summarised") forgetEvidence(scene);
    if (cell.state === "offline") breakServers(scene);
    scene.kit.requests.clear();
    const left = await attempt(scene, cell, attack, cell.state === "offline");
    if (attack === null) return await judgeControl(scene, cell, left, outcome);
    const verdict = judge(cell, attack, left);
    const hole = holeOf(cell, attack);
    const pass =
      isComparison(cell) ||
      (hole === null ? passes(cell, attack, verdict, left) : shows(hole, attack, verdict, left));
    const note =
      hole !== null && !pass
        ? `declared as a hole (${hole.shows}), and it is not one any more: take it back\n`
        : "";
    return outcome(verdict, pass, left, pass ? "" : `${note}${told(left)}`);
  } catch (error) {
    return outcome(
      "failed",
      false,
      {},
      `the cell itself failed: ${error instanceof Error ? error.stack : String(error)}`,
    );
  } finally {
    await scene.close();
  }
}

async function stage(scene: Scene, commits: boolean): Promise<void> {
  const { cell, adapter } = scene;
  if (cell.gate === "trust-policy")
    scene.write({ "pnpm-workspace.yaml": `${scene.read("pnpm-workspace.yaml")}trustPolicy: no-downgrade\n` });
  scene.write({ [adapter.lockfile]: await lockOf(scene) });
  if (cell.gate === "hook") await installHook(scene);
  if (cell.gate === "sealed") {
    await demandSeal(scene);
    await seal(scene);
  }
  if (commits) {
    await inGit(scene, ["init", "--quiet"]);
    await commit(scene, "good");
  }
}

async function attempt(scene: Scene, cell: Cell, attack: Attack | null, offline: boolean): Promise<Left> {
  let ended: Ended = { exitCode: 0, output: "", stdout: "", timedOut: false };
  let line: CommandLine = ["nothing"];
  for (const step of stepsOf(scene, cell.gate, cell.flow, offline, attack?.options ?? [])) {
    line = step;
    const next = await scene.run(step, limit, { offline });
    ended = { ...next, output: `${ended.output}${next.output}` };
    if (next.exitCode !== 0) break;
  }
  return {
    ...ended,
    line: line.join(" ").replaceAll(scene.root, "$SCENE"),
    codes: [...new Set(ended.output.match(/\b[a-z]+\/[a-z0-9-]+/g) ?? [])].filter(isCode),
    marks: marksOf(scene),
    remains: remainsOf(scene),
  };
}

/** The good packages are installed, and leaf is the good one and runs. */
async function judgeControl(
  scene: Scene,
  cell: Cell,
  left: Left,
  outcome: (verdict: Verdict, pass: boolean, left: Left, detail: string) => Outcome,
): Promise<Outcome> {
  if (left.timedOut) return outcome("timed out", false, left, told(left));
  if (left.exitCode !== 0) return outcome("failed", false, left, told(left));
  if (cell.flow === "run") {
    const ran = left.marks.includes(`tool@1.0.0 ${goodText} command`);
    return outcome("harmless", ran, left, ran ? "" : `tool did not run\n${told(left)}`);
  }
  const asked = cell.scenery === "summarised" ? requestsOfOurs(scene) : [];
  if (asked.length > 0)
    return outcome("harmless", false, left, `evidence was asked for: ${asked.join(", ")}\n${told(left)}`);
  const { exitCode, output } = await scene.run(scene.adapter.runs, limit);
  const runs = exitCode === 0 && /leaf[@-]1\.0\.0/.test(output) && left.remains.length === 0;
  return outcome("harmless", runs, left, runs ? "" : `leaf does not run: ${output}\n${told(left)}`);
}

const requestsOfOurs = ({ kit }: Scene): string[] =>
  kit.requests.all
    .filter(({ headers }) => String(headers["user-agent"]).startsWith("countersign"))
    .map(({ server, path }) => `${server} ${path}`);

/** What happened, whatever was hoped for. */
function judge(cell: Cell, attack: Attack, { exitCode, timedOut, codes, marks, remains }: Left): Verdict {
  if (timedOut) return "timed out";
  const evil = remains.length > 0 || marks.some((mark) => mark.includes(evilText));
  if (exitCode === 0) return evil ? "installed" : "harmless";
  if (isComparison(cell)) return evil ? "late" : "blocked";
  if (evil) return "late";
  if (cell.gate === "sealed" && attack.says !== undefined && !codes.includes(attack.says)) return "failed";
  if (!stoppingCodes(cell, attack).some((code) => codes.includes(code)))
    return isFine("manager refuses", cell, attack) ? "blocked" : "failed";
  // Before a decision nothing at all may have run, not even what is good.
  return marks.length > 0 ? "late" : "blocked";
}

/** Whether a cell may end well without a finding of ours. */
export const isFine = (what: Fine["what"], cell: Cell, { alsoFine = [] }: Attack): boolean =>
  alsoFine.some((fine) => fine.what === what && isWithin(cell, fine));

/** Without a server the attacker's version is one that nothing is known of, whatever is wrong with it. */
const stoppingCodes = ({ gate, scenery, state }: Cell, { codes }: Attack): readonly Code[] =>
  gate === "sealed" && scenery !== "summarised"
    ? ["seal/approval-missing"]
    : state === "offline"
      ? [...codes, "evidence/offline", "evidence/unreachable", "artefact/digest-unbound"]
      : codes;

function passes(cell: Cell, attack: Attack, verdict: Verdict, left: Left): boolean {
  if (verdict === "blocked") return true;
  // Detected afterwards is what the code says; anything else that is late is a failure.
  if (verdict === "harmless")
    return isFine("good content", cell, attack) && !attack.codes.some((code) => left.codes.includes(code));
  return false;
}

function shows(hole: Hole, { codes }: Attack, verdict: Verdict, left: Left): boolean {
  if (hole.shows === "installs") return verdict === "installed" || verdict === "harmless";
  if (hole.shows === "fetches") return verdict === "late" && left.marks.length === 0;
  const named = codes.some((code) => left.codes.includes(code));
  return named && (verdict === "late" || (verdict === "blocked" && hole.shows === "may be late"));
}

export const isComparison = ({ gate }: Pick<Cell, "gate">): boolean =>
  gate === "plain" || gate === "audit" || gate === "trust-policy";

export const holeOf = (cell: Cell, { holes = [] }: Attack): Hole | null =>
  holes.find((hole) => isWithin(cell, hole)) ?? null;

const isWithin = (cell: Cell, { gates, managers, flows, states }: Scope): boolean =>
  gates?.includes(cell.gate) !== false &&
  managers?.includes(cell.manager) !== false &&
  flows?.includes(cell.flow) !== false &&
  states?.includes(cell.state) !== false;

/** No server answers any more; whoever tries gets a reset connection. */
function breakServers({ kit }: Scene): void {
  for (const faults of [kit.npm.faults, kit.pypi.faults, kit.pypi.fileFaults, kit.sigstore.faults])
    faults.add({ fault: { kind: "reset" } });
}

const told = ({ line, exitCode, timedOut, output, marks, remains }: Left): string =>
  [
    `$ ${line}`,
    `exit code ${timedOut ? "none: over the time limit" : String(exitCode)}`,
    ...(marks.length === 0 ? [] : [`marks: ${marks.join("; ")}`]),
    ...(remains.length === 0 ? [] : [`of the attacker's: ${remains.slice(0, 8).join(", ")}`]),
    output.length > 3000 ? `…${output.slice(-3000)}` : output,
  ].join("\n");
