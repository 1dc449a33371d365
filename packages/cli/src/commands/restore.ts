import { dirname, join } from "node:path";
import { defaultBudget, type Mode } from "@countersign/core";
import {
  checkInstalled,
  findLockfiles,
  isFailure,
  purgeInstalled,
  readLockfiles,
  verifyProject,
  type DiscoveredLockfile,
  type InstalledCheck,
  type Verification,
  type WrapperHost,
} from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import { MistakesError, mistakesOf, renderMistakes } from "../mistakes.ts";
import type { ProjectOptions } from "../options.ts";
import { json, layoutOf, renderReport } from "../render.ts";
import { requestOf } from "../request.ts";
import { renderRestored, restoreDocument, type Restored, type RestoredLockfile } from "../restore-report.ts";
import { loadWrapper, wrapperHost } from "../wrap.ts";

export type RestoreOptions = ProjectOptions & { dryRun?: boolean; json?: boolean; verbose?: boolean };

/** The command of each manager that installs exactly what its lockfile names. */
const frozen: Readonly<
  Partial<Record<DiscoveredLockfile["format"], { tool: string; args: readonly string[] }>>
> = {
  "package-lock": { tool: "npm", args: ["ci"] },
  "pnpm-lock": { tool: "pnpm", args: ["install", "--frozen-lockfile"] },
  "yarn-berry": { tool: "yarn", args: ["install", "--immutable"] },
  "bun-lock": { tool: "bun", args: ["install", "--frozen-lockfile"] },
  "deno-lock": { tool: "deno", args: ["ci"] },
  "uv-lock": { tool: "uv", args: ["sync", "--frozen"] },
};

/**
 * Makes what is installed be what the lockfile names: decide, install frozen behind the gate, look at what was left.
 * What lies there already with the locked version and digest is not installed again. It ends 0 only when every item is
 * as locked; `--dry-run` decides, compares and changes nothing.
 */
export async function restore(host: Host, options: RestoreOptions): Promise<number> {
  const discovery = await findLockfiles(host.directory, options.lockfile);
  if (discovery.lockfiles.length === 0)
    throw new MistakesError(discovery.findings.filter(({ effect }) => effect === "block"));
  const lockfiles: RestoredLockfile[] = [];
  let exitCode = 0;
  for (const file of discovery.lockfiles) {
    const done = await restoreOne(host, options, discovery.directory, file);
    lockfiles.push(done.lockfile);
    // One that is blocked does not hide the others; the first that fails says how it ends.
    if (exitCode === 0) exitCode = done.exitCode;
    if (host.signal.aborted) break;
  }
  const restored: Restored = { dryRun: options.dryRun ?? false, lockfiles };
  if (options.json === true) host.terminal.out(json(restoreDocument(restored)));
  const stream = options.json === true ? "err" : "out";
  host.terminal[stream](renderRestored(restored, layoutOf(host, stream, options.verbose ?? false)));
  return exitCode;
}

type Done = { lockfile: RestoredLockfile; exitCode: number };

