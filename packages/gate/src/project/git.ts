import { execFile } from "node:child_process";
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

async function git(directory: string, args: readonly string[]): Promise<GitResult> {
  try {
    const { stdout } = await run("git", [...safe, ...args], {
      cwd: directory,
      encoding: "buffer",
      maxBuffer: maximumBytes,
      timeout: 30_000,
      env: { ...process.env, ...variables },
    });
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

/**
 * A file as it stood at a commit.
 * @param path relative to the directory, POSIX
 * @returns ok with null where that commit has no such file; not ok where the commit, its trees or the file's content
 *   cannot be had (a shallow or partial clone), or where it is no regular file there
 */
export async function fileAt(
  directory: string,
  revision: string,
  path: string,
): Promise<{ ok: true; bytes: Uint8Array | null } | { ok: false; detail: string }> {
  if (revision.startsWith("-")) return { ok: false, detail: "a revision does not start with a dash" };
  const commit = await git(directory, [
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${revision}^{commit}`,
  ]);
  if (!commit.ok) {
    const silent = commit.detail === "git failed";
    return {
      ok: false,
      detail: silent ? `there is no commit ${revision} here; a shallow clone may lack it` : commit.detail,
    };
  }
  const id = commit.output.toString("utf8").trim();
  const listed = await git(directory, ["ls-tree", "-z", id, "--", path]);
  if (!listed.ok) return listed;
  const [entry] = listed.output.toString("utf8").split("\0");
  if (entry === undefined || entry === "") return { ok: true, bytes: null };
  const [mode, , blob] = entry.split(/[ \t]/, 3);
  if (blob === undefined || (mode !== "100644" && mode !== "100755"))
    return { ok: false, detail: `${path} is no regular file there` };
  const content = await git(directory, ["cat-file", "blob", blob]);
  return content.ok ? { ok: true, bytes: content.output } : content;
}

/** When a file was last committed up to a revision; 0 where that is not known, which is as old as can be. */
export async function committedAt(directory: string, revision: string, path: string): Promise<Instant> {
  if (revision.startsWith("-")) return 0;
  const log = await git(directory, ["log", "-1", "--format=%ct", "--end-of-options", revision, "--", path]);
  return log.ok ? (Number.parseInt(log.output.toString("utf8"), 10) || 0) * 1000 : 0;
}
