import { sameDigest } from "../digest.ts";
import type { Resource } from "./claim.ts";

/** Names of the files that one closure has otherwise than another. */
export type ResourceChanges = {
  added: readonly string[];
  removed: readonly string[];
  changed: readonly string[];
};

/** Compares what two seals say of the files that an install goes by besides the lockfile. */
export function compareResources(before: readonly Resource[], after: readonly Resource[]): ResourceChanges {
  const [old, fresh] = [before, after].map((all) => new Map(all.map(({ name, digest }) => [name, digest])));
  const names = (all: readonly Resource[]): string[] => all.map(({ name }) => name);
  return {
    added: names(after).filter((name) => old?.has(name) !== true),
    removed: names(before).filter((name) => fresh?.has(name) !== true),
    changed: after.flatMap(({ name, digest }) => {
      const earlier = old?.get(name);
      return earlier === undefined || sameDigest(earlier, digest) ? [] : [name];
    }),
  };
}
