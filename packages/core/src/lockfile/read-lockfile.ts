import { defaultBudget, type Budget } from "../budget.ts";
import { sha256Of } from "../digest.ts";
import { startOf } from "../position.ts";
import { refuse, type Result } from "../result.ts";
import type { LockFormat, PackageSet } from "./package-set.ts";
import { toFinding } from "./problems.ts";
import type { LazyLockfileReader, LockfileReader } from "./reader.ts";

const readers: Record<LockFormat, () => Promise<LockfileReader | LazyLockfileReader>> = {
  "package-lock": async () => (await import("./package-lock.ts")).readPackageLock,
  "pnpm-lock": async () => (await import("./pnpm-lock.ts")).readPnpmLock,
  "yarn-berry": async () => (await import("./yarn-berry.ts")).readYarnBerry,
  "yarn-classic": async () => (await import("./yarn-classic.ts")).readYarnClassic,
  "bun-lock": async () => (await import("./bun-lock.ts")).readBunLock,
  "deno-lock": async () => (await import("./deno-lock.ts")).readDenoLock,
  "uv-lock": async () => (await import("./uv-lock.ts")).readUvLock,
  pylock: async () => (await import("./pylock.ts")).readPylock,
  requirements: async () => (await import("./requirements.ts")).readRequirements,
};

/**
 * Turns a lockfile's bytes into its package set; the reader of the format is loaded on first use.
 * @param path relative to the project, POSIX; only for positions
 * @returns the whole set, or the findings that refuse the file: never half of it
 */
export async function readLockfile(
  format: LockFormat,
  path: string,
  bytes: Uint8Array,
  budget: Budget = defaultBudget,
): Promise<Result<PackageSet>> {
  const at = startOf(path);
  if (bytes.byteLength > budget.lockfileBytes) {
    const why = `The lockfile has ${bytes.byteLength} bytes; the bound is ${budget.lockfileBytes}.`;
    return refuse(toFinding({ code: "budget/bytes", at, why, fix: "Regenerate the lockfile." }));
  }
  const text = decode(bytes);
  if (text === null) {
    const why =
      "The file holds a byte-order mark, a NUL or bytes that are not UTF-8: parsers read such files differently.";
    return refuse(
      toFinding({
        code: "lockfile/encoding",
        at,
        why,
        fix: "Save the file as plain UTF-8 or regenerate it.",
      }),
    );
  }
  const digest = sha256Of(bytes);
  const read = await readers[format]();
  return read({ path, text, digest, budget });
}

function decode(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.startsWith("\uFEFF") || text.includes("\0") ? null : text;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
