import { SignerError } from "@countersign/core";

/** A key as `azurekms://VAULT-HOST/KEY[/VERSION]` names it. */
export type KeyUri = {
  /** `https://HOST[:PORT]`. */
  vault: string;
  name: string;
  /** null: the newest when the signer is opened. */
  version: string | null;
};

const pattern =
  /^azurekms:\/\/([A-Za-z0-9][A-Za-z0-9.-]{0,252}(?::\d{1,5})?)\/([A-Za-z0-9-]{1,127})(?:\/([A-Za-z0-9]{1,64}))?$/;

/** @throws SignerError */
export function readKeyUri(uri: string): KeyUri {
  const [, host, name, version = null] = pattern.exec(uri) ?? [];
  if (host === undefined || name === undefined)
    throw new SignerError(
      "this is not the URI of a key in Azure Key Vault",
      "write azurekms://VAULT-HOST/KEY or azurekms://VAULT-HOST/KEY/VERSION",
    );
  return { vault: `https://${host.toLowerCase()}`, name, version };
}
