import { visible, type Mode } from "@countersign/core";
import {
  digestsPath,
  discoverLockfiles,
  integrityOf,
  modeOf,
  noRecord,
  projectPolicyPath,
  readRecord,
  writeRecord,
  type Discovery,
  type VendoredRecord,
} from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import { bunInit } from "../init/bun.ts";
import { renderChange } from "../init/diff.ts";
import { applyChanges, FilePlan, type FileChange } from "../init/file-change.ts";
import { readHook } from "../init/hook-files.ts";
import type { InitManager } from "../init/managers.ts";
import { npmInit } from "../init/npm.ts";
import type { HookInit, Planning } from "../init/planning.ts";
import { addConfigDependency } from "../init/pnpm-config-dependency.ts";
import { pnpmInit } from "../init/pnpm.ts";
import { addRepositoryFiles, removeRepositoryFiles } from "../init/repository.ts";
import { yarnInit } from "../init/yarn.ts";
import { startingPolicy } from "./policy-init.ts";

export type InitOptions = { manager?: InitManager; remove?: boolean; yes?: boolean };

/**
 * Puts the hook of each manager of the project in place, records what it copied, writes a first policy in mode warn,
 * and has git and npm treat lockfiles and seals as they must be; `--remove` takes exactly that back. What would change is shown before anything is written.
 */
export async function init(host: Host, options: InitOptions): Promise<number> {
  const discovery = await discoverLockfiles(host.directory);
  const managers = managersOf(discovery, options.manager);
  const { directory } = discovery;
  const plan = new FilePlan(directory);
  const record = await recordOf(directory);
  const [files, written] = [new Map(record.files), new Map(record.written)];
  const planning: Planning = {
    plan,
    directory,
    hook: (name) => readHook(host, name),
    vendor: async (path, hook) => {
      await plan.write(path, hook);
      if (hook === null) files.delete(path);
      else files.set(path, integrityOf(hook));
    },
    version: host.version,
    strict: (await projectMode(host, directory)) === "strict",
    notes: [],
    unwritten: [],
  };
  for (const manager of managers) {
    const hook = hookOf(manager, host, planning, discovery);
    if (typeof hook === "string") planning.notes.push(hook);
    else await (options.remove === true ? hook.remove(planning) : hook.install(planning));
  }
  await (options.remove === true
    ? removePolicy(plan, files, written)
    : addPolicy(plan, host, discovery, written));
  await (options.remove === true ? removeRepositoryFiles : addRepositoryFiles)(plan, discovery);
  await plan.write(digestsPath, files.size + written.size === 0 ? null : writeRecord({ files, written }));
  return finish(host, options, directory, plan.changes(), planning);
}

function managersOf({ lockfiles }: Discovery, named: InitManager | undefined): InitManager[] {
  if (named !== undefined) return [named];
  const found = new Set(lockfiles.map(({ manager }) => (manager === "pip" ? "uv" : manager)));
  if (found.size === 0)
    throw new CommandError(
      "no lockfile tells which package manager this project has",
      "countersign init --manager NAME",
    );
  return [...found];
}

/** The hook of a manager, or the sentence that says why there is none. */
function hookOf(
  manager: InitManager,
  host: Host,
  planning: Planning,
  { lockfiles }: Discovery,
): HookInit | string {
  const none = (name: string, args: string): string =>
    `${name} loads no hook: install with \`countersign ${args}\`, and run \`countersign verify\` in CI`;
  if (manager === "deno") return none("Deno", "deno ci");
  if (manager === "uv") return none("uv", "uv sync");
  if (manager === "yarn" && lockfiles.some(({ format }) => format === "yarn-classic"))
    return "Yarn Classic loads no plugin: run `countersign verify` in CI, or move to Yarn 4";
  if (manager === "npm") return npmInit;
  if (manager === "yarn") return yarnInit;
  if (manager === "bun") return bunInit;
  return pnpmInit(async () => addConfigDependency(host, planning.directory, await planning.hook("pnpm.cjs")));
}

async function recordOf(directory: string): Promise<VendoredRecord> {
  const read = await readRecord(directory);
  if (read.state === "failed")
    throw new CommandError(
      `${digestsPath} cannot be read: ${read.detail}`,
      `restore it, or delete it and run the command again`,
    );
  return read.state === "found" ? read.record : noRecord;
}

const projectMode = (host: Host, directory: string): Promise<Mode> =>
  modeOf(
    { directory, policyDirectory: directory, managedPolicy: null, base: null, mode: null, modeFrom: "init" },
    environmentOf(host),
  );

async function addPolicy(
  plan: FilePlan,
  host: Host,
  discovery: Discovery,
  written: Map<string, string>,
): Promise<void> {
  if ((await plan.read(projectPolicyPath)) !== null) return;
  const text = await startingPolicy(environmentOf(host), discovery);
  await plan.write(projectPolicyPath, text);
  written.set(projectPolicyPath, integrityOf(Buffer.from(text)));
}

/** The policy goes when no hook is left and nobody has touched it: then it is still only what init wrote. */
async function removePolicy(
  plan: FilePlan,
  files: ReadonlyMap<string, string>,
  written: Map<string, string>,
): Promise<void> {
  if (files.size > 0) return;
  const policy = await plan.read(projectPolicyPath);
  if (policy !== null && integrityOf(policy) === written.get(projectPolicyPath))
    await plan.write(projectPolicyPath, null);
  written.clear();
}

async function finish(
  host: Host,
  options: InitOptions,
  directory: string,
  changes: readonly FileChange[],
  { notes, unwritten }: Planning,
): Promise<number> {
  const { terminal } = host;
  if (unwritten.length > 0) {
    for (const each of unwritten) say(host, each);
    say(host, "nothing was written");
    return 2;
  }
  const palette = terminal.palette("out");
  for (const change of changes) terminal.out(renderChange(change, palette));
  for (const note of notes) say(host, note);
  if (changes.length === 0) {
    say(host, "nothing to do");
    return 0;
  }
  if (options.yes !== true) {
    if (terminal.confirm === null)
      throw new CommandError(
        "nothing was written: there is no terminal to ask on",
        `countersign init${options.remove === true ? " --remove" : ""}${options.manager === undefined ? "" : ` --manager ${options.manager}`} --yes`,
      );
    if (
      !(await terminal.confirm(
        `Write ${changes.length === 1 ? "this file" : `these ${changes.length} files`}?`,
      ))
    ) {
      say(host, "nothing was written");
      return 2;
    }
  }
  await applyChanges(directory, changes);
  say(host, options.remove === true ? "taken back" : "written; commit it, then run: countersign verify");
  return 0;
}

function say({ terminal }: Host, text: string): void {
  const [first = "", ...more] = text.split("\n").map((line) => visible(line));
  terminal.err([`countersign: ${first}`, ...more.map((line) => `  ${line}`), ""].join("\n"));
}
