import { Buffer } from "node:buffer";
import type { Code } from "../codes.ts";
import { decodeBase64, quote } from "../evidence/document-text.ts";
import { isJsonObject, jsonMember, parseJson, type JsonObject } from "../json.ts";
import { readBundle } from "../verify/bundle-reader.ts";
import { utf8 } from "../verify/fulcio-extension.ts";
import type { Signed } from "./signer.ts";

/** One seal file, read exactly and believed in nothing yet. */
export type SealDocument = {
  kind: "sigstore-key" | "sigstore-certificate" | "ssh" | "hmac";
  payloadType: string;
  payload: Buffer;
  signature: Buffer;
  /** A hint at the key to try, believed in nothing; "" for certificates. */
  keyid: string;
  /** The whole bundle of the two sigstore kinds, for its verifier; null of the others. */
  bundle: unknown;
};
export type SealDocumentResult =
  | { ok: true; value: SealDocument }
  | { ok: false; code: Code; detail: string };

/** Most bytes of one seal file. */
export const sealFileBytes: number = 1 << 20;

const maximumDepth = 32;
const longestName = 256;
const sigstoreMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const mediaTypes = {
  ssh: "application/vnd.countersign.sshsig-bundle+json;v=1",
  hmac: "application/vnd.countersign.hmac-bundle+json;v=1",
} as const;

/**
 * Reads one seal file: a Sigstore bundle v0.3, or a DSSE envelope with one SSH or HMAC signature. Exact: strict JSON
 * without a key that stands twice, canonical base64, one signature. Never throws.
 */
export function readSealDocument(bytes: Uint8Array): SealDocumentResult {
  if (bytes.length > sealFileBytes)
    return refuse(`it has ${bytes.length} bytes; at most ${sealFileBytes} are read`);
  const text = utf8(bytes);
  if (text === null) return refuse("it is not UTF-8");
  const parsed = parseJson(text, maximumDepth);
  if (!parsed.ok) return refuse(parsed.problem.detail);
  if (!isJsonObject(parsed.value)) return refuse("it is not a JSON object");
  const mediaType = jsonMember(parsed.value, "mediaType");
  const read =
    mediaType === mediaTypes.ssh
      ? readEnvelope(parsed.value, "ssh")
      : mediaType === mediaTypes.hmac
        ? readEnvelope(parsed.value, "hmac")
        : readSigstore(parsed.value);
  return read.ok && !/^[\x21-\x7e]+$/.test(read.value.payloadType)
    ? refuse(`the payload type ${quote(read.value.payloadType)} is not printable ASCII`)
    : read;
}

/**
 * The text of a seal file: JSON with sorted keys, two spaces and a newline at its end. A signer that brings a whole
 * Sigstore bundle has it written as it is; payload and type are in there.
 */
export function formatSealDocument(payloadType: string, payload: Uint8Array, signed: Signed): string {
  const { material } = signed;
  const envelope = (signature: JsonObject): JsonObject => ({
    payload: Buffer.from(payload).toString("base64"),
    payloadType,
    signatures: [{ ...signature, sig: Buffer.from(signed.signature).toString("base64") }],
  });
  switch (material.kind) {
    case "sigstore":
      return write(material.bundle);
    case "key":
      return write({
        mediaType: sigstoreMediaType,
        verificationMaterial: { publicKey: { hint: material.keyid } },
        dsseEnvelope: envelope({}),
      });
    case "ssh":
    case "hmac":
      return write({
        mediaType: mediaTypes[material.kind],
        dsseEnvelope: envelope({ keyid: material.keyid }),
      });
  }
}

function readSigstore(value: JsonObject): SealDocumentResult {
  const read = readBundle(value);
  if (!read.ok) return refuse(`${read.code}: ${read.detail}`);
  const { version, content, signer } = read.value;
  if (version !== "0.3") return refuse(`Sigstore bundles of version ${version} are no seals, only 0.3 is`);
  if (content.kind !== "dsse") return refuse("it signs a file's digest and not a statement");
  const keyid = signer.kind === "key" ? signer.hint : "";
  // Nobody signs the envelope's key id: it is empty or the very hint, so that it can mislead no reader.
  if (content.keyid !== "" && content.keyid !== keyid) return refuse("its envelope names another key");
  const { payloadType, payload, signature } = content;
  return {
    ok: true,
    value: {
      kind: signer.kind === "key" ? "sigstore-key" : "sigstore-certificate",
      payloadType,
      payload,
      signature,
      keyid,
      bundle: value,
    },
  };
}

/** DSSE v1 with exactly one signature; members that it does not have are refused. */
function readEnvelope(value: JsonObject, kind: "ssh" | "hmac"): SealDocumentResult {
  const envelope = members(value, ["mediaType", "dsseEnvelope"])?.[1];
  const parts = members(envelope, ["payloadType", "payload", "signatures"]);
  if (parts === null)
    return refuse("it is not {mediaType, dsseEnvelope: {payloadType, payload, signatures}}");
  const [payloadType, encoded, signatures] = parts;
  if (!Array.isArray(signatures) || signatures.length !== 1)
    return refuse("it does not have exactly one signature");
  const [keyid, sig] = members(signatures[0], ["keyid", "sig"]) ?? [];
  if (!isName(payloadType) || !isName(keyid)) return refuse("its payloadType or keyid is not a short text");
  const [payload, signature] = [decodeBase64(encoded), decodeBase64(sig)];
  if (payload === null || signature === null)
    return refuse("its payload or signature is not canonical base64");
  return { ok: true, value: { kind, payloadType, payload, signature, keyid, bundle: null } };
}

/** The members of an object that has these and no others, in this order; null of anything else. */
function members(value: unknown, names: readonly string[]): readonly unknown[] | null {
  if (!isJsonObject(value) || Object.keys(value).length !== names.length) return null;
  return names.every((name) => Object.hasOwn(value, name)) ? names.map((name) => value[name]) : null;
}

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= longestName;

const write = (value: unknown): string => `${JSON.stringify(sorted(value), null, 2)}\n`;

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const names = Object.keys(value).toSorted();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]));
}

const refuse = (detail: string): { ok: false; code: Code; detail: string } => ({
  ok: false,
  code: "seal/malformed",
  detail,
});
