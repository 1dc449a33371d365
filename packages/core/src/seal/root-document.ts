import { Buffer } from "node:buffer";
import type { Code } from "../codes.ts";
import { quote } from "../evidence/document-text.ts";
import { isJsonObject, jsonMember, parseJson, type JsonObject } from "../json.ts";

/** Bounds of the trust store. Whoever may change the project may put any file there. */
export const trustLimits: {
  bytes: number;
  versions: number;
  /** Signers, keys, revocations, signatures, lockfile paths: of each. */
  entries: number;
  /** Keys of the root role: each signature costs an encoding of the whole file. */
  rootKeys: number;
  depth: number;
} = { bytes: 1024 * 1024, versions: 1000, entries: 1000, rootKeys: 64, depth: 16 };

/** One signature over the signed part (TUF § 4.2): `sig` is hex. */
export type RootSignature = { keyid: string; sig: string };

/** A root of the trust store as its file has it. Nothing of it is verified or even looked at. */
export type RootDocument = { signed: JsonObject; signatures: readonly RootSignature[] };

export type TrustProblem = { ok: false; code: Code; detail: string };
export type RootDocumentResult = { ok: true; value: RootDocument } | TrustProblem;

/** Reads the envelope of a root: strict JSON in clean UTF-8, `signed` and `signatures`, one signature for each key. */
export function readRootDocument(bytes: Uint8Array): RootDocumentResult {
  if (bytes.length > trustLimits.bytes)
    return malformed(`it has ${bytes.length} bytes; the bound is ${trustLimits.bytes}`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed("it is not UTF-8");
  }
  const parsed = parseJson(text, trustLimits.depth);
  if (!parsed.ok) return malformed(`${parsed.problem.detail} (at character ${parsed.problem.offset})`);
  const { value } = parsed;
  if (!isJsonObject(value)) return malformed(`it is ${quote(value)}, not an object`);
  const extra = Object.keys(value).find((name) => name !== "signed" && name !== "signatures");
  if (extra !== undefined)
    return malformed(`${quote(extra)} beside signed and signatures is signed by nobody`);
  const signed = jsonMember(value, "signed");
  if (!isJsonObject(signed)) return malformed(`signed is ${quote(signed)}, not an object`);
  if (!isWellFormed(signed)) return malformed("signed has half a surrogate pair, which has no encoding");
  return readSignatures(jsonMember(value, "signatures"), signed);
}

function readSignatures(value: unknown, signed: JsonObject): RootDocumentResult {
  if (!Array.isArray(value)) return malformed(`signatures is ${quote(value)}, not a list`);
  if (value.length > trustLimits.entries)
    return malformed(`${value.length} signatures; the bound is ${trustLimits.entries}`);
  const byKey = new Map<string, string>();
  for (const item of value as readonly unknown[]) {
    const keyid = isJsonObject(item) ? jsonMember(item, "keyid") : undefined;
    const sig = isJsonObject(item) ? jsonMember(item, "sig") : undefined;
    if (typeof keyid !== "string" || typeof sig !== "string" || !/^(?:[0-9a-f]{2}){1,128}$/.test(sig))
      return malformed("a signature is not {keyid, sig: hex}");
    // A merge by hand may leave one signature twice; two different ones of one key are somebody's trick.
    if ((byKey.get(keyid) ?? sig) !== sig)
      return malformed(`two different signatures of the key ${quote(keyid)}`);
    byKey.set(keyid, sig);
  }
  const signatures = [...byKey].map(([keyid, sig]) => ({ keyid, sig }));
  return { ok: true, value: { signed, signatures } };
}

/** The file of a root: keys and signatures sorted, two spaces, a newline at the end. */
export function formatRootDocument({ signed, signatures }: RootDocument): string {
  const sorted = signatures.toSorted((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return `${JSON.stringify(sortKeys({ signed, signatures: sorted }), null, 2)}\n`;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((name) => [name, sortKeys(value[name])]),
  );
}

/** Half a surrogate pair has no UTF-8: texts that differ in one would be signed as the same bytes. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (Array.isArray(value)) return value.every(isWellFormed);
  if (!isJsonObject(value)) return true;
  return Object.keys(value).every((name) => name.isWellFormed() && isWellFormed(value[name]));
}

export const malformed = (detail: string): TrustProblem => ({ ok: false, code: "trust/malformed", detail });

/** Hex of a signature's bytes, as {@link RootSignature} has it. */
export const signatureHex = (signature: Uint8Array): string => Buffer.from(signature).toString("hex");
