import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "@countersign/core";
import { writeProject, type NpmLockName, type PublishedPackage } from "@countersign/testkit";
import type { Ran, Setting } from "../host.ts";
import { openScene, type Scene } from "../scene.ts";
import { approvals, commit, git, keyOf, sealPolicy, startSealing } from "../sealing.ts";

/** What a verification came to, without anything that differs from run to run. */
export type Outcome = {
  exitCode: number;
  /** Codes of findings that block, and of those that do not; each once, sorted. */
  blocks: readonly string[];
  notes: readonly string[];
  /** Of the seals of all lockfiles: why each counts for nothing, null where it counts. */
  seals: readonly (string | null)[];
  approvals: readonly string[];
  evidence: readonly string[];
  report: Report;
  ran: Ran;
};

/** A project that alice has approved, in a repository of its own; every attack starts from that commit. */
export type SealedProject = {
  scene: Scene;
  /** The commit with project, policy, trust store and seals. */
  sealed: string;
  path(name: string): string;
  read(name: string): string;
  write(name: string, content: string | Uint8Array): void;
  verify(...args: readonly string[]): Promise<Outcome>;
  verifyWith(setting: Partial<Setting>, ...args: readonly string[]): Promise<Outcome>;
  sign(name: string, ...more: readonly string[]): Promise<Ran>;
  summarise(...more: readonly string[]): Promise<Ran>;
  /** Paths of all seals, from the project, sorted. */
  seals(): readonly string[];
  commit(message: string): string;
  /** Makes everything be as it was when it was sealed, and the machine remember no more than then. */
  restore(): void;
  close(): Promise<void>;
};

export type SealedOptions = {
  lock?: NpmLockName;
  /** Of the policy's seal section. */
  seal?: string;
  /** Written after the project and before it is sealed. */
  files?: (scene: Scene) => Readonly<Record<string, string | Uint8Array>>;
  /** Instead of a project of npm's registry. */
  project?: (scene: Scene) => void;
  policy?: (scene: Scene) => string;
  /** Run after the trust store is there and before anything is sealed. */
  prepare?: (scene: Scene) => Promise<void>;
  signed?: boolean;
  /** Run on the sealed project, before the commit that every attack starts from. */
  stage?: (project: Unsealed) => Promise<void>;
};

type Unsealed = Omit<SealedProject, "sealed" | "restore">;

/** @throws where the scene cannot be sealed: every attack needs a control that is allowed */
export async function openSealed(options: SealedOptions = {}): Promise<SealedProject> {
  const scene = await openScene();
  const { lock = "package-lock.json", seal = approvals() } = options;
  if (options.project === undefined) writePackages(scene, [widgetOf(scene)], lock);
  else options.project(scene);
  scene.write({ ".countersign/policy.yaml": options.policy?.(scene) ?? sealPolicy(scene, seal) });
  scene.write(options.files?.(scene) ?? {});
  succeed(await startSealing(scene));
  await options.prepare?.(scene);
  const project = projectOf(scene);
  commit(scene, "unsealed");
  if (options.signed !== false) succeed(await project.sign("alice"));
  await options.stage?.(project);
  const sealed = commitAll(scene, "sealed");
  const home = join(scene.setting.scratch, "home");
  cpSync(home, `${home}-sealed`, { recursive: true });
  const restore = (): void => {
    restoreTo(scene, sealed);
    rmSync(home, { recursive: true });
    cpSync(`${home}-sealed`, home, { recursive: true });
  };
  return { ...project, sealed, restore };
}

export const widgetOf = (scene: Scene): PublishedPackage =>
  scene.kit.npm.publish({ name: "@acme/widget", provenance: true });

export function writePackages(
  scene: Scene,
  packages: readonly PublishedPackage[],
  lock: NpmLockName = "package-lock.json",
  below = "",
): void {
  writeProject(join(scene.directory, below), { lock, packages, registry: scene.kit.npm.url });
}

export function succeed(ran: Ran): Ran {
  if (ran.exitCode !== 0) throw new Error(`exit code ${ran.exitCode}\n${ran.out}${ran.err}`);
  return ran;
}

/** Without comparing it with what was there: an unchanged tree is fine. */
function commitAll(scene: Scene, message: string): string {
  git(scene, "add", "-A");
  git(scene, "commit", "-q", "--allow-empty", "-m", message);
  return git(scene, "rev-parse", "HEAD");
}

function restoreTo(scene: Scene, commitId: string): void {
  for (const name of readdirSync(scene.directory))
    if (name !== ".git") rmSync(join(scene.directory, name), { recursive: true });
  git(scene, "checkout", "-q", "-f", "-B", "main", commitId);
}

function projectOf(scene: Scene): Unsealed {
  const path = (name: string): string => join(scene.directory, name);
  const verifyWith: SealedProject["verifyWith"] = async (setting, ...args) =>
    outcomeOf(await scene.runWith(setting, "verify", "--json", ...args));
  return {
    scene,
    path,
    read: (name) => readFileSync(path(name), "utf8"),
    write: (name, content) => scene.write({ [name]: content }),
    verifyWith,
    verify: (...args) => verifyWith({}, ...args),
    sign: (name, ...more) => scene.run("sign", "--approve", "--key", keyOf(scene, name), "--yes", ...more),
    summarise: (...more) =>
      scene.run("sign", "--summary", "--key", keyOf(scene, "release-bot"), "--yes", ...more),
    seals: () => sealsBelow(path(".countersign/seals")).map((name) => `.countersign/seals/${name}`),
    commit: (message) => commitAll(scene, message),
    close: () => scene.close(),
  };
}

function sealsBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".json")).toSorted();
}

/** @throws where there is no report: an attack that only breaks the command shows nothing */
export function outcomeOf(ran: Ran): Outcome {
  const { exitCode, out, err } = ran;
  if (!out.startsWith("{")) throw new Error(`exit code ${exitCode}, no report\n${out}${err}`);
  const report = JSON.parse(out) as Report;
  const codes = (blocks: boolean): string[] =>
    [
      ...new Set(
        report.findings.filter(({ effect }) => (effect === "block") === blocks).map(({ code }) => code),
      ),
    ].toSorted();
  return {
    exitCode,
    blocks: codes(true),
    notes: codes(false),
    seals: report.lockfiles.flatMap(({ seals }) => seals.map(({ code }) => code)),
    approvals: report.lockfiles.flatMap((lockfile) => lockfile.approvals),
    evidence: report.lockfiles.flatMap(({ evidence }) => evidence ?? []),
    report,
    ran,
  };
}

/** What is seen of an allowed project. */
export const allowed = { exitCode: 0, blocks: [] as string[] };
/** What is seen where approvals are asked for and the only seal counts for nothing, for this reason. */
export const refusedFor = (...codes: readonly string[]): Partial<Outcome> => ({
  exitCode: 1,
  blocks: ["seal/approval-missing"],
  seals: codes,
  approvals: [],
});

export const replaceIn = (project: SealedProject, name: string, from: string | RegExp, to: string): void => {
  const before = project.read(name);
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${name} has no ${String(from)}`);
  writeFileSync(project.path(name), after);
};
