import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mintNpmPackage, type PublishedPackage } from "@countersign/testkit";
import { strictPolicy } from "../../test/attacks/attack.ts";
import { codesOf, openScene, type Scene } from "../../test/scene.ts";
import type { KnownTarballs } from "../run.ts";
import { yarnZipDigest } from "../tarball/yarn-zip.ts";

let scene: Scene;
let leaf: PublishedPackage;

const sumOf = async (tarball: Uint8Array): Promise<string> => {
  const made = await yarnZipDigest(tarball, "leaf", "10c0");
  if (made.state !== "found") throw new Error(made.detail);
  return made.digest.hex;
};
const lockOf = (sum: string): string => `__metadata:
  version: 8
  cacheKey: 10c0

"leaf@npm:1.0.0":
  version: 1.0.0
  resolution: "leaf@npm:1.0.0"
  checksum: 10c0/${sum}
  languageName: node
  linkType: hard
`;
const evilTarball = (): Buffer =>
  mintNpmPackage({ name: "leaf", files: [{ path: "evil.js", content: "" }] }).tarball;
const tarballs = (): number => scene.kit.requests.all.filter(({ path }) => path.endsWith(".tgz")).length;

/** A caller that takes for granted whatever the registry lists. */
const assuming: KnownTarballs = {
  assumed: true,
  of: (_, __, listing) => (listing.state === "found" ? (listing.value.digests[0] ?? null) : null),
};

beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene));
  leaf = scene.kit.npm.publish({ name: "leaf" });
  scene.write({
    "package.json": '{"name":"project"}',
    ".yarnrc.yml": `npmRegistryServer: "${scene.kit.npm.url}"\n`,
    "yarn.lock": lockOf(await sumOf(leaf.tarball)),
  });
});
afterEach(() => scene.close());

describe("bindings of Yarn zips in the store", () => {
  it("spare later runs the tarball, offline ones too", async () => {
    expect(await scene.run()).toExitWith(0);
    expect(tarballs()).toBe(1);
    expect(await scene.run()).toExitWith(0);
    expect(await scene.run({ offline: true })).toExitWith(0);
    expect(tarballs()).toBe(1);
  });

  it("hold for the zip that was compared, and for no other", async () => {
    expect(await scene.run()).toExitWith(0);
    scene.write({ "yarn.lock": lockOf(await sumOf(evilTarball())) });
    expect(codesOf(await scene.run())).toEqual(["artefact/zip-mismatch"]);
    expect(codesOf(await scene.run({ offline: true }))).toContain("artefact/digest-unbound");
  });

  it("are not kept of what a caller merely assumes", async () => {
    scene.write({ "yarn.lock": lockOf(await sumOf(evilTarball())) });
    expect(await scene.run({ tarballs: assuming })).toExitWith(0);
    expect(tarballs()).toBe(0);
    expect(codesOf(await scene.run())).toEqual(["artefact/zip-mismatch"]);
  });

  it("are kept of what a caller has seen, and held against what the registry lists", async () => {
    const seen = (hex: string): KnownTarballs => ({
      assumed: false,
      of: () => ({ algorithm: "sha512", hex }),
    });
    expect(codesOf(await scene.run({ tarballs: seen("0".repeat(128)) }))).toContain("listing/mismatch");
    const fresh = { storeDirectory: `${scene.environment.cacheDirectory}-fresh` };
    expect(await scene.run({ tarballs: seen(leaf.sha512) }, fresh)).toExitWith(0);
    expect(await scene.run({ offline: true }, fresh)).toExitWith(0);
    expect(tarballs()).toBe(0);
  });

  it("a lockfile that is about to be written is judged instead of the one on the disk", async () => {
    const bytes = Buffer.from(lockOf(await sumOf(evilTarball())));
    const pending = { path: "yarn.lock", format: "yarn-berry", manager: "yarn", bytes } as const;
    expect(codesOf(await scene.run({ pending }))).toEqual(["artefact/zip-mismatch"]);
    expect(await scene.run()).toExitWith(0);
  });
});
