import type { Code } from "@countersign/core";
import type { Verification } from "@countersign/gate";

/** Nothing was decided where the policy is not understood or there is nothing to verify, whatever the mode. */
const stopping: ReadonlySet<Code> = new Set(["policy/malformed", "policy/unreadable", "lockfile/not-found"]);

/** Whether a run came to a decision about the project that was meant. */
export const completeness = ({ report }: Verification): "complete" | "misconfigured" =>
  report.findings.some(({ code }) => stopping.has(code)) ? "misconfigured" : "complete";
