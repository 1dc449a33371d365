import { createPublicKey, type KeyObject } from "node:crypto";
import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { parseInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import type { RegistryKey } from "../verify/trust.ts";
import { decodeBase64, parseDocumentText, quote, unreadableCode } from "./document-text.ts";

export type RegistryKeysResult =
  | { state: "found"; keys: readonly RegistryKey[] }
  | { state: "absent" }
  | { state: "malformed"; code: Code; detail: string };

type Usage = RegistryKey["usage"];
/** A key, a key of a kind that is not used here (null), or why the entry cannot be read. */
type Entry = { keys: readonly RegistryKey[] } | { problem: string };

const usages: readonly Usage[] = ["npm:signatures", "npm:attestations"];
const most = 256;
/** SubjectPublicKeyInfo of an uncompressed P-256 point up to the point itself (RFC 5480 §2). */
const p256Prefix = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
const p256Length = 91;

/**
 * Reads the keys of an npm registry: the sigstore root's target (`{keyId, keyUsage, publicKey: {rawBytes,
 * keyDetails, validFor}}`) or the answer to `GET /-/npm/v1/keys` (`{keyid, key, keytype, scheme, expires}`, whose
 * keys serve both uses and have no start). A key of another algorithm or use is left out, so that what it signed
 * meets `signature/key-unknown`; an entry that cannot be read, or stands twice, refuses the document.
 */
export function readRegistryKeys(text: string, budget: Budget): RegistryKeysResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok)
    return { state: "malformed", code: unreadableCode(parsed, "evidence/malformed"), detail: parsed.detail };
  const listed = isJsonObject(parsed.value) ? jsonMember(parsed.value, "keys") : undefined;
  if (parsed.value === null || listed === null) return { state: "absent" };
  if (!Array.isArray(listed)) return malformed(`keys is ${quote(listed)}`);
  if (listed.length === 0) return { state: "absent" };
  if (listed.length > most) return malformed(`${listed.length} keys; the bound is ${most}`);
  const keys: RegistryKey[] = [];
  for (const value of listed as readonly unknown[]) {
    const entry = readEntry(value);
    if ("problem" in entry) return malformed(entry.problem);
    for (const key of entry.keys) {
      const twice = keys.some(({ keyid, usage }) => keyid === key.keyid && usage === key.usage);
      if (twice) return malformed(`the key ${quote(key.keyid)} stands twice for ${key.usage}`);
      keys.push(key);
    }
  }
  return keys.length === 0 ? malformed("no key is a P-256 key of an npm registry") : { state: "found", keys };
}

function readEntry(value: unknown): Entry {
  if (!isJsonObject(value)) return { problem: `a key is ${quote(value)}` };
  return Object.hasOwn(value, "publicKey") ? readTargetKey(value) : readEndpointKey(value);
}

/** The form of the sigstore root's target (protobuf-JSON of `dev.sigstore.common.v1.PublicKey`). */
function readTargetKey(value: JsonObject): Entry {
  const [keyid, keyUsage, publicKey] = [
    jsonMember(value, "keyId"),
    jsonMember(value, "keyUsage"),
    jsonMember(value, "publicKey"),
  ];
  if (!isKeyid(keyid)) return { problem: `a key's id is ${quote(keyid)}` };
  if (!isJsonObject(publicKey)) return { problem: `${keyid}: publicKey is ${quote(publicKey)}` };
  const usage = usages.find((known) => known === keyUsage);
  if (usage === undefined || jsonMember(publicKey, "keyDetails") !== "PKIX_ECDSA_P256_SHA_256")
    return { keys: [] };
  const validFor = jsonMember(publicKey, "validFor");
  const start = isJsonObject(validFor) ? instant(jsonMember(validFor, "start")) : null;
  if (!isJsonObject(validFor) || start === null)
    return { problem: `${keyid}: validFor.start is missing or not a date-time` };
  const end = jsonMember(validFor, "end") ?? null;
  return keysOf(keyid, [usage], jsonMember(publicKey, "rawBytes"), start, end);
}

/** The form of the registry's own endpoint; it names no start, so a key counts from the epoch. */
function readEndpointKey(value: JsonObject): Entry {
  const keyid = jsonMember(value, "keyid");
  if (!isKeyid(keyid)) return { problem: `a key's id is ${quote(keyid)}` };
  const [keytype, scheme] = [jsonMember(value, "keytype"), jsonMember(value, "scheme")];
  if (typeof keytype !== "string" || typeof scheme !== "string")
    return { problem: `${keyid}: keytype or scheme is missing` };
  if (keytype !== "ecdsa-sha2-nistp256" || scheme !== "ecdsa-sha2-nistp256") return { keys: [] };
  return keysOf(keyid, usages, jsonMember(value, "key"), 0, jsonMember(value, "expires") ?? null);
}

function keysOf(
  keyid: string,
  uses: readonly Usage[],
  raw: unknown,
  validFrom: Instant,
  end: unknown,
): Entry {
  const validTo = end === null ? null : instant(end);
  if (end !== null && validTo === null) return { problem: `${keyid}: its end is ${quote(end)}` };
  if (validTo !== null && validTo <= validFrom) return { problem: `${keyid}: it ends before it starts` };
  const key = p256Key(raw);
  if (key === null) return { problem: `${keyid}: not a P-256 public key in canonical base64` };
  return { keys: uses.map((usage) => ({ keyid, usage, key, validFrom, validTo })) };
}

function p256Key(raw: unknown): KeyObject | null {
  const der = decodeBase64(raw);
  if (der === null || der.length !== p256Length || !der.toString("hex").startsWith(p256Prefix)) return null;
  try {
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    // The bytes are a point's encoding by their form, yet lie on no curve: which error says so differs by runtime.
    return null;
  }
}

const isKeyid = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= 256;
const instant = (value: unknown): Instant | null => (typeof value === "string" ? parseInstant(value) : null);
const malformed = (detail: string): RegistryKeysResult => ({
  state: "malformed",
  code: "evidence/malformed",
  detail,
});
