import { markedPackage } from "@countersign/testkit";
import { publishedAt } from "../cast.ts";
import type { Attack } from "../cell.ts";
import { lockOf } from "../lock.ts";
import type { Scene } from "../scene.ts";
import { attack, jsonLock, lock, once, served, type Strike } from "./builders.ts";

/** Digests and addresses of an entry. */
const contradicted = ["listing/mismatch", "signature/invalid", "artefact/zip-mismatch"] as const;

const swap = (to: (scene: Scene) => string): Strike =>
  served(lock((text, scene) => once(text, scene.npm.leaf.integrity, to(scene))));
const sha1 = ({ npm }: Scene): string => `sha1-${Buffer.from(npm.evil.shasum, "hex").toString("base64")}`;
const evilLock: Strike = served(async (scene) =>
  scene.write({ [scene.adapter.lockfile]: await lockOf(scene, "evil") }),
);

/** The checksum line of leaf in a yarn.lock. */
const leafChecksum = /(resolution: "leaf@npm:1\.0\.0"\n(?: {2}\S.*\n(?: {4}.*\n)*)*?) {2}checksum: (\S+)\n/;
const withoutChecksum = (line: string): Strike =>
  lock((text) => once(text, leafChecksum, `${leafChecksum.exec(text)?.[1] ?? ""}${line}`));
/** leaf looks like a package of one platform, which Yarn locks without a checksum. */
export const claimPlatform: Strike = withoutChecksum("  conditions: os=linux\n");

/** Another registry of the attacker's, which serves the evil leaf and vouches for it. */
export async function attackersRegistry(scene: Scene): Promise<string> {
  const registry = await scene.kit.addNpmRegistry({ name: "attacker" });
  for (const { name, dependencies } of [scene.npm.trunk, scene.npm.twig])
    registry.publish({ ...markedPackage({ name }), dependencies, publishedAt });
  registry.publish({ ...markedPackage({ name: "leaf", evil: true }), publishedAt });
  return registry.url;
}
export const evilTarball = (registry: string): string => `${registry}leaf/-/leaf-1.0.0.tgz`;
const entry = (text: string, scene: Scene, url: string, integrity: string): string =>
  text.replace(scene.npm.leaf.tarballUrl, url).replace(scene.npm.leaf.integrity, integrity);
export const pnpmTarball = (text: string, scene: Scene, url: string, integrity: string): string =>
  once(text, `{integrity: ${scene.npm.leaf.integrity}}`, `{integrity: ${integrity}, tarball: ${url}}`);

const elsewhere =
  (change: (text: string, scene: Scene, url: string) => string): Strike =>
  async (scene) => {
    const url = evilTarball(await attackersRegistry(scene));
    scene.edit(scene.adapter.lockfile, (text) => change(text, scene, url));
  };
const toEvil = (text: string, scene: Scene, url: string): string =>
  entry(text, scene, url, scene.npm.evil.integrity);
const toMallory = lock((text, scene) =>
  entry(text, scene, scene.npm.mallory.tarballUrl, scene.npm.mallory.integrity),
);

