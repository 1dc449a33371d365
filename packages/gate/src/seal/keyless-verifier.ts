import type { BundleVerifier, Policy } from "@countersign/core";
import type { PolicySources } from "../policy/layers.ts";
import { accessOf } from "../registry/access.ts";
import { openClient } from "../registry/open-client.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { loadSigstoreRoot } from "../sigstore/root.ts";
import { readGiven } from "../trust/given.ts";
import { trustMaterial } from "../trust/trust.ts";

/**
 * What verifies keyless seals: the same sigstore root, thresholds and staleness as for attestations. null where there
 * is no root that can be read, or only one that is older than the policy allows; keyless seals then count for nothing.
 */
export async function keylessVerifier(
  request: VerifyRequest,
  environment: Environment,
  policy: Policy,
  sources: PolicySources["sources"],
): Promise<BundleVerifier | null> {
  const given = await readGiven(request, policy, sources[0], []);
  const repository = environment.repository;
  const client = openClient(accessOf([], policy, [], [`${repository().url}/`]), environment.signal);
  try {
    const { root, findings } = await loadSigstoreRoot({
      files: given.roots,
      repository,
      cacheDirectory: environment.cacheDirectory,
      offline: request.offline,
      maximumAge: policy.trust.maxAge,
      now: environment.now,
      client,
    });
    if (findings.length > 0) return null;
    const { bundles } = trustMaterial(root, new Map(), policy);
    return bundles.state === "available" ? bundles.value : null;
  } finally {
    await client.close();
  }
}
