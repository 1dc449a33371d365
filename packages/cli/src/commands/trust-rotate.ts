import { rotateRoot } from "@countersign/core";
import type { Host } from "../host.ts";
import { editTrust, type EditOptions } from "../trust-editing.ts";
import { readRootKeys } from "../trust-keys.ts";
import { thresholdOf } from "./trust-init.ts";

export type TrustRotateOptions = EditOptions & {
  addRoot: readonly string[];
  removeRoot: readonly string[];
  threshold?: string;
};

/** Changes who signs the trust store; with neither key nor threshold it renews the expiry alone. */
export async function rotateTrust(host: Host, options: TrustRotateOptions): Promise<number> {
  const added = await readRootKeys(host, options.addRoot, options.passphraseFd);
  const rotation = {
    add: added.map(({ key }) => key),
    remove: options.removeRoot,
    threshold: thresholdOf(options.threshold),
  };
  return editTrust(host, options, (root) => rotateRoot(root, rotation));
}
