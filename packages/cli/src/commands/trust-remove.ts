import { removeSigner } from "@countersign/core";
import type { Host } from "../host.ts";
import { editTrust, type EditOptions } from "../trust-editing.ts";

/** Takes a signer out; what it signed counts for nothing once the version holds. */
export async function removeTrusted(host: Host, id: string, options: EditOptions): Promise<number> {
  return editTrust(host, options, (root) => removeSigner(root, id));
}
