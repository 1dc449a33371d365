import { kindOf, type Code } from "../codes.ts";
import { formatInstant, type Instant } from "../instant.ts";
import { day } from "./duration.ts";
import { formatBinding, type Binding, type Policy } from "./policy.ts";

/** What a fix needs to know besides the finding. */
export type FixContext = { policy: Policy; now: Instant };

/** Where a project's own policy lies; what fixes name when there is none yet. */
export const policyPath = ".countersign/policy.yaml";

/** The file whose word counts most: rules, registries and exceptions of `refused` codes belong there. */
export const highestPath = (policy: Policy): string => policy.layers[0]?.path ?? policyPath;

/** The lines that accept one finding for thirty days: YAML to be put into a policy file. */
export function exceptionLines(purl: string, binding: Binding, code: Code, now: Instant): string {
  return [
    "exceptions:",
    `  - purl: ${JSON.stringify(purl)}`,
    `    digest: "${formatBinding(binding)}"`,
    `    codes: [${code}]`,
    '    reason: "WHY THIS IS ACCEPTABLE"',
    '    owner: "WHO ANSWERS FOR IT"',
    `    expires: "${formatInstant(now + 30 * day).slice(0, 10)}"`,
  ].join("\n");
}

/** What to do about a code of an artefact: first what cures it, then the exact lines that accept it. */
export function fixOf(
  code: Code,
  purl: string,
  binding: Binding | null,
  { policy, now }: FixContext,
): string {
  const cure = cures[code] ?? cureOfKind(code);
  // Without a policy file there is nothing to add a line to, and nothing blocks.
  if (binding === null || policy.builtIn) return cure;
  const accept = `To accept it, add to ${highestPath(policy)}:\n${exceptionLines(purl, binding, code, now)}`;
  return `${cure}\n${accept}`;
}

const cures: Partial<Record<Code, string>> = {
  "signature/absent":
    "Lock a version that its registry signs; if a mirror strips signatures, name their source in registries[].evidenceFrom.",
  "attestation/absent":
    "Lock a version published with provenance; if a mirror strips attestations, name their source in registries[].evidenceFrom.",
  "attestation/provenance-absent": "Lock a version published with provenance by its builder.",
  "listing/absent": "Lock a version that the registry still lists.",
  "signature/keys-unavailable":
    "Give the registry's keys with registries[].keys, or require level locked for it.",
  "evidence/offline": "Run `countersign verify` again online, or import an evidence pack.",
  "evidence/not-asked": "Run `countersign verify` again online.",
  "artefact/digest-missing": "Regenerate the lockfile with a manager that records sha512 or sha256 digests.",
};

function cureOfKind(code: Code): string {
  switch (kindOf(code)) {
    case "refused":
      return "Do not install it: restore the entry from a trusted commit, or lock another version.";
    case "unknown":
      return "Run `countersign verify` again online, when the registry can be reached.";
    case "unverified":
    case "note":
      return "Lock another version.";
  }
}