async function restoreOne(
  host: Host,
  options: RestoreOptions,
  project: string,
  file: DiscoveredLockfile,
): Promise<Done> {
  const directory = dirname(join(project, file.path));
  const environment = environmentOf(host);
  const verify = (): Promise<Verification> =>
    verifyProject(
      {
        ...requestOf(host, options),
        platform: "current",
        lockfiles: [join(project, file.path)],
        saves: "parsing",
      },
      environment,
    );
  const decided = (verification: Verification): Pick<RestoredLockfile, "mode" | "decision"> => ({
    mode: verification.report.decision.mode,
    decision: verification.report.decision.outcome,
  });
  // First, while the process is small: git is asked, and what a summary vouches for is not parsed for the decision.
  const early = options.dryRun === true ? await verify() : null;
  const { read } = await readLockfiles(project, [file], defaultBudget);
  const set = read[0]?.set;
  const base = { path: file.path, manager: file.manager };
  const nothing = { items: [], obstacles: [] };
  if (set === undefined) {
    const verification = early ?? (await verify());
    show(host, options, verification);
    const lockfile = {
      ...base,
      ...decided(verification),
      action: "none",
      outcome: "blocked",
      ...nothing,
    } as const;
    return { lockfile, exitCode: verification.exitCode === 0 ? 1 : verification.exitCode };
  }
  const look = (settled: boolean): Promise<InstalledCheck> =>
    checkInstalled({
      directory,
      file,
      set,
      machine: { os: host.platform, cpu: host.cpu },
      home: host.home,
      variables: host.variables,
      settled,
    });
  const before = await look(false);
  // What is kept outside of the project was not looked at: its manager is asked every time.
  const asLocked = isAsLocked(before) && !before.items.some(({ state }) => state === "unchecked");
  if (options.dryRun === true || asLocked) {
    const verification = early ?? (await verify());
    show(host, options, verification);
    const blocked = outcomeOf(verification);
    const outcome = blocked ?? (asLocked ? "as-locked" : "would-install");
    const action = asLocked || blocked !== null ? "none" : "install";
    return {
      lockfile: { ...base, ...decided(verification), action, outcome, ...before },
      exitCode: verification.exitCode,
    };
  }
  const command = frozen[file.format];
  if (command === undefined)
    throw new CommandError(
      `${file.path} is restored by no frozen install of ${file.manager}`,
      "use a lockfile of npm, pnpm, Yarn Berry, Bun, Deno or uv; countersign verify checks this one",
    );
  const wrapper = await loadWrapper(command.tool);
  const ran: Ran = { verification: null, installed: null };
  const mistrusted = before.items.some(({ state }) => state === "differs" || state === "unlocked");
  const purge = async (): Promise<void> => {
    // `npm ci` empties node_modules itself; others take what lies there for what they once installed.
    if (file.manager !== "npm" && mistrusted) await purgeInstalled(directory, file.manager, set);
  };
  const inner = wrapperHost({ ...host, directory }, { ...options, lockfile: [] }, command.args);
  const exitCode = await wrapper(observed(inner, host, options, ran, purge));
  const { verification } = ran;
  const decision =
    verification === null ? { mode: "disabled" as Mode, decision: null } : decided(verification);
  // A wrapper may install in steps of its own; one that was refused ends otherwise than 0.
  if (ran.installed === null && exitCode !== 0) {
    const outcome = (verification === null ? null : outcomeOf(verification)) ?? "failed";
    return {
      lockfile: { ...base, ...decision, action: "none", outcome, ...before },
      exitCode: exitCode || 1,
    };
  }
  const after = await look(exitCode === 0);
  const done = exitCode === 0 && isAsLocked(after);
  return {
    lockfile: { ...base, ...decision, action: "install", outcome: done ? "restored" : "failed", ...after },
    exitCode: exitCode === 0 && !done ? 1 : exitCode,
  };
}

/** What the wrapper's flow came to, seen from outside. */
type Ran = { verification: Verification | null; installed: number | null };

/** The wrapper's host, with an eye on what it decides and runs; under `--json` the manager's own output goes to stderr. */
function observed(
  inner: WrapperHost,
  host: Host,
  options: RestoreOptions,
  ran: Ran,
  beforeRun: () => Promise<void>,
): WrapperHost {
  return {
    ...inner,
    verify: async (request) => {
      ran.verification = await inner.verify(request);
      return ran.verification;
    },
    run: async (tool, run) => {
      await beforeRun();
      if (options.json !== true) ran.installed = await inner.run(tool, run);
      else {
        const { exitCode, stdout, stderr } = await inner.capture(tool, run);
        host.terminal.err(`${stdout}${stderr}`);
        ran.installed = exitCode;
      }
      return ran.installed;
    },
  };
}

const isAsLocked = ({ items, obstacles }: InstalledCheck): boolean =>
  obstacles.length === 0 && !items.some(isFailure);

const outcomeOf = ({ exitCode }: Verification): "blocked" | "incomplete" | null =>
  exitCode === 0 ? null : exitCode === 1 ? "blocked" : "incomplete";

/** The report, where it has something to say beyond that all is well. */
function show(host: Host, options: RestoreOptions, verification: Verification): void {
  const { report } = verification;
  const mistakes = mistakesOf(verification);
  if (mistakes.length > 0) return host.terminal.err(renderMistakes(mistakes));
  const { mode, outcome, strict } = report.decision;
  const quiet = mode === "disabled" || (outcome === "allow" && strict === "allow");
  if (!quiet || options.verbose === true)
    host.terminal.err(renderReport(report, "human", layoutOf(host, "err", options.verbose ?? false)));
}
