import type { EvidenceCount } from "@countersign/core";
import { verifyProject, type Environment, type Verification, type VerifyRequest } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { MistakesError, mistakesOf } from "./mistakes.ts";
import { count } from "./render.ts";

/**
 * Runs the flow for its evidence.
 * @throws MistakesError and CommandError where there is nothing to collect for
 */
export async function runForEvidence(
  request: VerifyRequest,
  environment: Environment,
): Promise<Verification> {
  return forEvidence(await verifyProject(request, environment));
}

/**
 * A run that collected evidence for something.
 * @throws MistakesError and CommandError where it did not
 */
export function forEvidence(verification: Verification): Verification {
  const mistakes = mistakesOf(verification);
  if (mistakes.length > 0) throw new MistakesError(mistakes);
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
    throw new CommandError(
      `no lockfile could be read${refused === "" ? "" : `: ${refused}`}`,
      "countersign verify",
    );
  }
  if (more.length > 0) {
    const options = lockfiles.map(({ set }) => `--lockfile ${set.lockfile.path}`);
    throw new CommandError(
      `there are ${lockfiles.length} lockfiles, and a pack is of one`,
      `add one of ${options.join(", ")}`,
    );
  }
  return first;
}

/** What was found, by kind; and how many findings of missing evidence would block. */
export function evidenceSummary({ report }: Verification): { text: string; missing: number } {
  const found = (kind: EvidenceCount["kind"]): number =>
    report.evidence
      .filter((row) => row.state === "found" && row.kind === kind)
      .reduce((total, { artefacts }) => total + artefacts, 0);
  const signed = count(found("signatures"), "artefact");
  const attested = count(found("attestations"), "artefact");
  return {
    text: `found: ${count(found("listing"), "listing")}, ${signed} with signatures, ${attested} with attestations`,
    missing: report.findings.filter(({ effect, kind }) => effect === "block" && kind === "unknown").length,
  };
}

/** Whether a pack will do where there is no network, by what an offline run with nothing else still wanted. */
export const enoughText = (missing: number): string =>
  missing === 0
    ? "the pack is enough to verify this lockfile offline"
    : `the pack is not enough to verify this lockfile offline: ${count(missing, "piece")} of evidence missing`;
