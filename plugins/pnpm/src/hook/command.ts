import { readFileSync } from "node:fs";
import process from "node:process";
import { plan } from "../plan.ts";

/**
 * Arguments of the pnpm that loaded us: our own process up to pnpm 11; from 12 on the process that started ours, which
 * only Linux lets us read.
 * @returns null where they are not known: then the command is taken for one that installs
 */
export function commandArguments(): readonly string[] | null {
  if (process.argv.length > 1) return process.argv.slice(2);
  try {
    const [program = "", ...args] = readFileSync(`/proc/${process.ppid}/cmdline`, "utf8")
      .split("\0")
      .slice(0, -1);
    return /(?:^|\/)pnp?x$/.test(program) ? ["dlx", ...args] : args;
  } catch {
    return null;
  }
}

/** What a command means for a hook. */
export type Reach =
  /** Nothing is linked, unpacked or built. */
  | "nothing"
  /** Packages that no lockfile of this project names: only what is newly resolved can be judged. */
  | "resolutions"
  /** The project's lockfile is installed, or could be. */
  | "lockfile";

export function reachOf(args: readonly string[] | null): Reach {
  if (args === null) return "lockfile";
  // Nothing of a dependency is unpacked then; what it locks is judged before anything installs it.
  if (args.includes("--lockfile-only")) return "nothing";
  const { flow } = plan(args);
  if (flow === "throwaway") return "resolutions";
  // Where a script needs an install first, pnpm starts one as a command of its own.
  return flow === "pass" || flow === "script" ? "nothing" : "lockfile";
}
