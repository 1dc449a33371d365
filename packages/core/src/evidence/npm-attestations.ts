import type { Budget } from "../budget.ts";
import { isJsonObject, jsonMember } from "../json.ts";
import type { DocumentedAttestation, DocumentResult } from "./attestation-document.ts";
import { parseDocumentText, quote, refusedCode } from "./document-text.ts";
import { documentedBundle, tooMany } from "./sigstore-bundle-document.ts";

/**
 * Reads an npm registry's answer to `GET /-/npm/v1/attestations/<name>@<version>`:
 * `{attestations: [{predicateType, bundle}]}`. Every entry is kept; an empty list is absent, which npm's own CLI
 * counts as one verified attestation.
 */
export function readNpmAttestations(text: string, budget: Budget): DocumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok) return { state: "malformed", code: refusedCode(parsed), detail: parsed.detail };
  return npmAttestations(parsed.value, budget);
}

/** As {@link readNpmAttestations}, of an already parsed document. */
export function npmAttestations(value: unknown, budget: Budget): DocumentResult {
  if (value === null) return { state: "absent" };
  const listed = isJsonObject(value) ? jsonMember(value, "attestations") : undefined;
  if (listed === null) return { state: "absent" };
  if (!Array.isArray(listed)) {
    return { state: "malformed", code: "attestation/malformed", detail: `attestations is ${quote(listed)}` };
  }
  if (listed.length === 0) return { state: "absent" };
  if (listed.length > budget.attestations) return tooMany(budget);
  const attestations = listed.map((entry: unknown) => npmAttestation(entry, budget));
  return { state: "found", document: { format: "npm-attestations", attestations } };
}

function npmAttestation(entry: unknown, budget: Budget): DocumentedAttestation {
  const predicateType = isJsonObject(entry) ? jsonMember(entry, "predicateType") : undefined;
  if (!isJsonObject(entry) || typeof predicateType !== "string" || predicateType === "") {
    const detail = `predicateType is ${quote(predicateType)}`;
    return { state: "malformed", predicateType: null, code: "attestation/malformed", detail };
  }
  return documentedBundle(jsonMember(entry, "bundle"), predicateType, budget);
}
