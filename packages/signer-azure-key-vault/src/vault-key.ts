import type { KeyVaultKey } from "@azure/keyvault-keys";
import { readKmsKey, type KmsCause, type KmsKey } from "@countersign/core";
import type { KeyUri } from "./key-uri.ts";

const fix = "name a key of type EC or EC-HSM on curve P-256";

/**
 * Reads what the vault says of a key. Its own id (`kid`) is where the SDK would send the digest and the token, so it must
 * be the key that was asked for.
 */
export function readVaultKey(found: KeyVaultKey, { vault, name, version }: KeyUri): KmsKey | KmsCause {
  const { properties, key: jwk } = found;
  const asked = version ?? properties.version;
  if (asked === undefined || found.id !== `${vault}/keys/${name}/${asked}` || jwk === undefined)
    return { kind: "malformed", detail: "it is about another key" };
  if (jwk.kty !== "EC" && jwk.kty !== "EC-HSM")
    return {
      kind: "refused",
      detail: `the key is ${jwk.kty ?? "of no known kind"}, and seals take P-256`,
      fix,
    };
  const { crv, x, y } = jwk;
  if (crv !== "P-256")
    return { kind: "refused", detail: `the key is ${crv ?? "on no curve"}, and seals take P-256`, fix };
  if (!(x instanceof Uint8Array) || !(y instanceof Uint8Array))
    return { kind: "malformed", detail: "no public key" };
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const read = readKmsKey({ form: "jwk", jwk: { kty: "EC", crv, x: base64url(x), y: base64url(y) } });
  return read.ok ? read.key : { kind: "refused", detail: read.detail, fix };
}
