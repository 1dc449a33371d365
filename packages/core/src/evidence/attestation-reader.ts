import type { Budget } from "../budget.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { DocumentResult } from "./attestation-document.ts";
import { parseDocumentText, quote, refusedCode } from "./document-text.ts";
import { npmAttestations } from "./npm-attestations.ts";
import { pep740Attestation, provenance } from "./provenance.ts";
import { bundleDocument, bundleLines, readBundleLines } from "./sigstore-bundle-document.ts";

/** The member that only one format has, and who reads it. */
const formats: readonly { marker: string; read: (value: unknown, budget: Budget) => DocumentResult }[] = [
  { marker: "attestations", read: npmAttestations },
  { marker: "attestation_bundles", read: provenance },
  { marker: "verification_material", read: pep740Attestation },
  { marker: "mediaType", read: bundleDocument },
];

/**
 * Reads an attestation file of any of the five formats: npm attestations, PEP 740 provenance, one PEP 740
 * attestation, a Sigstore bundle, or JSON lines of bundles. A file that could be taken for two formats is refused,
 * since another tool may read it as the other one. A registry's answer goes to its own format's reader instead.
 */
export function readAttestationDocument(text: string, budget: Budget): DocumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok) {
    const lines = parsed.limit !== "bytes" && holdsBundleLine(text, budget);
    return lines
      ? readBundleLines(text, budget)
      : { state: "malformed", code: refusedCode(parsed), detail: parsed.detail };
  }
  const { value } = parsed;
  if (value === null || (Array.isArray(value) && value.length === 0)) return { state: "absent" };
  if (!isJsonObject(value)) return malformed(`the document is ${quote(value)}`);
  return readObject(value, budget);
}

function readObject(value: JsonObject, budget: Budget): DocumentResult {
  const matching = formats.filter(({ marker }) => Object.hasOwn(value, marker));
  const [format, other] = matching;
  if (format === undefined)
    return malformed("neither npm attestations, a PEP 740 object nor a Sigstore bundle");
  if (other !== undefined) return malformed(`both ${format.marker} and ${other.marker}: two formats at once`);
  return format.read(value, budget);
}

/** JSON lines, though some of them may be broken: one that is an object is enough, or its neighbours could hide it. */
function holdsBundleLine(text: string, budget: Budget): boolean {
  const lines = bundleLines(text, budget.attestations + 1);
  return lines.length > 1 && lines.some((line) => holdsBundle(line, budget));
}

function holdsBundle(line: string, budget: Budget): boolean {
  if (!line.startsWith("{")) return false;
  const parsed = parseDocumentText(line, budget);
  return parsed.ok && isJsonObject(parsed.value) && Object.hasOwn(parsed.value, "mediaType");
}

const malformed = (detail: string): DocumentResult => ({
  state: "malformed",
  code: "attestation/malformed",
  detail,
});
