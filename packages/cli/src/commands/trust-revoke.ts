import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  formatInstant,
  revoke,
  setNotBefore,
  visible,
  type EditResult,
  type RootMetadata,
} from "@countersign/core";
import { repositoryRoot, trustHome } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { editTrust, type EditOptions } from "../trust-editing.ts";
import { instantOf } from "./trust-add.ts";

export type TrustRevokeOptions = EditOptions & {
  reason?: "compromised" | "superseded";
  since?: string;
  path?: string;
  notBefore?: string;
};

/** Revokes a key or a signer, or all older seals of one lockfile. */
export async function revokeTrust(
  host: Host,
  target: string | undefined,
  options: TrustRevokeOptions,
): Promise<number> {
  const { path, notBefore, reason } = options;
  if (path !== undefined && notBefore !== undefined && target === undefined)
    return raiseFloor(host, options, path, instantOf("--not-before", notBefore));
  if (target === undefined || path !== undefined || notBefore !== undefined)
    throw new CommandError(
      "either a key or signer is revoked, or older seals of a lockfile",
      "countersign trust revoke alice --reason compromised\ncountersign trust revoke --path package-lock.json --not-before 2027-06-30",
    );
  if (reason === undefined)
    throw new CommandError(
      "why it is revoked decides what still counts",
      "give --reason compromised (nothing counts) or --reason superseded (what has a trusted time before --since counts)",
    );
  const since =
    options.since === undefined ? Math.floor(host.now() / 1000) * 1000 : instantOf("--since", options.since);
  if (since > host.now() && reason === "superseded")
    host.terminal.err(
      `countersign: ${formatInstant(since)} is still to come; till then what has a trusted time counts as before\n`,
    );
  return editTrust(host, options, (root) => revoked(root, target, reason, since));
}

function raiseFloor(host: Host, options: EditOptions, path: string, at: number): Promise<number> {
  return editTrust(host, options, (root) => {
    const raised = setNotBefore(root, path, at);
    if (!raised.ok)
      throw new CommandError(
        raised.detail,
        "write --path package-lock.json, from the repository's root; countersign trust list shows the floors that there are",
      );
    if (!existsSync(join(repositoryRoot(trustHome(host.directory)), path)))
      host.terminal.err(
        `countersign: ${visible(path)} is not here; the path is from the repository's root, and the floor is written all the same\n`,
      );
    return raised;
  });
}

function revoked(
  root: RootMetadata,
  target: string,
  reason: "compromised" | "superseded",
  since: number,
): EditResult {
  const isSigner = root.root.signers.some(({ id }) => id === target);
  const isRootOnly =
    root.root.root.keyids.includes(target) &&
    !root.root.signers.some(({ keys }) => keys.some(({ keyid }) => keyid === target));
  if (isRootOnly)
    throw new CommandError(
      `${target} is a root key, which signs no seals`,
      `countersign trust rotate --remove-root ${target} --add-root FILE`,
    );
  return revoke(root, { keyid: isSigner ? null : target, signer: isSigner ? target : null, since, reason });
}
