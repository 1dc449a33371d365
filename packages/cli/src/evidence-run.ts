import { visible, type EvidenceCount } from "@countersign/core";
import { verifyProject, type Environment, type Verification, type VerifyRequest } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { completeness } from "./completeness.ts";
import type { Host } from "./host.ts";
import { count, layoutOf, renderReport } from "./render.ts";

/**
 * Runs the flow for its evidence.
 * @throws CommandError where there is nothing to collect for
 */
export async function runForEvidence(host: Host, request: VerifyRequest, environment: Environment): Promise<Verification> {
  return forEvidence(host, await verifyProject(request, environment));
}

/**
 * A run that collected evidence for something.
 * @throws CommandError where it did not, after saying why
 */
export function forEvidence(host: Host, verification: Verification): Verification {
  if (completeness(verification) !== "complete") {
    host.terminal.err(renderReport(verification.report, "human", layoutOf(host, "err", false)));
    throw new CommandError("no evidence was collected", "");
  }
  if (verification.report.decision.mode === "disabled") {
    throw new CommandError("the policy is disabled, so nothing is collected", "set mode: warn in the policy");
  }
  return verification;
}

/**
 * The only lockfile of a run that can be read.
 * @throws CommandError where there are several, or none
 */
export function onlyLockfile({ lockfiles, report }: Verification): Verification["lockfiles"][number] {
  const [first, ...more] = lockfiles;
  if (first === undefined) {
    const refused = report.lockfiles.map(({ path }) => path).join(", ");
    throw new CommandError(`no lockfile could be read${refused === "" ? "" : `: ${refused}`}`, "countersign verify");
  }
  if (more.length > 0) {
    const options = lockfiles.map(({ set }) => `--lockfile ${set.lockfile.path}`);
    throw new CommandError(`there are ${lockfiles.length} lockfiles, and a pack is of one`, `add one of ${options.join(", ")}`);
  }
  return first;
}

/** What was found, by kind; and how many pieces could not be had. */
export function evidenceSummary({ report }: Verification): { lines: readonly string[]; missing: number } {
  const sum = (state: EvidenceCount["state"], kind?: EvidenceCount["kind"]): number =>
    report.evidence.filter((row) => row.state === state && (kind === undefined || row.kind === kind)).reduce((total, { artefacts }) => total + artefacts, 0);
  const missing = sum("unavailable");
  const lines = [
    `found: ${count(sum("found", "listing"), "listing")}, ${count(sum("found", "signatures"), "artefact")} with signatures, ${count(sum("found", "attestations"), "artefact")} with attestations`,
  ];
  const origins = report.evidence.filter(({ state }) => state === "unavailable").map(({ kind, artefacts }) => `${artefacts} × ${kind}`);
  if (missing > 0) lines.push(`could not be had: ${origins.join(", ")}; countersign verify says why`);
  return { lines: lines.map((line) => visible(line)), missing };
}
