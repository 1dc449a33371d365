import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Settings of the repository that would run a program of its choice are switched off. */
const safe = ["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--literal-pathspecs"];
const maximumBytes = 300 * 1024 * 1024;

export type GitResult = { ok: true; output: Buffer } | { ok: false; detail: string };

async function git(directory: string, args: readonly string[]): Promise<GitResult> {
  try {
    const { stdout } = await run("git", [...safe, ...args], {
      cwd: directory,
      encoding: "buffer",
      maxBuffer: maximumBytes,
      timeout: 30_000,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", GIT_NO_LAZY_FETCH: "1" },
    });
    return { ok: true, output: stdout };
  } catch (error) {
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    return { ok: false, detail: stderr.split("\n")[0] || "git failed" };
  }
}

/** Tracked files below a directory, relative to it; null outside a repository. */
export async function trackedFiles(directory: string): Promise<readonly string[] | null> {
  const result = await git(directory, ["ls-files", "-z", "--cached"]);
  return result.ok ? result.output.toString("utf8").split("\0").filter((name) => name !== "") : null;
}

/**
 * A file as it stood at a commit.
 * @param path relative to the directory
 * @returns ok with null where that commit has no such file; not ok where the commit itself cannot be had
 */
export async function fileAt(
  directory: string,
  revision: string,
  path: string,
): Promise<{ ok: true; bytes: Uint8Array | null } | { ok: false; detail: string }> {
  if (revision.startsWith("-")) return { ok: false, detail: "a revision does not start with a dash" };
  const commit = await git(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]);
  if (!commit.ok) return { ok: false, detail: `no commit ${revision} here; a shallow clone may lack it` };
  const id = commit.output.toString("utf8").trim();
  const found = await git(directory, ["cat-file", "blob", `${id}:./${path}`]);
  return { ok: true, bytes: found.ok ? found.output : null };
}
