import { defaultTrust, type Budget, type Finding, type Policy } from "@countersign/core";
import type { ManagerConfiguration } from "../manager/manager.ts";
import type { PolicySource } from "../policy/layers.ts";
import { normaliseRegistry } from "../registry/address.ts";
import type { Client } from "../registry/client.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { loadSigstoreRoot, publicRegistry, type SigstoreRoot } from "../sigstore/root.ts";
import type { Given } from "./given.ts";
import { readKeys, type Keys } from "./trust.ts";

export type LoadedTrust = {
  root: SigstoreRoot | null;
  keys: Keys["keys"];
  /** Normalised address that `speaksFor: public` means. */
  publicRegistry: string | null;
  findings: readonly Finding[];
};

export type TrustLoading = {
  request: VerifyRequest;
  environment: Environment;
  client: Client;
  given: Given;
  policy: Policy | null;
  configurations: readonly ManagerConfiguration[];
  sources: readonly PolicySource[];
  budget: Budget;
};

/** The sigstore root and the keys of every registry that configuration or policy names. */
export async function loadTrust(loading: TrustLoading): Promise<LoadedTrust> {
  const { request, environment, client, given, policy, configurations, sources, budget } = loading;
  const { root, findings } = await loadSigstoreRoot({
    files: given.roots,
    repository: environment.repository,
    cacheDirectory: environment.cacheDirectory,
    offline: request.offline,
    maximumAge: (policy?.trust ?? defaultTrust).maxAge,
    now: environment.now,
    client,
  });
  const publicOne = publicRegistry(environment.repository());
  const rules = policy?.registries ?? [];
  const registries = new Set([
    ...configurations.flatMap((configuration) => configuration.registries),
    ...rules.flatMap(({ url, speaksFor }) => [url, speaksFor === "public" ? publicOne : speaksFor]),
  ]);
  const normal = [...registries].map((registry) => (registry === null ? null : normaliseRegistry(registry)));
  const ruleKeys = await Promise.all(
    rules
      .filter(({ keys }) => keys !== null)
      .map(async (rule) => {
        const source = sources.find(({ layer }) => layer.kind === rule.layer);
        const text = (await source?.readRelative(rule.keys as string))?.text ?? null;
        return { rule, file: text === null ? null : { path: rule.keys as string, text } };
      }),
  );
  const keys = readKeys({
    root,
    registries: new Set(normal.filter((registry) => registry !== null)),
    ruleKeys,
    given: given.keys,
    budget,
  });
  return { root, keys: keys.keys, publicRegistry: publicOne, findings: [...findings, ...keys.findings] };
}
