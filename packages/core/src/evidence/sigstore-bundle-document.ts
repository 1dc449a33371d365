import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import type { DocumentedAttestation, DocumentResult } from "./attestation-document.ts";
import { overBytes, parseDocumentText, quote, refusedCode } from "./document-text.ts";

/** Media types of Sigstore bundles v0.1 to v0.3, in the spellings that were ever published. */
const mediaTypes: ReadonlySet<string> = new Set([
  "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "application/vnd.dev.sigstore.bundle+json;version=0.3",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
]);

/** Reads one Sigstore bundle in protobuf-JSON (a `.sigstore.json` file). */
export function readSigstoreBundle(text: string, budget: Budget): DocumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok) return { state: "malformed", code: refusedCode(parsed), detail: parsed.detail };
  return bundleDocument(parsed.value, budget);
}

/** As {@link readSigstoreBundle}, of an already parsed document. */
export function bundleDocument(value: unknown, budget: Budget): DocumentResult {
  if (value === null || (Array.isArray(value) && value.length === 0)) return { state: "absent" };
  return {
    state: "found",
    document: { format: "bundle", attestations: [documentedBundle(value, null, budget)] },
  };
}

/**
 * Reads JSON lines of Sigstore bundles. A line that cannot be read keeps its place as a malformed entry; blank lines
 * separate.
 */
export function readBundleLines(text: string, budget: Budget): DocumentResult {
  if (text.length > budget.documentBytes) {
    return { state: "malformed", code: "budget/bytes", detail: overBytes(text, budget).detail };
  }
  const lines = bundleLines(text, budget.attestations + 1);
  if (lines.length === 0) return { state: "absent" };
  if (lines.length > budget.attestations) return tooMany(budget);
  const attestations = lines.map((line): DocumentedAttestation => {
    const parsed = parseDocumentText(line, budget);
    if (parsed.ok) return documentedBundle(parsed.value, null, budget);
    return { state: "malformed", predicateType: null, code: refusedCode(parsed), detail: parsed.detail };
  });
  return { state: "found", document: { format: "bundle-lines", attestations } };
}

/** The first non-blank lines, up to a number of them. */
export function bundleLines(text: string, most: number): string[] {
  const lines: string[] = [];
  for (let start = 0; start < text.length && lines.length < most;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? text.length : end).trim();
    if (line !== "") lines.push(line);
    start = end === -1 ? text.length : end + 1;
  }
  return lines;
}

export const tooMany = (budget: Budget): { state: "malformed"; code: Code; detail: string } => ({
  state: "malformed",
  code: "budget/entries",
  detail: `more than ${budget.attestations} attestations`,
});

/**
 * One bundle of a document with its container's label. Only what decides how to go on is looked at here: version,
 * the two parts of a bundle, and how much there is of each; what stands in them is for the bundle's verifier.
 */
export function documentedBundle(
  value: unknown,
  predicateType: string | null,
  budget: Budget,
): DocumentedAttestation {
  const problem = bundleProblem(value, budget);
  return problem === null
    ? { state: "read", predicateType, bundle: value, publisher: null }
    : { state: "malformed", predicateType, ...problem };
}

function bundleProblem(value: unknown, budget: Budget): { code: Code; detail: string } | null {
  if (!isJsonObject(value)) return malformed(`the bundle is ${quote(value)}`);
  const mediaType = jsonMember(value, "mediaType");
  if (typeof mediaType !== "string") return malformed(`mediaType is ${quote(mediaType)}`);
  if (!mediaTypes.has(mediaType)) return { code: "bundle/version-unsupported", detail: quote(mediaType) };
  const material = jsonMember(value, "verificationMaterial");
  if (!isJsonObject(material)) return malformed(`verificationMaterial is ${quote(material)}`);
  const [envelope, message] = [jsonMember(value, "dsseEnvelope"), jsonMember(value, "messageSignature")];
  if (isJsonObject(envelope) === isJsonObject(message))
    return malformed("a bundle holds either an envelope or a signature");
  const counted: readonly (readonly [string, unknown])[] = [
    ["tlogEntries", jsonMember(material, "tlogEntries")],
    ["rfc3161Timestamps", memberOf(jsonMember(material, "timestampVerificationData"), "rfc3161Timestamps")],
    ["certificates", memberOf(jsonMember(material, "x509CertificateChain"), "certificates")],
    ["signatures", memberOf(envelope, "signatures")],
  ];
  for (const [name, list] of counted) {
    if (Array.isArray(list) && list.length > budget.attestations) {
      return {
        code: "budget/entries",
        detail: `${list.length} ${name}; the bound is ${budget.attestations}`,
      };
    }
  }
  return null;
}

const memberOf = (value: unknown, name: string): unknown =>
  isJsonObject(value) ? jsonMember(value as JsonObject, name) : undefined;
const malformed = (detail: string): { code: Code; detail: string } => ({ code: "bundle/malformed", detail });
