import type { PackageSet } from "../lockfile/package-set.ts";

/** Purls from a root of the lockfile down to the dependant next to the package, which itself is left out. */
export type Chain = {
  packages: readonly string[];
  /** Left out between the first and the second. */ omitted: number;
};

const shown = 8;
type Step = { parent: string | null; root: string; depth: number };

/**
 * For every package of a set, the shortest way in which it gets into the project. Roots are workspaces and
 * packages that nothing requires. One breadth-first walk; a lookup costs at most {@link shown} steps, however
 * deep the lockfile under test makes its graph.
 * @returns null for a package that no root reaches
 */
export function chainsOf(set: PackageSet): (purl: string) => Chain | null {
  const edges = new Map<string, string[]>();
  const required = new Set<string>();
  for (const { purl, requires } of set.packages) {
    const targets = edges.get(purl) ?? [];
    for (const edge of requires) {
      targets.push(edge.purl);
      if (edge.purl !== purl) required.add(edge.purl);
    }
    edges.set(purl, targets);
  }
  const steps = new Map<string, Step>();
  for (const { purl, source } of set.packages) {
    const root = (source.kind === "path" && source.workspace) || !required.has(purl);
    if (root && !steps.has(purl)) steps.set(purl, { parent: null, root: purl, depth: 0 });
  }
  const queue = [...steps.keys()];
  // The queue grows while it is walked.
  for (const purl of queue) {
    const { root, depth } = steps.get(purl) as Step;
    for (const target of edges.get(purl) ?? []) {
      if (steps.has(target)) continue;
      steps.set(target, { parent: purl, root, depth: depth + 1 });
      queue.push(target);
    }
  }
  return (purl) => chainTo(steps, purl);
}

function chainTo(steps: ReadonlyMap<string, Step>, purl: string): Chain | null {
  const step = steps.get(purl);
  if (step === undefined) return null;
  const nearest: string[] = [];
  let above = step.parent;
  while (above !== null && nearest.length < shown) {
    nearest.push(above);
    above = steps.get(above)?.parent ?? null;
  }
  nearest.reverse();
  if (above === null) return { packages: nearest, omitted: 0 };
  return { packages: [step.root, ...nearest], omitted: step.depth - nearest.length - 1 };
}
