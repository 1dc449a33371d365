import { levels, type Level } from "@countersign/core";

/** What must be known of an artefact for the policy to decide. */
export type Needs = {
  listing: boolean;
  signatures: boolean;
  /** `required` asks whatever the listing says; `if-listed` only where the registry says there are some. */
  attestations: "required" | "if-listed" | "no";
  /** The publish time by itself (age rules); key expiry asks for it on its own account. */
  published: boolean;
};

export const nothingNeeded: Needs = {
  listing: false,
  signatures: false,
  attestations: "no",
  published: false,
};

/**
 * The evidence that the highest level demanded of a package needs. Attestations that the registry lists are
 * looked at in any case: one that contradicts must not go unseen because the rule asked for less.
 */
export function needsOf(level: Level, hasSignatures: boolean, age: boolean): Needs {
  const rank = levels.indexOf(level);
  return {
    listing: rank >= levels.indexOf("locked"),
    signatures: hasSignatures && rank >= levels.indexOf("locked"),
    attestations: level === "provenance" ? "required" : rank >= levels.indexOf("locked") ? "if-listed" : "no",
    published: age,
  };
}
