import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { modeOf, policyHome, runHook, type HookResult } from "@countersign/gate";
import { readCommandLine } from "./command-line.ts";
import { batched } from "./hook/batch.ts";
import { commandArguments, reachOf } from "./hook/command.ts";
import { failure, say } from "./hook/failure.ts";
import { judgeResolutions, type Manifest } from "./hook/resolutions.ts";
import { unsoundNode, unsoundPnpm, type Unsound } from "./hook/unsound.ts";
import { lockfile, projectOf } from "./project.ts";

/** pnpm's settings as far as they are read or set here; every one may be missing or anything. */
type Settings = Record<string, unknown>;
type Resolution = { lockfileDir?: unknown; existsNonEmptyWantedLockfile?: unknown };
type Hooks = {
  updateConfig(settings: Settings): Promise<Settings>;
  preResolution(context: Resolution): Promise<void>;
  readPackage(manifest: Manifest): Promise<Manifest>;
  afterAllResolved(lockfile: unknown): unknown;
};

declare const COUNTERSIGN_VERSION: string;

/** pnpm 12 ends `updateConfig` and `readPackage` after 30 s; ours is a third of that. */
const milliseconds = 10_000;
const signal = (): AbortSignal => AbortSignal.timeout(milliseconds);
/** `preResolution` may take its time. */
const unhurried = 300_000;
const gathering = 15;

/** What this process knows of the command that runs. pnpm 12 asks for settings in one process and for the rest in another. */
const args = commandArguments();
const line = readCommandLine(args ?? []);
const reach = reachOf(args);
/** The wrapper's verdict line stands there already. */
const wrapped = process.env["COUNTERSIGN_WRAPPED"] === "1";
const judged = new Set<string>();
const known = new Set<string>();
let installing: string | null = null;
let disabled = false;
let refusal: Error | null = null;

/**
 * `updateConfig` runs in every flow, so it is where the lockfile is decided on. `preResolution` knows of lockfiles that
 * lie elsewhere, `readPackage` of what no lockfile has yet.
 */
export const hooks: Hooks = {
  async updateConfig(settings) {
    if (reach !== "lockfile") return settings;
    const directory = directoryOf(settings);
    if (!existsSync(join(directory, lockfile)) && !branches(settings)) return settings;
    const result = await judge(
      directory,
      signal(),
      unsoundPnpm(settings["userAgent"]) ?? unsoundLock(settings),
    );
    return result.mode === "strict" ? { ...settings, ...checksOn } : settings;
  },

  async preResolution({ lockfileDir, existsNonEmptyWantedLockfile }) {
    if (typeof lockfileDir !== "string") return;
    const directory = resolve(lockfileDir);
    if (reach === "resolutions") return;
    installing = directory;
    // The other process of pnpm 12 decided on the lockfile of the place where the command stands.
    const elsewhere = !judged.has(directory) && directory !== projectOf(process.cwd(), line).root;
    if (reach === "lockfile" && existsNonEmptyWantedLockfile === true && elsewhere)
      await judge(directory, AbortSignal.timeout(unhurried), null);
  },

  async readPackage(manifest) {
    const { dist } = manifest;
    if (disabled || typeof dist !== "object" || dist === null) return manifest;
    if (!known.has(keyOf(manifest)) && reach !== "nothing") await resolved(manifest);
    return manifest;
  },

  /** What an optional dependency throws only leaves that out, and the command would end well. */
  afterAllResolved(resolvedLockfile) {
    if (refusal !== null) throw refusal;
    return resolvedLockfile;
  },
};

/** Of the settings that weaken, those that a command line can set: a file that does is a finding. */
const checksOn = { trustLockfile: false, verifyStoreIntegrity: true, strictStorePkgContentCheck: true };

