import type { Code } from "./codes.ts";
import type { Digest } from "./digest.ts";
import type { Position } from "./position.ts";

/** What a finding does to the decision in `strict`; `warn` mode reports blocks without stopping. */
export type Effect = "block" | "warn" | "note";

/**
 * One thing a person should know, complete in itself: what was found and why it matters, where, and the exact
 * command or policy line that fixes or accepts it. Texts may quote hostile input; renderers escape them.
 */
export type Finding = {
  code: Code;
  effect: Effect;
  /** The package concerned; with `digest` it is what an exception binds to. */
  purl?: string;
  digest?: Digest;
  at: Position;
  /** What was found, and what that lets an attacker do. One or two sentences. */
  why: string;
  /** A command to run or the line to write. */
  fix: string;
  /** The rule or file that demands it: `require[2] of .countersign/policy.yaml`. */
  requiredBy?: string;
  /** Reason of the exception that accepted it, when one did (the effect is then `note`). */
  exception?: string;
};
