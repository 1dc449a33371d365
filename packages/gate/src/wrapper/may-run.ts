import type { Verification } from "../verify-project.ts";

/**
 * Whether the package manager may run after a decision: in `warn` whatever was found, a missing lockfile too, unless a
 * policy layer loosens a higher one; in `strict` only what was allowed.
 */
export const mayRun = ({ report, exitCode }: Verification): boolean => {
  const { mode, outcome } = report.decision;
  return mode === "strict" ? exitCode === 0 : outcome !== "block";
};

/** Whether an approval is all that is missing: what a person has to look at must then be there to be looked at. */
export const waitsForApproval = ({ report }: Verification): boolean => {
  const blocking = report.findings.filter(({ effect }) => effect === "block");
  return blocking.length > 0 && blocking.every(({ code }) => code === "seal/approval-missing");
};
