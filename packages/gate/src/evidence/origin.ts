import type { Ecosystem, LockedPackage, RegistryRule } from "@countersign/core";
import type { ManagerConfiguration } from "../manager/manager.ts";
import { normaliseRegistry } from "../registry/address.ts";

/** Where a package's evidence is looked for, and what that registry's word is worth. */
export type Origin = {
  /** Normalised address that serves the package. */
  registry: string;
  /** The registry whose keys and attestations its packages carry: itself, or what `speaksFor` names. */
  voice: string;
  /** Further places that hold signatures and attestations, in order. */
  evidenceFrom: readonly string[];
  /**
   * Whether its silence proves absence: the policy names it, or it is the registry whose keys the sigstore root
   * carries. Anything else may be a mirror that strips evidence.
   */
  named: boolean;
};

export type OriginRules = {
  registries: readonly RegistryRule[];
  configuration: ManagerConfiguration;
  /** Normalised address that `speaksFor: public` means; null without a sigstore root. */
  publicRegistry: string | null;
  /** Registries for which trust material has keys, normalised. */
  keyed: ReadonlySet<string>;
};

/** Where to ask about a package; null for sources that are no registry or whose registry is not known. */
export function originOf(pkg: LockedPackage, rules: OriginRules): Origin | null {
  const { source } = pkg;
  if (source.kind !== "registry") return null;
  const registry = registryOf(pkg, source, rules);
  if (registry === null) return null;
  const rule = ruleFor(rules.registries, source.ecosystem, registry);
  return {
    registry,
    voice: voiceOf(rule, registry, rules.publicRegistry),
    evidenceFrom: rule?.evidenceFrom ?? [],
    named: rule !== undefined || rules.keyed.has(registry),
  };
}

/**
 * The registry that serves a package: what the lock names, else what the manager's configuration says, else the only
 * one of its ecosystem that the policy names (managers that know a default of their own do not tell us).
 */
export function registryOf(
  { name }: LockedPackage,
  source: Extract<LockedPackage["source"], { kind: "registry" }>,
  { registries, configuration }: Pick<OriginRules, "registries" | "configuration">,
): string | null {
  if (source.registry !== null) return normaliseRegistry(source.registry);
  const configured = configuration.registryOf(source.ecosystem, name);
  if (configured !== null) return normaliseRegistry(configured);
  const named = registries.filter(({ ecosystem, withdrawn }) => ecosystem === source.ecosystem && !withdrawn);
  return named.length === 1 ? (named[0]?.url ?? null) : null;
}

const ruleFor = (
  registries: readonly RegistryRule[],
  ecosystem: Ecosystem,
  registry: string,
): RegistryRule | undefined =>
  registries.find((rule) => rule.ecosystem === ecosystem && rule.url === registry);

function voiceOf(rule: RegistryRule | undefined, registry: string, publicRegistry: string | null): string {
  if (rule === undefined || rule.speaksFor === null) return registry;
  if (rule.speaksFor === "public") return publicRegistry ?? registry;
  return normaliseRegistry(rule.speaksFor) ?? registry;
}
