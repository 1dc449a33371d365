import { resolve } from "node:path";
import { mergePolicy, type Finding, type Policy } from "@countersign/core";
import { discoverLockfiles, readPolicySources } from "@countersign/gate";
import type { Host } from "./host.ts";

export type LayerOptions = { base?: string; managedPolicy?: string };

/** The policy of the project here, merged, with what is wrong with its files. */
export async function readLayers(
  host: Host,
  { base, managedPolicy }: LayerOptions,
): Promise<{ policy: Policy; findings: readonly Finding[]; directory: string }> {
  const { directory } = await discoverLockfiles(host.directory);
  const { sources, findings } = await readPolicySources({
    directory,
    managed: managedPolicy === undefined ? null : resolve(host.directory, managedPolicy),
    base: base ?? null,
    platform: host.platform,
  });
  return {
    policy: mergePolicy(
      sources.map(({ layer }) => layer),
      host.now(),
    ),
    findings,
    directory,
  };
}
