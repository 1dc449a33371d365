import { Buffer } from "node:buffer";
import { verify } from "node:crypto";
import type { Code } from "../codes.ts";
import { toIntegrity, type Digest } from "../digest.ts";
import { decodeBase64, quote } from "../evidence/document-text.ts";
import type { RegistrySignature } from "../evidence/evidence.ts";
import { formatInstant, type Instant } from "../instant.ts";
import type { RegistryKey } from "./trust.ts";

/** Best known publish time: a log's when a publish attestation verified, else what the registry says, unsigned. */
export type PublishTime = { at: Instant; source: "log" | "tsa" | "unsigned" };

export type SignedVersion = {
  /** The registry's name of the package, never an alias. */
  name: string;
  version: string;
  /** The digest in the lockfile: what a registry answers is never signed over here. */
  digest: Digest;
  signatures: readonly RegistrySignature[];
  /** Keys of this registry and no other. */
  keys: readonly RegistryKey[];
  published: PublishTime | null;
  now: Instant;
};

/** `time`: what the key's validity was judged by, null when a key without an end needed none. */
export type SignatureResult =
  | { ok: true; keyid: string; time: PublishTime | null }
  | { ok: false; code: Code; detail: string; keyid: string | null };

type Judged = { signature: RegistrySignature; result: SignatureResult };

const longestSignature = 128;

/**
 * Verifies an npm registry's signatures: ECDSA P-256 with SHA-256 over `name@version:integrity`, DER in base64.
 *
 * One signature by a known key that is valid at the publish time suffices, as long as nothing contradicts: an
 * unreadable signature, or one by a known key that does not verify, refuses all of them, whatever its neighbours
 * say. A signature by an unknown key proves nothing and denies nothing; alone it is `signature/key-unknown`.
 */
export function verifyRegistrySignatures(signed: SignedVersion): SignatureResult {
  const keys = new Map(
    signed.keys.filter(({ usage }) => usage === "npm:signatures").map((key) => [key.keyid, key]),
  );
  if (signed.signatures.length === 0) return refuse("signature/absent", "the list is empty", null);
  if (keys.size === 0)
    return refuse("signature/keys-unavailable", "no signing keys are known for this registry", null);
  const message = Buffer.from(`${signed.name}@${signed.version}:${toIntegrity(signed.digest)}`, "utf8");
  const judged = signed.signatures.map((signature): Judged => ({
    signature,
    result: judge(signature, keys.get(signature.keyid), message, signed),
  }));
  for (const code of ["signature/malformed", "signature/invalid"] as const) {
    const contradiction = judged.find(({ result }) => !result.ok && result.code === code);
    if (contradiction !== undefined) return contradiction.result;
  }
  const valid = judged.find(({ result }) => result.ok);
  if (valid !== undefined) return valid.result;
  const inTime = judged.find(({ result }) => !result.ok && result.code !== "signature/key-unknown");
  return (inTime ?? (judged[0] as Judged)).result;
}

function judge(
  { keyid, sig }: RegistrySignature,
  key: RegistryKey | undefined,
  message: Uint8Array,
  { published, now }: SignedVersion,
): SignatureResult {
  const bytes = sig.length > longestSignature ? null : decodeBase64(sig);
  if (bytes === null || !isEcdsaDer(bytes))
    return refuse("signature/malformed", `${quote(sig)} is no DER signature in base64`, keyid);
  if (key === undefined)
    return refuse("signature/key-unknown", `no key of this registry is ${quote(keyid)}`, keyid);
  if (!verify("sha256", message, { key: key.key, dsaEncoding: "der" }, bytes)) {
    return refuse("signature/invalid", "not a signature over the locked digest", keyid);
  }
  return judgeTime(key, published, now);
}

/**
 * A key counts at the publish time, both ends of its period included (as the sigstore root's do). Where that is not known, a key that is valid now and was not yet over at any
 * moment since it began cannot have been over then; an expired one could have signed after its end.
 */
function judgeTime(key: RegistryKey, published: PublishTime | null, now: Instant): SignatureResult {
  const { keyid, validFrom, validTo } = key;
  const at = published?.at ?? now;
  if (at >= validFrom && (validTo === null || at <= validTo)) return { ok: true, keyid, time: published };
  const period = `${formatInstant(validFrom)} to ${validTo === null ? "now" : formatInstant(validTo)}`;
  return published === null
    ? refuse("signature/time-unknown", `the key was valid from ${period}; no publish time is known`, keyid)
    : refuse(
        "signature/key-expired",
        `published ${formatInstant(at)} (${published.source}); the key was valid from ${period}`,
        keyid,
      );
}

/** SEQUENCE of two minimal, positive INTEGERs of at most 32 bytes, and nothing after it (X.690, SEC 1 §C.8). */
function isEcdsaDer(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) return false;
  const second = endOfInteger(bytes, 2);
  return second !== -1 && endOfInteger(bytes, second) === bytes.length;
}

function endOfInteger(bytes: Uint8Array, at: number): number {
  const length = bytes[at + 1];
  if (bytes[at] !== 0x02 || length === undefined || length === 0 || length > 33) return -1;
  const [first, second] = [bytes[at + 2], bytes[at + 3]];
  const end = at + 2 + length;
  if (first === undefined || end > bytes.length || first >= 0x80) return -1;
  if (first !== 0) return length === 33 ? -1 : end;
  return length === 1 || second === undefined || second < 0x80 ? -1 : end;
}

const refuse = (code: Code, detail: string, keyid: string | null): SignatureResult => ({
  ok: false,
  code,
  detail,
  keyid,
});
