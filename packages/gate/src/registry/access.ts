import type { PackageSet, Policy } from "@countersign/core";
import { integrityBase } from "../evidence/python-index.ts";
import type { ManagerConfiguration } from "../manager/manager.ts";
import { normaliseRegistry } from "./address.ts";
import type { Access } from "./client.ts";

/**
 * Which addresses a run may ask, and how. With a policy: what it and the manager's configuration name. With none
 * anywhere the lockfile's registries too, as the manager would.
 * @param further addresses of trust material
 */
export function accessOf(
  configurations: readonly ManagerConfiguration[],
  policy: Policy | null,
  sets: readonly PackageSet[],
  further: readonly string[],
): Access {
  const named = policy === null ? sets.flatMap(lockedRegistries) : policy.registries.flatMap(({ url, evidenceFrom, files }) => [url, ...evidenceFrom, ...files]);
  const registries = [...configurations.flatMap((configuration) => configuration.registries), ...named];
  const allowed = registries.flatMap((registry) => {
    const normal = normaliseRegistry(registry);
    return normal === null ? [] : [normal, integrityBase(normal)];
  });
  const proxied = configurations.find(({ proxy }) => proxy.https !== null || proxy.http !== null);
  return {
    allowed: [...new Set([...allowed, ...further])],
    credentials: configurations.flatMap(({ credentials }) => credentials),
    proxy: proxied?.proxy ?? { https: null, http: null, noProxy: [] },
    authorities: [...new Set(configurations.flatMap(({ authorities }) => authorities))],
  };
}

const lockedRegistries = (set: PackageSet): string[] => [
  ...new Set(set.packages.flatMap(({ source }) => (source.kind === "registry" && source.registry !== null ? [source.registry] : []))),
];
