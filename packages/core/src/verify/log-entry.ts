import type { Buffer } from "node:buffer";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import { decodeBase64 } from "../evidence/document-text.ts";
import { isJsonObject, jsonMember, parseJson } from "../json.ts";
import { utf8 } from "./fulcio-extension.ts";

/** What signed, in the form in which a log entry repeats it. */
export type LoggedVerifier = { kind: "certificate" | "key"; der: Buffer };

type Member = string | number;

/** Where each kind and version of entry keeps its only signature's verifier. */
const verifierPaths: ReadonlyMap<string, { pem: readonly Member[] } | { protobuf: readonly Member[] }> =
  new Map([
    ["hashedrekord/0.0.1", { pem: ["spec", "signature", "publicKey", "content"] }],
    ["dsse/0.0.1", { pem: ["spec", "signatures", 0, "verifier"] }],
    ["intoto/0.0.2", { pem: ["spec", "content", "envelope", "signatures", 0, "publicKey"] }],
    ["hashedrekord/0.0.2", { protobuf: ["spec", "hashedRekordV002", "signature", "verifier"] }],
    ["dsse/0.0.2", { protobuf: ["spec", "dsseV002", "signatures", 0, "verifier"] }],
  ]);
const maximumDepth = 32;
const maximumSignatures = 64;
const signatureLine = /^\u2014 [^ ]+ ([A-Za-z0-9+/]+=*)$/;
const checkpointFields = /^[^\n]+\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]+=*)\n/;

/**
 * Whether the entry was logged with the bundle's own certificate or key. Payload and signature are compared by the
 * engine; without this comparison an entry of the same signature under another key would pass.
 * @returns what differs, or null
 */
export function verifierProblem(entry: TransparencyLogEntry, signer: LoggedVerifier): string | null {
  const text = utf8(entry.canonicalizedBody);
  const parsed = text === null ? null : parseJson(text, maximumDepth);
  if (parsed === null || !parsed.ok || !isJsonObject(parsed.value)) return "the entry's body is not JSON";
  const kind = `${String(jsonMember(parsed.value, "kind"))}/${String(jsonMember(parsed.value, "apiVersion"))}`;
  const path = verifierPaths.get(kind);
  if (path === undefined) return `entries of kind ${JSON.stringify(kind.slice(0, 80))} are not supported`;
  const logged =
    "pem" in path ? fromPem(at(parsed.value, path.pem)) : fromProtobuf(at(parsed.value, path.protobuf));
  if (logged === null) return "the entry's certificate or key cannot be read";
  if (logged.kind !== signer.kind || !logged.der.equals(signer.der))
    return "the entry was logged with another certificate or key";
  return null;
}

/**
 * Whether the proof's root hash and tree size are the checkpoint's, which the log signed (C2SP tlog-checkpoint). The
 * engine computes the root from the checkpoint alone and leaves these two unread.
 * @returns what differs, or null; entries without a proof have nothing to compare
 */
export function proofProblem(entry: TransparencyLogEntry): string | null {
  if (entry.inclusionProof === undefined) return null;
  const { rootHash, treeSize, checkpoint } = entry.inclusionProof;
  const match = checkpointFields.exec(checkpoint?.envelope ?? "");
  const signedRoot = decodeBase64(match?.[2]);
  if (match === null || signedRoot === null) return "the checkpoint lacks its origin, size or root hash";
  if (!signedRoot.equals(rootHash)) return "the proof's root hash is not the checkpoint's";
  if (match[1] !== treeSize) return "the proof's tree size is not the checkpoint's";
  return hasExactSignatures(checkpoint?.envelope ?? "")
    ? null
    : "the checkpoint's signatures are not a signed note's";
}

/** C2SP signed-note: after an empty line, one line for each signature and nothing else. */
function hasExactSignatures(note: string): boolean {
  const lines = note.slice(note.indexOf("\n\n") + 2).split("\n");
  if (!note.includes("\n\n") || lines.pop() !== "" || lines.length === 0 || lines.length > maximumSignatures)
    return false;
  return lines.every((line) => decodeBase64(signatureLine.exec(line)?.[1]) !== null);
}

function fromPem(value: unknown): LoggedVerifier | null {
  const bytes = decodeBase64(value);
  const pem = bytes === null ? null : utf8(bytes);
  const match =
    pem === null
      ? null
      : /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\n([A-Za-z0-9+/=\n]+)-----END (CERTIFICATE|PUBLIC KEY)-----\n?$/.exec(
          pem,
        );
  const der = match === null || match[1] !== match[3] ? null : decodeBase64(match[2]?.replaceAll("\n", ""));
  return match === null || der === null
    ? null
    : { kind: match[1] === "CERTIFICATE" ? "certificate" : "key", der };
}

function fromProtobuf(value: unknown): LoggedVerifier | null {
  const certificate = decodeBase64(at(value, ["x509Certificate", "rawBytes"]));
  const key = decodeBase64(at(value, ["publicKey", "rawBytes"]));
  if ((certificate === null) === (key === null)) return null;
  return certificate === null
    ? { kind: "key", der: key as Buffer }
    : { kind: "certificate", der: certificate };
}

/** The value at the end of a path; a list on the path must have exactly one element. */
function at(root: unknown, path: readonly Member[]): unknown {
  let value = root;
  for (const member of path) {
    if (typeof member === "number")
      value = Array.isArray(value) && value.length === 1 ? value[member] : undefined;
    else value = isJsonObject(value) ? jsonMember(value, member) : undefined;
  }
  return value;
}
