import {
  createSigstoreVerifier,
  parseJson,
  readRegistryKeys,
  startOf,
  type BundleVerifier,
  type Budget,
  type Finding,
  type Policy,
  type RegistryKey,
  type RegistryRule,
  type Trusted,
  type TrustMaterial,
} from "@countersign/core";
import { hostAndPath } from "../registry/address.ts";
import type { SigstoreRoot } from "../sigstore/root.ts";

/** A keys document and where it was found. */
export type KeysFile = { path: string; text: string };

export type KeySources = {
  root: SigstoreRoot | null;
  /** Registries whose keys are wanted, normalised. */
  registries: ReadonlySet<string>;
  /** The policy's own keys of a registry; they replace the root's. */
  ruleKeys: readonly { rule: RegistryRule; file: KeysFile | null }[];
  /** `--npm-keys`: for the registries that have no keys otherwise. */
  given: readonly KeysFile[];
  budget: Budget;
};

export type Keys = { keys: ReadonlyMap<string, readonly RegistryKey[]>; findings: readonly Finding[] };

/** The keys of each registry: the policy's where it names some, else the sigstore root's, else those given by hand. */
export function readKeys({ root, registries, ruleKeys, given, budget }: KeySources): Keys {
  const keys = new Map<string, readonly RegistryKey[]>();
  const findings: Finding[] = [];
  const read = (file: KeysFile): readonly RegistryKey[] => {
    const result = readRegistryKeys(file.text, budget);
    if (result.state === "found") return result.keys;
    findings.push(unreadable(file.path, result.state === "malformed" ? result.detail : "it has no keys"));
    return [];
  };
  const byHand = given.flatMap(read);
  for (const registry of registries) {
    const target = root?.keys.get(hostAndPath(registry));
    if (target !== undefined)
      keys.set(registry, read({ path: `${hostAndPath(registry)}/keys.json`, text: target }));
    else if (byHand.length > 0) keys.set(registry, byHand);
  }
  for (const { rule, file } of ruleKeys) {
    if (file === null)
      findings.push(
        unreadable(rule.keys ?? "", `the policy names it for ${rule.url}, and it cannot be read`),
      );
    else keys.set(rule.url, read(file));
  }
  return { keys, findings };
}

/** Whether a key's validity has an end, so that its signatures need a time. */
export function keyEnds(keys: Keys["keys"], registry: string, keyid: string): boolean {
  return (keys.get(registry) ?? []).some((key) => key.keyid === keyid && key.validTo !== null);
}

/** The trust material of a run; the verifier is made when the first bundle asks for it. */
export function trustMaterial(root: SigstoreRoot | null, keys: Keys["keys"], policy: Policy): TrustMaterial {
  let bundles: Trusted<BundleVerifier> | null = null;
  return {
    get bundles() {
      return (bundles ??= openVerifier(root, policy));
    },
    registryKeys: keys,
  };
}

function openVerifier(root: SigstoreRoot | null, { trust }: Policy): Trusted<BundleVerifier> {
  if (root === null || root.documents.length === 0) {
    return { state: "unavailable", code: "root/unavailable", detail: "no sigstore root" };
  }
  const documents: unknown[] = [];
  for (const text of root.documents) {
    const parsed = parseJson(text, 32);
    if (!parsed.ok) return { state: "unavailable", code: "root/malformed", detail: parsed.problem.detail };
    documents.push(parsed.value);
  }
  return createSigstoreVerifier(documents, { sct: trust.sct, log: trust.log, time: trust.time });
}

const unreadable = (path: string, detail: string): Finding => ({
  code: "settings/malformed",
  effect: "block",
  at: startOf(path),
  why: `The registry keys cannot be read: ${detail}.`,
  fix: `Correct ${path}, or remove it from the policy or the command.`,
});
