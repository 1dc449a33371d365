import { sha256Of, type Policy, type Resource } from "@countersign/core";
import type { PolicySource } from "../policy/layers.ts";

/**
 * Files whose content a policy demands by their names alone: keys of registries and sigstore roots, each as the layer
 * that names it has it. A summary under other keys is a summary under another policy. One that is not there is left
 * out: it is a finding of whoever reads it.
 * @param sources highest first
 */
export async function policyFiles(policy: Policy, sources: readonly PolicySource[]): Promise<Resource[]> {
  const named = [
    ...policy.registries.flatMap(({ url, keys, layer }) =>
      keys === null ? [] : [{ name: `${url} ${keys}`, path: keys, source: sourceOf(sources, layer) }],
    ),
    ...policy.trust.roots.map((path) => ({ name: path, path, source: sources[0] })),
  ];
  const files = await Promise.all(
    named.map(async ({ name, path, source }): Promise<Resource[]> => {
      const file = await source?.readRelative(path);
      return file === undefined || file === null ? [] : [{ name, digest: sha256Of(file.text) }];
    }),
  );
  return files.flat();
}

const sourceOf = (
  sources: readonly PolicySource[],
  kind: PolicySource["layer"]["kind"],
): PolicySource | undefined => sources.find(({ layer }) => layer.kind === kind);
