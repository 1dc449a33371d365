import type { Ecosystem, PackageSet, Policy } from "@countersign/core";
import { integrityBase } from "../evidence/python-index.ts";
import type { ManagerConfiguration } from "../manager/manager.ts";
import { normaliseRegistry } from "./address.ts";
import type { Access } from "./client.ts";

/**
 * Which addresses a run may ask, and how. A policy that names registries of an ecosystem is the only one to name any;
 * else the manager's configuration does, and with no policy anywhere the lockfile too, as for the manager itself.
 * @param further addresses of trust material
 */
export function accessOf(
  configurations: readonly ManagerConfiguration[],
  policy: Policy | null,
  sets: readonly PackageSet[],
  further: readonly string[],
): Access {
  const named =
    policy === null
      ? sets.flatMap(lockedRegistries)
      : policy.registries.flatMap(({ url, evidenceFrom, files }) => [url, ...evidenceFrom, ...files]);
  const settled = new Set(policy?.registries.map(({ ecosystem }) => ecosystem));
  const configured = configurations
    .filter(({ manager }) => !settled.has(ecosystemOf(manager)))
    .flatMap((configuration) => configuration.registries);
  const registries = [...configured, ...named];
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

/** Whose registries a manager's configuration names; Deno's JSR is asked only where the policy is silent on npm too. */
const ecosystemOf = (manager: ManagerConfiguration["manager"]): Ecosystem =>
  manager === "uv" || manager === "pip" ? "pypi" : "npm";

const lockedRegistries = (set: PackageSet): string[] => [
  ...new Set(
    set.packages.flatMap(({ source }) =>
      source.kind === "registry" && source.registry !== null ? [source.registry] : [],
    ),
  ),
];
