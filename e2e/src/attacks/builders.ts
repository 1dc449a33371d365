import type { Code } from "@countersign/core";
import { realManagers, type NpmPackage, type RealManager, type Testkit } from "@countersign/testkit";
import type { Attack, Hole } from "../cell.ts";
import type { Family } from "../managers/adapter.ts";
import { adapters } from "../managers/adapters.ts";
import type { Scene } from "../scene.ts";

export type Strike = (scene: Scene) => void | Promise<void>;
export type Strikes = Partial<Record<Family, Strike>>;

/** Managers of these families, in the usual order. */
export const managersOf = (...families: readonly Family[]): RealManager[] =>
  realManagers.filter((manager) => families.includes(adapters[manager].family));

export const nodeFamilies: readonly Family[] = ["npm", "pnpm", "yarn", "bun", "deno"];
export const allFamilies: readonly Family[] = [...nodeFamilies, "uv"];

/** The same strike for several families. */
export const each = (families: readonly Family[], strike: Strike): Strikes =>
  Object.fromEntries(families.map((family) => [family, strike]));

type Description = Pick<Attack, "id" | "title"> &
  Partial<Omit<Attack, "id" | "title" | "strike">> & { strikes: Strikes; codes: readonly Code[] };

/** An attack that every family with a strike is open to; by default on a signed project, frozen and install, in every state. */
export function attack({ strikes, ...description }: Description): Attack {
  return {
    scenery: "signed",
    managers: managersOf(...(Object.keys(strikes) as Family[])),
    flows: ["frozen", "install"],
    states: ["cold", "warm", "offline"],
    ...description,
    strike: (scene) => {
      const strike = strikes[scene.adapter.family];
      if (strike === undefined)
        throw new Error(`${description.id} has no strike for ${scene.adapter.family}`);
      return strike(scene);
    },
  };
}

/** Rewrites the lockfile of the scene's manager. */
export const lock =
  (change: (text: string, scene: Scene) => string): Strike =>
  (scene) =>
    scene.edit(scene.adapter.lockfile, (text) => change(text, scene));

/** Rewrites a lockfile that is JSON. */
export const jsonLock = (change: (document: JsonLock, scene: Scene) => void): Strike =>
  lock((text, scene) => {
    const document = JSON.parse(text) as JsonLock;
    change(document, scene);
    return `${JSON.stringify(document, null, 2)}\n`;
  });

export type JsonLock = Record<string, Record<string, Record<string, unknown>>>;

/**
 * Makes the host serve the attacker's bytes for leaf, at the good address and at that of an evil lockfile, while what
 * the registry says of it stays genuine. Deno compares with the listing too: it is shown a fitting one.
 */
export function serveEvil({ adapter, kit, npm, pypi }: Scene): void {
  if (adapter.family === "deno") showAnother(kit, npm.evil);
  kit.npm.replaceTarball("leaf", "1.0.0", npm.evil.tarball);
  kit.pypi.replaceFile("leaf", pypi.leaf.filename, pypi.evil.bytes);
  kit.pypi.fileFaults.add({ path: new RegExp(pypi.evil.sha256.slice(4)), fault: bytes(pypi.evil.bytes) });
}

export const bytes = (body: Buffer): { kind: "body"; body: Buffer; contentType: string } => ({
  kind: "body",
  body,
  contentType: "application/octet-stream",
});

/** Everybody but whoever verifies. */
export const notUs: RegExp = /^(?!countersign)/;

/** Lists and serves another package under a name and version, to everybody but us. */
export function showAnother(kit: Testkit, { name, integrity, shasum, tarball }: NpmPackage): void {
  type Versions = { versions: Record<string, { dist: Record<string, unknown> }> };
  kit.npm.faults.add({
    path: new RegExp(`^/${name}(\\?|$)`),
    client: notUs,
    fault: {
      kind: "edit",
      edit: (document: Versions) => {
        for (const { dist } of Object.values(document.versions)) Object.assign(dist, { integrity, shasum });
        return document;
      },
    },
  });
  kit.npm.faults.add({ path: new RegExp(`/${name}-[^/]*\\.tgz$`), client: notUs, fault: bytes(tarball) });
}

/** With the attacker's bytes on the host. */
export const served =
  (strike: Strike): Strike =>
  (scene) => {
    serveEvil(scene);
    return strike(scene);
  };

/** Replaces what the lockfile has once; to find it nowhere is a mistake in the attack. */
export function once(text: string, from: string | RegExp, to: string): string {
  const after = text.replace(from, () => to);
  if (after === text) throw new Error(`the lockfile has no ${String(from)}`);
  return after;
}

/** Nothing decides on a change against its base yet. */
export const driftUndecided: Hole = {
  gates: ["wrapper", "verify", "hook"],
  // Offline nothing is known of the attacker's package, and that blocks.
  states: ["cold", "warm"],
  shows: "installs",
  reason:
    "The attacker's package is published and signed like any other: every statement about it is true. Only a comparison with the trusted base can tell that nobody asked for it; `--base` reports it, and the policy's `drift` does not block yet.",
  instead:
    "A required approval: the sealed wrapper. Review of the lockfile's diff with `countersign verify --base`; provenance rules that name identities.",
};
