import { normaliseProjectName } from "../purl.ts";
import { parseVersion, versionKey } from "../pypi/version.ts";

/** How an edge names its target: what is null is left out because the name alone is enough. */
export type Reference = { name: string; version: string | null; source: string | null };

/**
 * Finds the locked package that a dependency means. Answers in constant time, for a hostile lock may hold as many
 * packages of one name as edges to it.
 */
export class PackageIndex {
  readonly #found: Map<string, { purl: string; count: number }> = new Map();

  add(name: string, version: string, source: string, purl: string): void {
    for (const key of [
      keyOf({ name, version: null, source: null }),
      keyOf({ name, version, source: null }),
      keyOf({ name, version: null, source }),
      keyOf({ name, version, source }),
    ]) {
      const known = this.#found.get(key);
      if (known === undefined) this.#found.set(key, { purl, count: 1 });
      else known.count += 1;
    }
  }

  /** The purl of the one package meant; "none" or "several" when that is not exactly one. */
  find(reference: Reference): { purl: string } | "none" | "several" {
    const found = this.#found.get(keyOf(reference));
    if (found === undefined) return "none";
    return found.count === 1 ? { purl: found.purl } : "several";
  }
}

function keyOf({ name, version, source }: Reference): string {
  const parsed = version === null ? null : parseVersion(version);
  return JSON.stringify([normaliseProjectName(name), parsed === null ? version : versionKey(parsed), source]);
}
