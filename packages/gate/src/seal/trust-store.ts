import { dirname, join, resolve } from "node:path";
import { startOf, type Finding, type Mode, type TrustRoot } from "@countersign/core";
import { isRepository } from "../project/repository.ts";
import type { Environment } from "../run.ts";
import {
  folderAtCommit,
  folderOnDisk,
  projectFolder,
  trustFolder,
  type FolderResult,
  type RootFolder,
} from "./root-folder.ts";

export type TrustStoreOptions = {
  /** Absolute path of the directory that has `.countersign`. */
  directory: string;
  /** Absolute path of the managed policy that is in force; its pin is the folder `trust` beside it. */
  managedPolicy: string | null;
  /** `--trust-root`: a root's file, absolute or from the directory. */
  trustRoot: string | null;
  /** `--base`: the trusted commit. */
  base: string | null;
  environment: Pick<Environment, "now" | "home" | "variables" | "platform">;
  mode: Mode;
  /** Address of the directory's remote `origin`, where git has been asked before. */
  origin?: Promise<string | null>;
};

/** What said whom to trust. */
export type Pin = "managed" | "flag" | "base" | "memory";

/** `none`: there is no trust store anywhere, so no seal counts. `refused`: there is one, and it says nothing either. */
export type TrustStore =
  | { state: "none"; findings: readonly [] }
  | { state: "available"; root: TrustRoot; pinnedBy: Pin; findings: Finding[] }
  | { state: "refused"; findings: Finding[] };

/** Everything that roots can come from, opened; nothing in it is trusted before it is chosen as the pin. */
export type TrustSources = {
  options: TrustStoreOptions;
  project: RootFolder;
  /** null where no managed policy holds, or none with a trust store. */
  managed: RootFolder | null;
  /** null where no base was named. */
  base: RootFolder | null;
};

/**
 * The trust store that holds for a project: pinned outside of whatever the checked change can edit, then followed over
 * the project's own files. Where there is none at all, nothing that verifies is loaded.
 */
export async function loadTrustStore(options: TrustStoreOptions): Promise<TrustStore> {
  if (options.mode === "disabled") return { state: "none", findings: [] };
  const { directory, managedPolicy, base } = options;
  const beside = managedPolicy === null ? null : join(dirname(managedPolicy), "trust");
  const [project, managed, based] = await Promise.all([
    projectFolder(directory),
    beside === null ? null : folderOnDisk(beside, beside, null),
    base === null ? null : folderAtCommit(directory, base),
  ]);
  if (beside !== null && managed?.ok === false) return refused(unavailable(beside, managed.detail));
  if (base !== null && based?.ok === false) return refused(noBase(directory, base, based.detail));
  const sources: TrustSources = {
    options,
    project: openOrEmpty(project),
    managed: filled(managed),
    base: based?.ok === true ? based.folder : null,
  };
  const nowhere =
    project.ok &&
    sources.project.versions.length === 0 &&
    sources.managed === null &&
    (sources.base?.versions.length ?? 0) === 0 &&
    options.trustRoot === null;
  if (nowhere) {
    // Whoever deletes the whole trust store takes it back too, and must not be told to start another one.
    const { hasTrustMemory } = await import("./trust-memory.ts");
    if (!(await hasTrustMemory(directory, options.environment, options.origin)))
      return { state: "none", findings: [] };
  }
  const { followPinned } = await import("./follow-pinned.ts");
  return followPinned(sources, project.ok ? [] : [unreadableProject(project.detail)]);
}

/** A folder without a version pins nothing. */
const filled = (result: FolderResult | null): RootFolder | null =>
  result?.ok === true && result.folder.versions.length > 0 ? result.folder : null;

const openOrEmpty = (result: FolderResult): RootFolder =>
  result.ok ? result.folder : { path: trustFolder, versions: [], read: async () => ({ state: "missing" }) };

/** What `--trust-root` names, from the project's directory where it is relative. */
export const flagPath = ({ directory, trustRoot }: TrustStoreOptions): string | null =>
  trustRoot === null ? null : resolve(directory, trustRoot);

export const refused = (...findings: Finding[]): TrustStore => ({ state: "refused", findings });

export const unavailable = (path: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "block",
  at: startOf(path),
  why: `The trust store cannot be read there, so nothing says whose seals count: ${detail}.`,
  fix: `Make ${path} readable, or correct the path.`,
});

const noBase = (directory: string, base: string, detail: string): Finding => ({
  code: "trust/root-unavailable",
  effect: "block",
  at: startOf(trustFolder),
  why: `The trust store of ${base} cannot be had, so nothing outside of the checked change says whose seals count: ${detail}.`,
  fix: isRepository(directory)
    ? "Correct its name, or fetch it: git fetch origin (a shallow clone: git fetch --unshallow origin; actions/checkout: fetch-depth: 0)."
    : "--base names a commit, and no git repository is here: leave it out, or run it in a clone.",
});

const unreadableProject = (detail: string): Finding => ({
  code: "trust/malformed",
  effect: "note",
  at: startOf(trustFolder),
  why: `The project's trust store is not read: ${detail}.`,
  fix: `Make ${trustFolder} a folder of the project.`,
});
