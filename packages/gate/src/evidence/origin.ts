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
  const written = source.registry ?? rules.configuration.registryOf(source.ecosystem, pkg.name);
  const registry = written === null ? null : normaliseRegistry(written);
  if (registry === null) return null;
  const rule = ruleFor(rules.registries, source.ecosystem, registry);
  return {
    registry,
    voice: voiceOf(rule, registry, rules.publicRegistry),
    evidenceFrom: rule?.evidenceFrom ?? [],
    named: rule !== undefined || rules.keyed.has(registry),
  };
}

const ruleFor = (registries: readonly RegistryRule[], ecosystem: Ecosystem, registry: string): RegistryRule | undefined =>
  registries.find((rule) => rule.ecosystem === ecosystem && rule.url === registry);

function voiceOf(rule: RegistryRule | undefined, registry: string, publicRegistry: string | null): string {
  if (rule === undefined || rule.speaksFor === null) return registry;
  if (rule.speaksFor === "public") return publicRegistry ?? registry;
  return normaliseRegistry(rule.speaksFor) ?? registry;
}