export const lockAttacks: readonly Attack[] = [
  attack({
    id: "two-digests",
    title: "the good digest and the attacker's, side by side",
    codes: ["artefact/digest-several"],
    strikes: {
      npm: swap(({ npm }) => `${npm.leaf.integrity} ${npm.evil.integrity}`),
      pnpm: swap(({ npm }) => `${npm.leaf.integrity} ${npm.evil.integrity}`),
      bun: swap(({ npm }) => `${npm.leaf.integrity} ${npm.evil.integrity}`),
      deno: swap(({ npm }) => `${npm.leaf.integrity} ${npm.evil.integrity}`),
    },
  }),
  attack({
    id: "sha1-only",
    title: "a SHA-1 digest of the attacker's tarball instead of the SHA-512",
    codes: ["artefact/digest-weak", "artefact/digest-missing"],
    strikes: { npm: swap(sha1), pnpm: swap(sha1), bun: swap(sha1), deno: swap(sha1) },
  }),
  attack({
    id: "digest-removed",
    title: "the digest removed",
    codes: ["artefact/digest-missing"],
    strikes: {
      npm: served(jsonLock(({ packages }) => void delete packages?.["node_modules/leaf"]?.["integrity"])),
      pnpm: served(
        lock((text, { npm }) =>
          once(text, `{integrity: ${npm.leaf.integrity}}`, `{tarball: ${npm.leaf.tarballUrl}}`),
        ),
      ),
      yarn: served(withoutChecksum("")),
      bun: swap(() => ""),
      deno: served(jsonLock(({ npm }) => void delete npm?.["leaf@1.0.0"]?.["integrity"])),
    },
  }),
  attack({
    id: "evil-with-its-hash",
    title: "the attacker's tarball and its own digest",
    codes: contradicted,
    strikes: {
      npm: evilLock,
      pnpm: evilLock,
      yarn: evilLock,
      bun: evilLock,
      deno: evilLock,
    },
  }),
  attack({
    id: "other-host",
    title: "the attacker's tarball on the attacker's registry, with its own digest",
    codes: ["lockfile/resolved-foreign", "source/registry", "source/url"],
    strikes: {
      npm: elsewhere(toEvil),
      pnpm: elsewhere((text, scene, url) => pnpmTarball(text, scene, url, scene.npm.evil.integrity)),
      yarn: async (scene) => {
        const url = evilTarball(await attackersRegistry(scene));
        const evil = await lockOf(scene, "evil");
        scene.write({
          "yarn.lock": once(
            evil,
            'resolution: "leaf@npm:1.0.0"',
            `resolution: "leaf@npm:1.0.0::__archiveUrl=${encodeURIComponent(url)}"`,
          ),
        });
      },
      bun: elsewhere(toEvil),
      deno: elsewhere(toEvil),
    },
  }),
  attack({
    id: "other-package",
    title: "the address and digest of another package",
    codes: ["lockfile/resolved-mismatch", "source/url", ...contradicted],
    strikes: {
      npm: toMallory,
      pnpm: lock((text, scene) =>
        pnpmTarball(text, scene, scene.npm.mallory.tarballUrl, scene.npm.mallory.integrity),
      ),
      bun: toMallory,
      deno: toMallory,
    },
  }),
  attack({
    id: "plain-address",
    title: "a direct address in place of the registry",
    codes: ["source/url", "lockfile/resolved-foreign", "source/registry", "lockfile/resolved-mismatch"],
    strikes: {
      npm: elsewhere((text, scene, url) =>
        once(
          entry(text, scene, url, scene.npm.evil.integrity),
          '"node_modules/leaf": {',
          '"node_modules/leaf": {\n      "name": "leaf",',
        ),
      ),
      yarn: async (scene) => {
        const url = evilTarball(await attackersRegistry(scene));
        const evil = await lockOf(scene, "evil");
        scene.write({ "yarn.lock": once(evil, 'resolution: "leaf@npm:1.0.0"', `resolution: "leaf@${url}"`) });
      },
      bun: elsewhere((text, scene, url) =>
        once(
          text,
          /"leaf": \[.*\],\n/,
          `"leaf": ["leaf@${url}", { "hasInstallScript": true }, "${scene.npm.evil.integrity}"],\n`,
        ),
      ),
    },
  }),
  attack({
    id: "bundled-claim",
    title: "`inBundle: true` on the attacker's entry",
    codes: ["lockfile/bundled-with-resolved"],
    strikes: {
      npm: served(
        jsonLock(({ packages }, { npm }) => {
          Object.assign(packages?.["node_modules/leaf"] ?? {}, {
            inBundle: true,
            integrity: npm.evil.integrity,
          });
        }),
      ),
    },
  }),
  attack({
    id: "duplicate-key",
    title: "a key twice, the second one the attacker's",
    // A flow that resolves anew writes the lockfile without it.
    flows: ["frozen"],
    codes: ["lockfile/duplicate-key"],
    alsoFine: [{ what: "manager refuses", gates: ["hook"], managers: ["bun-1"] }],
    strikes: {
      npm: served(
        lock((text, { npm }) =>
          once(
            text,
            `"integrity": "${npm.leaf.integrity}"`,
            `"integrity": "${npm.leaf.integrity}",\n      "integrity": "${npm.evil.integrity}"`,
          ),
        ),
      ),
      pnpm: served(
        lock((text, { npm }) =>
          once(
            text,
            `resolution: {integrity: ${npm.leaf.integrity}}`,
            `resolution: {integrity: ${npm.leaf.integrity}}\n    resolution: {integrity: ${npm.evil.integrity}}`,
          ),
        ),
      ),
      bun: served(
        lock((text, { npm }) => {
          const [row = ""] = /^.*"leaf": \[.*\],\n/m.exec(text) ?? [];
          return once(text, row, `${row}\n${row.replace(npm.leaf.integrity, npm.evil.integrity)}`);
        }),
      ),
      deno: served(
        lock((text, { npm }) =>
          once(
            text,
            `"integrity": "${npm.leaf.integrity}"`,
            `"integrity": "${npm.leaf.integrity}",\n      "integrity": "${npm.evil.integrity}"`,
          ),
        ),
      ),
      yarn: served(async (scene) => {
        const evil = leafChecksum.exec(await lockOf(scene, "evil"))?.[2] ?? "";
        scene.edit("yarn.lock", (text) => {
          const [, before = "", checksum = ""] = leafChecksum.exec(text) ?? [];
          return once(text, leafChecksum, `${before}  checksum: ${checksum}\n  checksum: ${evil}\n`);
        });
      }),
    },
  }),
  attack({
    id: "shrinkwrap",
    title: "an npm-shrinkwrap.json beside the good package-lock.json",
    codes: ["lockfile/shadowed", "lockfile/unclaimed", ...contradicted],
    strikes: {
      npm: served((scene) =>
        scene.write({
          "npm-shrinkwrap.json": once(
            scene.read("package-lock.json"),
            scene.npm.leaf.integrity,
            scene.npm.evil.integrity,
          ),
        }),
      ),
    },
  }),
  attack({
    id: "platform-claim",
    title: "a platform claim that makes the manager skip the digest or us the entry",
    codes: ["artefact/digest-missing", ...contradicted],
    // Yarn locks no checksum for packages of one platform. It installs the good archive of its cache, which the hook has
    // hashed and tied to the signed tarball; the attacker's is never asked for.
    alsoFine: [{ what: "good content", gates: ["hook"], managers: ["yarn-4"], states: ["warm", "offline"] }],
    strikes: {
      npm: served(
        jsonLock(({ packages }, { npm }) => {
          Object.assign(packages?.["node_modules/leaf"] ?? {}, {
            integrity: npm.evil.integrity,
            optional: true,
            dev: true,
          });
        }),
      ),
      yarn: served(claimPlatform),
    },
  }),
  attack({
    id: "cache-key",
    title: "the checksum's cache key rewritten, so that it counts as another format's",
    codes: ["artefact/cache-key-mismatch"],
    strikes: {
      yarn: served(lock((text) => once(text, leafChecksum, leafRow(text, "9/")))),
    },
  }),
];

function leafRow(text: string, cacheKey: string): string {
  const [, before = "", checksum = ""] = leafChecksum.exec(text) ?? [];
  return `${before}  checksum: ${checksum.replace(/^[^/]+\//, cacheKey)}\n`;
}
