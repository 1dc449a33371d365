import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { openTrust, vouchedFor, writeSigned } from "../trust-editing.ts";
import { openRootKeys } from "../trust-keys.ts";

export type TrustSignOptions = { key: readonly string[]; yes?: boolean; passphraseFd?: string };

/** Adds signatures to the version that waits for them, after a person has seen what it changes. */
export async function signTrust(host: Host, options: TrustSignOptions): Promise<number> {
  const opened = await openTrust(host);
  const { directory, last, pending } = opened;
  if (pending === null)
    throw new CommandError("no version of the trust store waits for signatures", "countersign trust list");
  if (options.key.length === 0)
    throw new CommandError("the root key to sign with is not said", "countersign trust sign --key root.pem");
  await vouchedFor(host, opened, options);
  const signers = await openRootKeys(host, options.key, options.passphraseFd);
  return writeSigned(host, { directory, last, draft: pending, signers, ask: options.yes !== true });
}
