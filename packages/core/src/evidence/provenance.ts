import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import type {
  AttestationFormat,
  DocumentedAttestation,
  DocumentResult,
  Publisher,
} from "./attestation-document.ts";
import { decodeBase64, parseDocumentText, quote, refusedCode } from "./document-text.ts";
import { tooMany } from "./sigstore-bundle-document.ts";

type Problem = { code: Code; detail: string };
type Converted = { ok: true; bundle: unknown } | ({ ok: false } & Problem);

/**
 * Reads a PEP 740 provenance object (`{version: 1, attestation_bundles: [{publisher, attestations}]}`): every
 * attestation of every bundle, in order, each with its bundle's publisher. Without attestations it is absent.
 */
export function readProvenance(text: string, budget: Budget): DocumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok) return { state: "malformed", code: refusedCode(parsed), detail: parsed.detail };
  return provenance(parsed.value, budget);
}

/** Reads one PEP 740 attestation object (a `.publish.attestation` file); it names no publisher. */
export function readPep740Attestation(text: string, budget: Budget): DocumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok) return { state: "malformed", code: refusedCode(parsed), detail: parsed.detail };
  return pep740Attestation(parsed.value, budget);
}

/** As {@link readProvenance}, of an already parsed document. */
export function provenance(value: unknown, budget: Budget): DocumentResult {
  if (value === null) return { state: "absent" };
  if (!isJsonObject(value)) return malformed(`the provenance is ${quote(value)}`);
  if (jsonMember(value, "version") !== 1)
    return malformed(`the provenance has version ${quote(jsonMember(value, "version"))}`);
  const bundles = jsonMember(value, "attestation_bundles");
  if (bundles === null) return { state: "absent" };
  if (!Array.isArray(bundles)) return malformed(`attestation_bundles is ${quote(bundles)}`);
  if (bundles.length > budget.attestations) return tooMany(budget);
  const attestations: DocumentedAttestation[] = [];
  for (const bundle of bundles as readonly unknown[]) {
    const listed = isJsonObject(bundle) ? jsonMember(bundle, "attestations") : undefined;
    if (!isJsonObject(bundle) || !Array.isArray(listed)) {
      attestations.push(
        unreadable({ code: "attestation/malformed", detail: "an attestation bundle lacks its attestations" }),
      );
      continue;
    }
    if (attestations.length + listed.length > budget.attestations) return tooMany(budget);
    const publisher = readPublisher(jsonMember(bundle, "publisher"));
    for (const entry of listed as readonly unknown[]) attestations.push(documented(entry, publisher, budget));
  }
  return found("pep740-provenance", attestations);
}

/** As {@link readPep740Attestation}, of an already parsed document. */
export function pep740Attestation(value: unknown, budget: Budget): DocumentResult {
  if (value === null) return { state: "absent" };
  return found("pep740-attestation", [documented(value, null, budget)]);
}

function found(format: AttestationFormat, attestations: readonly DocumentedAttestation[]): DocumentResult {
  return attestations.length === 0
    ? { state: "absent" }
    : { state: "found", document: { format, attestations } };
}

/** @param publisher null where the format has none; a problem where it must be there and cannot be read */
function documented(
  value: unknown,
  publisher: Publisher | Problem | null,
  budget: Budget,
): DocumentedAttestation {
  if (publisher !== null && "code" in publisher) return unreadable(publisher);
  const converted = toBundle(value, budget);
  if (!converted.ok) return unreadable({ code: converted.code, detail: converted.detail });
  return { state: "read", predicateType: null, bundle: converted.bundle, publisher };
}

const unreadable = (problem: Problem): DocumentedAttestation => ({
  state: "malformed",
  predicateType: null,
  ...problem,
});

/** `kind` decides what is compared; all else that is a string or null is kept to be compared with the certificate. */
function readPublisher(value: unknown): Publisher | Problem {
  const kind = isJsonObject(value) ? jsonMember(value, "kind") : undefined;
  if (!isJsonObject(value) || typeof kind !== "string") {
    return { code: "attestation/malformed", detail: `the publisher's kind is ${quote(kind)}` };
  }
  const claims = Object.create(null) as Record<string, string | null>;
  for (const [name, claim] of Object.entries(value)) {
    if (name !== "kind" && (typeof claim === "string" || claim === null)) claims[name] = claim;
  }
  return { kind, claims };
}

/**
 * Converts an attestation object to a Sigstore bundle v0.3 (PEP 740 § Attestation objects). The payload type is
 * implied there; log entries are protobuf-JSON already; `timestamps` are the only trusted time of Rekor v2 entries,
 * so they must not be lost.
 */
function toBundle(value: unknown, budget: Budget): Converted {
  if (!isJsonObject(value)) return refused("attestation/malformed", `the attestation is ${quote(value)}`);
  const version = jsonMember(value, "version");
  if (version !== 1) return refused("attestation/malformed", `the attestation has version ${quote(version)}`);
  const [material, envelope] = [jsonMember(value, "verification_material"), jsonMember(value, "envelope")];
  if (!isJsonObject(material))
    return refused("attestation/malformed", `verification_material is ${quote(material)}`);
  if (!isJsonObject(envelope)) return refused("attestation/malformed", `envelope is ${quote(envelope)}`);
  const entries = jsonMember(material, "transparency_entries");
  if (!Array.isArray(entries) || !entries.every(isJsonObject)) {
    return refused("attestation/malformed", `transparency_entries is ${quote(entries)}`);
  }
  if (entries.length === 0) return refused("bundle/log-missing", "transparency_entries is empty");
  const timestamps = jsonMember(material, "timestamps") ?? [];
  if (!Array.isArray(timestamps))
    return refused("attestation/malformed", `timestamps is ${quote(timestamps)}`);
  if (entries.length > budget.attestations || timestamps.length > budget.attestations) {
    return refused("budget/entries", `more than ${budget.attestations} log entries or timestamps`);
  }
  const fields: readonly (readonly [string, unknown])[] = [
    ["certificate", jsonMember(material, "certificate")],
    ["statement", jsonMember(envelope, "statement")],
    ["signature", jsonMember(envelope, "signature")],
    ...timestamps.map((timestamp: unknown) => ["timestamp", timestamp] as const),
  ];
  for (const [name, field] of fields) {
    if (typeof field !== "string") return refused("attestation/malformed", `${name} is ${quote(field)}`);
    if (decodeBase64(field) === null) return refused("bundle/encoding", `${name} is not canonical base64`);
  }
  return { ok: true, bundle: bundleOf(material, envelope, entries, timestamps) };
}

const bundleOf = (
  material: JsonObject,
  envelope: JsonObject,
  entries: unknown,
  timestamps: readonly unknown[],
): unknown => ({
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: {
    certificate: { rawBytes: jsonMember(material, "certificate") },
    tlogEntries: entries,
    timestampVerificationData: {
      rfc3161Timestamps: timestamps.map((signedTimestamp) => ({ signedTimestamp })),
    },
  },
  dsseEnvelope: {
    payload: jsonMember(envelope, "statement"),
    payloadType: "application/vnd.in-toto+json",
    signatures: [{ sig: jsonMember(envelope, "signature"), keyid: "" }],
  },
});

const refused = (code: Code, detail: string): Converted => ({ ok: false, code, detail });
const malformed = (detail: string): DocumentResult => ({
  state: "malformed",
  code: "attestation/malformed",
  detail,
});
