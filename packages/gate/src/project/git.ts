import { execFile } from "node:child_process";
import { posix } from "node:path";
import { promisify } from "node:util";
import type { Instant } from "@countersign/core";

const run = promisify(execFile);

/**
 * The repository is under test: what its configuration would run is switched off, and a bare repository committed
 * into the project does not stand in for the real one.
 */
const safe = [
  "--no-pager",
  "--literal-pathspecs",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "safe.bareRepository=explicit",
];
/** No transport at all: a partial clone must not fetch, least of all by a command of its configuration's choice. */
const variables = {
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_LAZY_FETCH: "1",
  GIT_ALLOW_PROTOCOL: "none",
};
const maximumBytes = 300 * 1024 * 1024;

type GitResult = { ok: true; output: Buffer } | { ok: false; detail: string };

async function git(directory: string, args: readonly string[], input = ""): Promise<GitResult> {
  try {
    const running = run("git", [...safe, ...args], {
      cwd: directory,
      encoding: "buffer",
      maxBuffer: maximumBytes,
      timeout: 30_000,
      env: { ...process.env, ...variables },
    });
    // Whatever ends git early ends this pipe too, and the exit code says why.
    running.child.stdin?.on("error", () => {}).end(input);
    const { stdout } = await running;
    return { ok: true, output: stdout };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return { ok: false, detail: "git is not installed" };
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    return { ok: false, detail: stderr.split("\n")[0]?.slice(0, 300) || "git failed" };
  }
}

/** Tracked files below a directory, relative to it. */
export async function trackedFiles(
  directory: string,
): Promise<{ ok: true; files: readonly string[] } | { ok: false; detail: string }> {
  const result = await git(directory, ["ls-files", "-z", "--cached"]);
  if (!result.ok) return result;
  return {
    ok: true,
    files: result.output
      .toString("utf8")
      .split("\0")
      .filter((name) => name !== ""),
  };
}

/** What to do where a clone does not go back as far as a commit. */
export const fetchHistory = (commit: string): string =>
  `Fetch the history of ${commit} (actions/checkout: fetch-depth: 0).`;

export type FileAt = { ok: true; bytes: Uint8Array | null } | { ok: false; detail: string; irregular?: true };

/**
 * A file as it stood at a commit.
 * @param path relative to the directory, POSIX
 * @returns ok with null where that commit has no such file; not ok where the commit, its trees or the file's content
 *   cannot be had (a shallow or partial clone), or where it is no regular file there (`irregular`)
 */
export async function fileAt(directory: string, revision: string, path: string): Promise<FileAt> {
  const commit = await commitOf(directory, revision);
  if (!commit.ok) return commit;
  const listed = await git(directory, ["ls-tree", "-z", commit.id, "--", path]);
  if (!listed.ok) return listed;
  const [entry] = listed.output.toString("utf8").split("\0");
  if (entry === undefined || entry === "") return { ok: true, bytes: null };
  const [mode, , blob] = entry.split(/[ \t]/, 3);
  if (blob === undefined || (mode !== "100644" && mode !== "100755"))
    return { ok: false, detail: `${path} is no regular file there`, irregular: true };
  const content = await git(directory, ["cat-file", "blob", blob]);
  return content.ok ? { ok: true, bytes: content.output } : content;
}

/** Full id of the commit that a revision names. */
export async function commitOf(
  directory: string,
  revision: string,
): Promise<{ ok: true; id: string } | { ok: false; detail: string }> {
  if (revision.startsWith("-")) return { ok: false, detail: "a revision does not start with a dash" };
  const commit = await git(directory, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  ]);
  if (commit.ok) return { ok: true, id: commit.output.toString("utf8").trim() };
  const silent = commit.detail === "git failed";
  return {
    ok: false,
    detail: silent ? `there is no commit ${revision} here; a shallow clone may lack it` : commit.detail,
  };
}

/**
 * Names of the files right below a folder at a commit; [] where that commit has no such folder.
 * @param folder relative to the directory, POSIX, without a slash at its end
 */
export async function namesAt(
  directory: string,
  revision: string,
  folder: string,
): Promise<{ ok: true; names: readonly string[] } | { ok: false; detail: string }> {
  const commit = await commitOf(directory, revision);
  if (!commit.ok) return commit;
  const listed = await git(directory, ["ls-tree", "-z", "--name-only", commit.id, "--", `${folder}/`]);
  if (!listed.ok) return listed;
  const names = listed.output.toString("utf8").split("\0");
  return { ok: true, names: names.filter((name) => name !== "").map((name) => posix.basename(name)) };
}

/**
 * Files as they stood at a commit, in one go.
 * @param paths relative to the directory, POSIX, each without a line break and there at that commit
 */
export async function filesAt(
  directory: string,
  revision: string,
  paths: readonly string[],
): Promise<{ ok: true; files: ReadonlyMap<string, Uint8Array> } | { ok: false; detail: string }> {
  const commit = await commitOf(directory, revision);
  if (!commit.ok) return commit;
  const wanted = paths.map((path) => `${commit.id}:./${path}\n`).join("");
  const batch = await git(directory, ["cat-file", "--batch"], wanted);
  if (!batch.ok) return batch;
  const files = new Map<string, Uint8Array>();
  let offset = 0;
  for (const path of paths) {
    const end = batch.output.indexOf("\n", offset);
    const [, type, size] = batch.output.toString("utf8", offset, Math.max(end, offset)).split(" ");
    // A partial clone that lacks the content says so here.
    if (end === -1 || type !== "blob") return { ok: false, detail: `${path} cannot be had from there` };
    const start = end + 1;
    offset = start + Number(size) + 1;
    files.set(path, batch.output.subarray(start, offset - 1));
  }
  return { ok: true, files };
}

/** Commits that changed a file, newest first, from where the working tree stands. */
export async function commitsOf(directory: string, path: string, most: number): Promise<readonly string[]> {
  const log = await git(directory, ["log", `-${most}`, "--format=%H", "HEAD", "--", path]);
  return log.ok
    ? log.output
        .toString("utf8")
        .split("\n")
        .filter((id) => id !== "")
    : [];
}

/** Which of some files the repository tracks: none where there is no repository, all where git does not say. */
export async function trackedAmong(
  directory: string,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const listed = await git(directory, ["ls-files", "-z", "--cached", "--", ...paths]);
  if (!listed.ok) return new Set(/not a git repository/i.test(listed.detail) ? [] : paths);
  const names = listed.output.toString("utf8").split("\0");
  return new Set(names.filter((path) => path !== ""));
}

/** Address of the remote `origin`, as configured; null without one. */
export async function originUrl(directory: string): Promise<string | null> {
  const found = await git(directory, ["config", "--get", "remote.origin.url"]);
  const url = found.ok ? found.output.toString("utf8").trim() : "";
  return url === "" ? null : url;
}

/** Full name of the branch that is checked out; null where none is. */
export async function currentRef(directory: string): Promise<string | null> {
  const found = await git(directory, ["symbolic-ref", "--quiet", "HEAD"]);
  const ref = found.ok ? found.output.toString("utf8").trim() : "";
  return ref === "" ? null : ref;
}

/** When a file was last committed up to a revision; 0 where that is not known, which is as old as can be. */
export async function committedAt(directory: string, revision: string, path: string): Promise<Instant> {
  if (revision.startsWith("-")) return 0;
  const log = await git(directory, ["log", "-1", "--format=%ct", "--end-of-options", revision, "--", path]);
  return log.ok ? (Number.parseInt(log.output.toString("utf8"), 10) || 0) * 1000 : 0;
}
