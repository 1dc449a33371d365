import { writeProject } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codesOf, openScene, verdictOf, type Scene } from "../../test/scene.ts";
import { readPack, writePack, type EvidencePack } from "../store/evidence-pack.ts";
import { checkPack, packEvidence } from "./packing.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const policy = (registry: string, level: string): string => `version: 1
mode: strict
registries:
  - { url: "${registry}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: ${level} }
`;

async function packed(level: string, publish: () => void = () => {}): Promise<EvidencePack> {
  const { kit, directory } = scene;
  const packages = [kit.npm.publish({ name: "leaf" }), kit.npm.publish({ name: "built", provenance: true })];
  publish();
  writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages });
  scene.policy(policy(kit.npm.url, level));
  const online = await scene.run();
  expect(online).toExitWith(0);
  const read = readPack(
    "pack",
    writePack(await packEvidence(online.lockfiles[0] as never, scene.environment)),
  );
  if (!read.ok) throw new Error(read.finding.why);
  await scene.kit.npm.close();
  return read.pack;
}

describe("evidence packs", () => {
  it("verify a lockfile offline by what proves itself", async () => {
    const pack = await packed("signed");
    const offline = await checkPack(pack, false, scene.request, scene.environment);
    expect(codesOf(offline)).toEqual([]);
    expect(offline).toExitWith(0);
    expect(offline.report.requests).toBe(0);
    expect(verdictOf(offline, "built").level).toBe("provenance");
  });

  it("the registry's unsigned word counts only from a pack that somebody vouched for", async () => {
    const pack = await packed("locked");
    const unsigned = { ...pack, entries: pack.entries.filter(({ kind }) => kind === "listing") };
    const alone = await checkPack(unsigned, false, scene.request, scene.environment);
    expect(alone).toExitWith(2);
    expect(codesOf(alone)).toEqual(["evidence/offline"]);
    const vouchedFor = await checkPack(unsigned, true, scene.request, scene.environment);
    expect(vouchedFor).toExitWith(0);
    expect(verdictOf(vouchedFor, "leaf").level).toBe("locked");
  });

  it("a tampered pack can only cause a refusal", async () => {
    const pack = await packed("signed");
    const [one, other] = ["leaf", "built"].map((name) =>
      pack.entries.find(({ key, kind }) => kind === "signatures" && key.purl.includes(name)),
    );
    if (one === undefined || other === undefined) throw new Error("no signatures");
    const swapped = {
      ...pack,
      entries: pack.entries.map((entry) => (entry === one ? { ...entry, value: other.value } : entry)),
    };
    const verification = await checkPack(swapped, true, scene.request, scene.environment);
    expect(verification).toExitWith(1);
    expect(codesOf(verification)).toEqual(["signature/invalid"]);
  });

  it.each([
    ["not gzip", Buffer.from("{}")],
    [
      "truncated",
      writePack({
        schema: "countersign/evidence-pack/1",
        lockfile: { path: "a", digest: "b" },
        createdAt: 0,
        entries: [],
      }).subarray(0, 20),
    ],
  ])("%s is refused", (_, bytes) => {
    expect(readPack("pack", bytes)).toMatchObject({
      ok: false,
      finding: { code: "evidence/pack-malformed" },
    });
  });
});
