import { posix } from "node:path";
import type { Verification } from "../verify-project.ts";
import { closureOf } from "../closure/closure.ts";
import { changedFiles, takeSnapshot, type Snapshot } from "../closure/snapshot.ts";
import { mayRun } from "./may-run.ts";
import type { FrozenInstall, WrapperHost } from "./wrapper.ts";

/**
 * Hash, decide, run, hash again. In `warn` the user's own command runs whatever was found, in `strict` the frozen form
 * and only after an allowing decision.
 * @returns the manager's exit code; 1 or 2 where it was not run, 1 where files changed under it
 */
export async function installFrozen(host: WrapperHost, install: FrozenInstall): Promise<number> {
  const { manager, directory, lockfile, tool } = install;
  if ((await host.mode(directory)) === "disabled") return host.run(tool, install.user);
  const before = await takeSnapshot(directory, closureOf(manager), []);
  const verification = await host.verify({ directory, lockfiles: lockfile === null ? [] : [lockfile] });
  const { mode } = verification.report.decision;
  host.show(verification);
  if (!mayRun(verification)) return verification.exitCode;
  if (mode === "warn") return host.run(tool, install.user);
  return runUnchanged(host, install, verification, before);
}

/** Runs the frozen form between two looks at the closure: what was judged must be what is installed. */
export async function runUnchanged(
  host: WrapperHost,
  { manager, directory, tool, strict }: Pick<FrozenInstall, "manager" | "directory" | "tool" | "strict">,
  verification: Verification,
  before: Snapshot,
): Promise<number> {
  const closure = closureOf(manager);
  const workspaces = workspacesOf(verification);
  const started = await takeSnapshot(directory, closure, workspaces);
  const ofWorkspaces = new Set(
    workspaces.flatMap((each) => closure.workspace.map((file) => posix.join(each, file))),
  );
  const early = [
    ...changedFiles(before, started).filter((path) => before.has(path) || !ofWorkspaces.has(path)),
    ...otherLockfiles(verification, started),
  ];
  if (early.length > 0) return changed(host, early, "while it was being verified; nothing was installed");
  const exitCode = typeof strict === "function" ? await strict(verification) : await host.run(tool, strict);
  const late = changedFiles(started, await takeSnapshot(directory, closure, workspaces));
  if (late.length > 0)
    return changed(host, late, "while it was being installed; what was installed is not trusted");
  return exitCode;
}

/** Lockfiles whose bytes are no longer those that were decided on. */
const otherLockfiles = ({ report }: Verification, snapshot: Snapshot): string[] =>
  report.lockfiles
    .filter(({ path, digest }) => digest !== null && snapshot.get(path)?.endsWith(hexOf(digest)) === false)
    .map(({ path }) => path);

const hexOf = (digest: string): string => digest.slice(digest.indexOf(":") + 1);

function changed(host: WrapperHost, paths: readonly string[], when: string): number {
  host.refuse({
    code: "lockfile/changed-during-install",
    why: `${paths.slice(0, 5).join(", ")}${paths.length > 5 ? ` and ${paths.length - 5} more` : ""} changed ${when}.`,
    fix: "Find out what writes there, restore it, and run the command again.",
  });
  return 1;
}

/** Declared workspaces of the verified lockfiles, POSIX paths from the project. */
export const workspacesOf = ({ lockfiles }: Verification): string[] => [
  ...new Set(
    lockfiles.flatMap(({ set }) =>
      set.packages.flatMap(({ source }) => (source.kind === "path" && source.workspace ? [source.path] : [])),
    ),
  ),
];
