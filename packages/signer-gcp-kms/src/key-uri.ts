import { SignerError } from "@countersign/core";

const part = "[A-Za-z0-9_.:-]{1,128}";
// `versions` is an older spelling of `cryptoKeyVersions`.
const pattern = new RegExp(
  `^gcpkms://(projects/${part}/locations/${part}/keyRings/${part}/cryptoKeys/${part})/(?:cryptoKeyVersions|versions)/(\\d{1,10})$`,
);

/**
 * The resource name of the key version that a `gcpkms://` URI names. The version is part of it: Cloud KMS has no newest
 * version of keys that sign.
 *
 * @throws SignerError
 */
export function readKeyUri(uri: string): string {
  const [, key, version] = pattern.exec(uri) ?? [];
  if (key === undefined || version === undefined || /\/\.\.?(?:\/|$)/.test(key))
    throw new SignerError(
      "this is not the URI of a key version in Google Cloud KMS",
      "write gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V",
    );
  return `${key}/cryptoKeyVersions/${version}`;
}
