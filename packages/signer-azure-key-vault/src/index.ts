import type { KmsOptions, KmsSigner } from "@countersign/core";
import { openWithCredential } from "./open.ts";

/**
 * Opens a signer over a P-256 key in Azure Key Vault or a managed HSM and reads its public key. Credentials come from
 * DefaultAzureCredential alone; the vault's challenge says which token it wants, and must be of the vault's own domain.
 *
 * @param uri `azurekms://VAULT-HOST/KEY` or `azurekms://VAULT-HOST/KEY/VERSION`
 * @throws SignerError
 */
export const openKmsSigner = (uri: string, options: KmsOptions): Promise<KmsSigner> =>
  openWithCredential(uri, options, async () => {
    const { DefaultAzureCredential } = await import("@azure/identity");
    return new DefaultAzureCredential();
  });
