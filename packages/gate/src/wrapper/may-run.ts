import type { Verification } from "../verify-project.ts";
import type { Refusal } from "./wrapper.ts";

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

/** Said of a command without a lockfile of its own: what was locked for it is thrown away, so nobody can sign it. */
export const nothingToApprove: Refusal = {
  code: "seal/approval-missing",
  why: "The policy wants every lockfile approved, and this command has none that anybody could approve.",
  fix: "Add it to the dependencies of the project, have the lockfile approved, and run it from there.",
};
