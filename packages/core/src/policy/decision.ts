import type { Finding } from "../finding.ts";
import type { Level, Outcome } from "../verify/verdict.ts";
import type { Mode } from "./policy.ts";

export type DecisionOutcome = "allow" | "block" | "incomplete";

/** `incomplete`: nothing contradicts, but evidence that the policy demands could not be had. */
export type Decision = {
  mode: Mode;
  outcome: DecisionOutcome;
  /** What strict would have decided: equal to `outcome` in strict mode. */
  strict: DecisionOutcome;
  findings: readonly Finding[];
  counts: { byLevel: Readonly<Record<Level, number>>; byOutcome: Readonly<Record<Outcome, number>> };
};
