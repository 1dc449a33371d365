import { Buffer } from "node:buffer";
import { createHash, createHmac, type KeyObject } from "node:crypto";
import { decodeBase64, quote } from "../evidence/document-text.ts";
import { isJsonObject, jsonMember } from "../json.ts";
import {
  curveOf,
  pointOf,
  pointOfSpki,
  publicKeyOf,
  type PublicKeyAlgorithm,
  type PublicSealKey,
  type SealKeyResult,
} from "./public-key.ts";
import { formatSshPublicKey, isFido, parseSshPublicKey, sshFingerprint, sshKeyBlob } from "./ssh-key.ts";
import type { SealKey } from "./trust-root.ts";

/** A key in TUF's form. `keyval` is `{variable, keyid}` of HMAC keys and `{public}` of all others. */
export type SealKeyForm = { keytype: string; scheme: string; keyval: Readonly<Record<string, string>> };

/** A shorter secret can be found by trying, from one seal. */
const leastSecretBytes = 32;
const hmacIdText = "countersign hmac key id";
const pem = /^-----BEGIN PUBLIC KEY-----\n([A-Za-z0-9+/=\n]{1,1000})-----END PUBLIC KEY-----\n$/;
const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/**
 * Reads a key of the trust store. Only what {@link formatSealKey} writes is taken, so that one key cannot stand
 * there under several ids and be counted for each: no other member, no upper-case hex, no comment of an SSH key.
 */
export function readSealKey(value: unknown): SealKeyResult {
  const form = formOf(value);
  if (form === null) return refuse("a key is not {keytype, scheme, keyval} of strings");
  const read = readForm(form);
  if (!read.ok) return read;
  const exact = formatSealKey(read.key);
  return olpc(form) === olpc(exact) ? read : refuse(`the key is not written as ${JSON.stringify(exact)}`);
}

/** The key as a root of the trust store holds it. */
export function formatSealKey(key: SealKey): SealKeyForm {
  switch (key.algorithm) {
    case "ed25519": {
      const point = pointOf("Ed25519", key.key) ?? Buffer.alloc(0);
      return { keytype: "ed25519", scheme: "ed25519", keyval: { public: point.toString("hex") } };
    }
    case "ecdsa-p256-sha256":
      return {
        keytype: "ecdsa",
        scheme: "ecdsa-sha2-nistp256",
        keyval: { public: key.key.export({ type: "spki", format: "pem" }).toString() },
      };
    case "hmac-sha256":
      return {
        keytype: "hmac",
        scheme: "hmac-sha256",
        keyval: { variable: key.variable, keyid: key.keyid },
      };
    default:
      return { keytype: "ssh", scheme: key.algorithm, keyval: { public: formatSshPublicKey(key) } };
  }
}

/**
 * A seal key from a key object, public or private, of which only the public half is kept.
 * @param application of FIDO keys (`ssh:`); null for all others
 */
export function sealKeyOf(
  algorithm: PublicKeyAlgorithm,
  key: KeyObject,
  application: string | null = null,
): SealKeyResult<PublicSealKey> {
  const curve = curveOf(algorithm);
  const point = key.type === "secret" ? null : pointOf(curve, key);
  if (point === null) return refuse(`the key is not on ${curve}`);
  if (isFido(algorithm) !== (application !== null)) return refuse("only FIDO keys name an application");
  return ofPoint(algorithm, point, application);
}

/** An HMAC key whose secret stands in a variable: the trust store knows the variable's name and the key's id alone. */
export function hmacSealKey(variable: string, secret: Uint8Array): SealKeyResult {
  const keyid = hmacKeyid(secret);
  if (keyid === null) return refuse(shortSecret(secret));
  if (!variableName.test(variable)) return refuse(`${quote(variable)} is no name of a variable`);
  return { ok: true, key: { keyid, algorithm: "hmac-sha256", variable } };
}

