import { readKmsKey, type KmsCause, type KmsKey } from "@countersign/core";
import { member } from "./transit.ts";

/** The newest version of a transit key, which is the one that signs. */
export type TransitKey = { key: KmsKey; version: number };

const fix = "name a key of type ecdsa-p256 or ed25519 that is not derived";

/** Reads `data` of `GET transit/keys/NAME`. */
export function readTransitKey(data: unknown): TransitKey | KmsCause {
  const version = member(data, "latest_version");
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1)
    return { kind: "malformed", detail: "no latest_version" };
  // A derived key is another one for every context, so it has no public key of its own.
  if (member(data, "derived") === true) return { kind: "refused", detail: "the key is derived", fix };
  const type = member(data, "type");
  if (type !== "ecdsa-p256" && type !== "ed25519")
    return {
      kind: "refused",
      detail: `the key is of type ${typeof type === "string" ? type : "unknown"}, and seals take ecdsa-p256 and ed25519`,
      fix,
    };
  const text = member(member(member(data, "keys"), String(version)), "public_key");
  if (typeof text !== "string") return { kind: "malformed", detail: "no public key" };
  const read = readKmsKey(
    type === "ed25519"
      ? { form: "raw-ed25519", bytes: Buffer.from(text, "base64") }
      : { form: "pem", pem: text },
  );
  return read.ok ? { key: read.key, version } : { kind: "refused", detail: read.detail, fix };
}
