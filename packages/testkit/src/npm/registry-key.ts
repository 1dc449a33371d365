import { base64 } from "../encoding/hash.ts";
import { createSigningKey, type SigningKey } from "../sigstore/key.ts";

/** A registry's signing key: `keyid` is `SHA256:` and the base64 of the key's digest, without padding. */
export type RegistryKey = SigningKey & { keyid: string; validFrom: number; validTo: number | null };

export function createRegistryKey(validFrom: number, validTo: number | null): RegistryKey {
  const key = createSigningKey("P-256");
  return { ...key, keyid: `SHA256:${base64(key.id).replace(/=+$/, "")}`, validFrom, validTo };
}

/** One key of the TUF target `<registry host+path>/keys.json`. */
export type TargetKey = {
  keyId: string;
  keyUsage: string;
  publicKey: { rawBytes: string; keyDetails: string; validFor: { start: string; end?: string } };
};
export type KeysTarget = { keys: TargetKey[] };

/** The target form: each key once for signatures, once for attestations. */
export const toTargetKeys = (key: RegistryKey): TargetKey[] =>
  ["npm:signatures", "npm:attestations"].map((keyUsage) => ({
    keyId: key.keyid,
    keyUsage,
    publicKey: {
      rawBytes: base64(key.spki),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: {
        start: new Date(key.validFrom).toISOString(),
        ...(key.validTo === null ? {} : { end: new Date(key.validTo).toISOString() }),
      },
    },
  }));

/** The form of `/-/npm/v1/keys`: one row per key, from the target form. */
export function toKeysEndpoint(target: KeysTarget): { keys: Record<string, string | null>[] } {
  const signing = target.keys.filter((key) => key.keyUsage === "npm:signatures");
  return {
    keys: signing.map((key) => ({
      expires: key.publicKey.validFor.end ?? null,
      keyid: key.keyId,
      keytype: "ecdsa-sha2-nistp256",
      scheme: "ecdsa-sha2-nistp256",
      key: key.publicKey.rawBytes,
    })),
  };
}

/** What can be wrong with a registry signature. */
export const signatureDefects = {
  "broken-signature": "one bit of the signature is wrong",
  "wrong-integrity": "the signature is over another integrity",
  "wrong-name": "the signature is over another package's name",
  "wrong-version": "the signature is over another version",
  "unknown-key": "the keyid is of no known key",
  "wrong-keyid": "the keyid is of another key than the one that signed",
  "non-canonical-base64": "line breaks inside the signature's base64",
} as const;
export type SignatureDefect = keyof typeof signatureDefects;

/** `dist.signatures[]`: ECDSA over `name@version:integrity`. */
export function registrySignature(
  key: RegistryKey,
  subject: { name: string; version: string; integrity: string },
  defects: readonly SignatureDefect[] = [],
): { keyid: string; sig: string } {
  const has = (defect: SignatureDefect): boolean => defects.includes(defect);
  const name = has("wrong-name") ? `${subject.name}-other` : subject.name;
  const version = has("wrong-version") ? `${subject.version}-other` : subject.version;
  const integrity = has("wrong-integrity") ? otherIntegrity : subject.integrity;
  const signer = has("unknown-key") ? createRegistryKey(key.validFrom, key.validTo) : key;
  const signature = signer.sign(Buffer.from(`${name}@${version}:${integrity}`));
  if (has("broken-signature")) signature[signature.length - 1] = (signature.at(-1) as number) ^ 1;
  const sig = base64(signature);
  return {
    keyid: has("wrong-keyid") ? createRegistryKey(0, null).keyid : signer.keyid,
    sig: has("non-canonical-base64") ? `${sig.slice(0, 8)}\n${sig.slice(8)}` : sig,
  };
}

const otherIntegrity = `sha512-${base64(Buffer.alloc(64, 7))}`;