async function judge(directory: string, within: AbortSignal, unsound: Unsound | null): Promise<HookResult> {
  const result = await runHook({
    directory,
    lockfiles: [lockfile],
    signal: within,
    version: COUNTERSIGN_VERSION,
  });
  judged.add(directory);
  conclude(result, within, unsound ?? unsoundNode(process.versions.node));
  for (const { set } of result.verification?.lockfiles ?? []) {
    for (const { name, version, artefacts } of set.packages) {
      for (const { digest } of artefacts)
        if (digest !== null)
          known.add(
            `${name}@${version} ${digest.algorithm}-${Buffer.from(digest.hex, "hex").toString("base64")}`,
          );
    }
  }
  return result;
}

const keyOf = ({ name, version, dist }: Manifest): string =>
  `${String(name)}@${String(version)} ${String(dist?.integrity)}`;

const resolved = batched<Manifest>(gathering, async (manifests) => {
  const within = signal();
  const directory = installing ?? projectOf(process.cwd(), line).root;
  disabled = await isDisabled(directory);
  if (disabled) return;
  const place = { directory, signal: () => within, version: COUNTERSIGN_VERSION };
  const result = await judgeResolutions(manifests, place);
  conclude(
    isQuiet(result.verification) ? { ...result, text: "" } : result,
    within,
    unsoundNode(process.versions.node),
  );
  for (const manifest of manifests) known.add(keyOf(manifest));
});

/** By the policy alone; a variable can only tighten. */
async function isDisabled(directory: string): Promise<boolean> {
  if ((process.env["COUNTERSIGN_MODE"] ?? "") !== "") return false;
  const search = { directory, policyDirectory: policyHome(directory), managedPolicy: null, base: null };
  const asked = { ...search, mode: null, modeFrom: "" };
  return (await modeOf(asked, { now: Date.now(), platform: process.platform })) === "disabled";
}

/** Prints what was found, and throws where the command must not go on. */
function conclude(
  { mode, exitCode, text, verification }: HookResult,
  within: AbortSignal,
  unsound: Unsound | null,
): void {
  disabled = mode === "disabled";
  if (disabled) return;
  if (unsound !== null) {
    say(`countersign: ${unsound.why}\n`);
    if (mode === "strict") throw refused("ERR_COUNTERSIGN_UNSOUND", unsound.why, unsound.fix);
    return;
  }
  if (exitCode !== 0 || !isQuiet(verification) || !wrapped) say(text);
  if (exitCode === 0) return;
  const codes = new Set(
    verification?.report.findings.filter(({ effect }) => effect === "block").map(({ code }) => code),
  );
  const shown = [...codes].slice(0, 8).join(", ");
  if (exitCode === 1)
    throw refused(
      "ERR_COUNTERSIGN_BLOCKED",
      `${shown}: the report above says what and why.`,
      "see the report",
    );
  const late = within.aborted ? `not done within ${milliseconds / 1000} s` : "evidence could not be had";
  throw refused(
    "ERR_COUNTERSIGN_INCOMPLETE",
    `${late}${shown === "" ? "" : ` (${shown})`}, so nothing is installed.`,
    "countersign verify, which takes its time and keeps what it finds; then this command again",
  );
}

const refused = (code: string, why: string, fix: string): Error => (refusal = failure(code, why, fix));

const isQuiet = (verification: HookResult["verification"]): boolean => {
  const { outcome, strict } = verification?.report.decision ?? {};
  return outcome === "allow" && strict === "allow";
};

function directoryOf({ lockfileDir, workspaceDir, dir }: Settings): string {
  const found = [lockfileDir, workspaceDir, dir].find((each) => typeof each === "string" && each !== "");
  return resolve(typeof found === "string" ? found : projectOf(process.cwd(), line).root);
}

const branches = ({ gitBranchLockfile, useGitBranchLockfile }: Settings): boolean =>
  gitBranchLockfile === true || useGitBranchLockfile === true;

const unsoundLock = (settings: Settings): Unsound | null =>
  branches(settings)
    ? {
        why: "gitBranchLockfile gives every branch a lockfile of its own, which is not verified (settings/weakens).",
        fix: "Remove gitBranchLockfile from pnpm-workspace.yaml.",
      }
    : null;