/** Id of an HMAC secret: HMAC-SHA256 of a fixed text, in hex; null below 32 bytes. */
export const hmacKeyid = (secret: Uint8Array): string | null =>
  secret.length < leastSecretBytes ? null : createHmac("sha256", secret).update(hmacIdText).digest("hex");

export const shortSecret = (secret: Uint8Array): string =>
  `the secret has ${secret.length} bytes; at least ${leastSecretBytes} are needed`;

/**
 * Id of a public key: of an SSH key its fingerprint (`SHA256:…`), of the others the SHA-256 of its TUF form in OLPC
 * canonical JSON, in hex (TUF specification §4.2).
 */
export function keyidOf(key: PublicSealKey): string {
  const form = formatSealKey(key);
  return form.keytype === "ssh"
    ? sshFingerprint(sshKeyBlob(key))
    : createHash("sha256").update(olpc(form)).digest("hex");
}

function readForm({ keytype, scheme, keyval }: SealKeyForm): SealKeyResult {
  const text = keyval["public"] ?? "";
  switch (`${keytype} ${scheme}`) {
    case "ed25519 ed25519":
      return ofPoint("ed25519", /^[0-9a-f]{0,80}$/.test(text) ? Buffer.from(text, "hex") : Buffer.alloc(0));
    case "ecdsa ecdsa-sha2-nistp256": {
      const der = decodeBase64(pem.exec(text)?.[1]?.replaceAll("\n", ""));
      const point = der === null ? null : pointOfSpki("P-256", der);
      return point === null
        ? refuse("the key is no P-256 public key in PEM")
        : ofPoint("ecdsa-p256-sha256", point);
    }
    case "hmac hmac-sha256":
      return ofVariable(keyval["variable"] ?? "", keyval["keyid"] ?? "");
    default:
      return keytype === "ssh"
        ? parseSshPublicKey(text)
        : refuse(`keys of ${quote(`${keytype} ${scheme}`)} are not supported`);
  }
}

function ofPoint(
  algorithm: PublicKeyAlgorithm,
  point: Uint8Array,
  application: string | null = null,
): SealKeyResult<PublicSealKey> {
  const key = publicKeyOf(curveOf(algorithm), point);
  if (typeof key === "string") return refuse(key);
  const sealKey: PublicSealKey = { keyid: "", algorithm, key, application };
  return { ok: true, key: { ...sealKey, keyid: keyidOf(sealKey) } };
}

const ofVariable = (variable: string, keyid: string): SealKeyResult =>
  variableName.test(variable) && /^[0-9a-f]{64}$/.test(keyid)
    ? { ok: true, key: { keyid, algorithm: "hmac-sha256", variable } }
    : refuse("an HMAC key names a variable and a key id of 64 hex digits");

/** The value as a form, all of its members included; null where a member is none of a key's. */
function formOf(value: unknown): SealKeyForm | null {
  if (!isJsonObject(value) || Object.keys(value).length !== 3) return null;
  const [keytype, scheme, keyval] = ["keytype", "scheme", "keyval"].map((name) => jsonMember(value, name));
  if (typeof keytype !== "string" || typeof scheme !== "string" || !isJsonObject(keyval)) return null;
  const members = Object.entries(keyval);
  if (members.length > 2 || members.some(([, text]) => typeof text !== "string")) return null;
  return { keytype, scheme, keyval: Object.assign(Object.create(null), keyval) as Record<string, string> };
}

/** OLPC canonical JSON, in which only quotes and backslashes are escaped: line breaks of PEM stand as they are. */
function olpc({ keytype, scheme, keyval }: SealKeyForm): string {
  const text = (value: string): string => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const members = Object.keys(keyval)
    .toSorted()
    .map((name) => `${text(name)}:${text(keyval[name] as string)}`);
  return `{"keytype":${text(keytype)},"keyval":{${members.join(",")}},"scheme":${text(scheme)}}`;
}

const refuse = (detail: string): { ok: false; detail: string } => ({ ok: false, detail });
