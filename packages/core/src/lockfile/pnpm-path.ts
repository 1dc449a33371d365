import { isNpmVersion } from "./npm-tarball-url.ts";

/**
 * The version slot of a package key `<name>@<slot>`: what pnpm believes the package to be before it looks at the
 * resolution.
 */
export type PnpmSlot =
  | { kind: "registry"; version: string; prefix: string | null }
  | { kind: "runtime"; version: string }
  | { kind: "file"; path: string }
  | { kind: "address"; address: string };

/** Words that can stand before a colon in the slot without naming a registry. */
const reserved: ReadonlySet<string> = new Set(
  "bitbucket catalog custom file git github gitlab http https jsr link npm runtime ssh workspace".split(" "),
);

/** Splits a package key; null when it has no name or no slot. */
export function parsePackageKey(key: string): { name: string; slot: PnpmSlot } | null {
  const at = key.indexOf("@", 1);
  if (at === -1 || at === key.length - 1) return null;
  return { name: key.slice(0, at), slot: parseSlot(key.slice(at + 1)) };
}

function parseSlot(text: string): PnpmSlot {
  if (isNpmVersion(text)) return { kind: "registry", version: text, prefix: null };
  if (text.startsWith("file:")) return { kind: "file", path: text.slice("file:".length) };
  if (text.startsWith("runtime:")) return { kind: "runtime", version: text.slice("runtime:".length) };
  const named = /^([A-Za-z][\w.-]{0,213}):(.+)$/.exec(text);
  if (named !== null && !reserved.has(named[1] as string) && isNpmVersion(named[2] as string)) {
    return { kind: "registry", version: named[2] as string, prefix: `${named[1] as string}:` };
  }
  return { kind: "address", address: text };
}

/**
 * The package key of a snapshot key: `name@1.0.0(patch_hash=…)(peer@2.0.0(deep@3.0.0))` → `name@1.0.0`. The
 * suffix is the run of balanced parentheses at the end, found from the right as pnpm does.
 */
export function packageKeyOf(snapshotKey: string): { key: string; suffix: string } {
  if (snapshotKey.endsWith(")")) {
    let open = 0;
    for (let index = snapshotKey.length - 1; index >= 0; index -= 1) {
      const character = snapshotKey[index];
      if (character === ")") open += 1;
      else if (character === "(") open -= 1;
      else if (open === 0)
        return { key: snapshotKey.slice(0, index + 1), suffix: snapshotKey.slice(index + 1) };
    }
  }
  return { key: snapshotKey, suffix: "" };
}

/** The snapshot key that a dependency's `version` refers to; null for links, which are no packages. */
export function snapshotKeyOf(reference: string, alias: string): string | null {
  if (reference.startsWith("link:")) return null;
  if (reference.startsWith("@")) return reference;
  const at = reference.indexOf("@");
  const colon = reference.indexOf(":");
  const bracket = reference.indexOf("(");
  const isKey = at !== -1 && (colon === -1 || at < colon) && (bracket === -1 || at < bracket);
  return isKey ? reference : `${alias}@${reference}`;
}
