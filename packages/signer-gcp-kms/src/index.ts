import type { KmsOptions, KmsSigner } from "@countersign/core";
import { openWithOptions } from "./open.ts";

/**
 * Opens a signer over a key version in Google Cloud KMS and reads its public key. Credentials are the application
 * default ones.
 *
 * @param uri `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V`
 * @throws SignerError
 */
export const openKmsSigner = (uri: string, options: KmsOptions): Promise<KmsSigner> =>
  openWithOptions(uri, options);
