import type { Verification } from "../verify-project.ts";

/**
 * Whether the package manager may run after a decision: in `warn` whatever was found, a missing lockfile too, unless a
 * policy layer loosens a higher one; in `strict` only what was allowed.
 */
export const mayRun = ({ report, exitCode }: Verification): boolean => {
  const { mode, outcome } = report.decision;
  return mode === "strict" ? exitCode === 0 : outcome !== "block";
};
