import {
  mintPublishAttestation,
  signatureDefects,
  writeProject,
  type PublishOptions,
  type PublishedPackage,
  type SignatureDefect,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Code } from "@countersign/core";
import { openScene, verdictOf, type Scene } from "../scene.ts";
import { cold, expectControl, expectStopped, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene));
});
afterEach(() => scene.close());

const lock = "package-lock.json";
function lockOne(options: PublishOptions): PublishedPackage {
  const published = scene.kit.npm.publish(options);
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [published] });
  return published;
}
const control = async (): Promise<void> => {
  lockOne({ name: "control" });
  await expectControl(scene);
};

/** Long before the expired key's end, and long after it. */
const before = Date.UTC(2024, 5, 1);
const after = Date.UTC(2025, 5, 1);

describe("D3: registry signatures", () => {
  const expected: Record<SignatureDefect, Code> = {
    "broken-signature": "signature/invalid",
    "wrong-integrity": "signature/invalid",
    "wrong-name": "signature/invalid",
    "wrong-version": "signature/invalid",
    "unknown-key": "signature/key-unknown",
    "wrong-keyid": "signature/key-unknown",
    "non-canonical-base64": "signature/malformed",
  };
  it.each(Object.keys(signatureDefects) as SignatureDefect[])("%s", async (defect) => {
    await control();
    const published = lockOne({ name: "leaf", signature: { defects: [defect] } });
    const attacked = await expectStopped(scene, {
      codes: [expected[defect]],
      at: { path: lock, line: published.integrity },
    });
    expect(verdictOf(attacked, "leaf").level).toBe("locked");
  });

  it("none at all: absent, from the registry that the policy names", async () => {
    await control();
    const published = lockOne({ name: "leaf", signature: false });
    await expectStopped(scene, {
      codes: ["signature/absent"],
      at: { path: lock, line: published.integrity },
    });
  });

  it("by the key of another registry", async () => {
    await control();
    const published = lockOne({ name: "leaf", signature: { key: scene.kit.npm.keys.foreign } });
    await expectStopped(scene, {
      codes: ["signature/key-unknown"],
      at: { path: lock, line: published.integrity },
    });
  });

  it("the signature of another package", async () => {
    await control();
    const other = scene.kit.npm.publish({ name: "other" });
    const published = lockOne({ name: "leaf", dist: { signatures: other.signatures } });
    await expectStopped(scene, {
      codes: ["signature/invalid"],
      at: { path: lock, line: published.integrity },
    });
  });

  it.each([
    ["good, then forged", false],
    ["forged, then good", true],
  ])("two of the same key, %s", async (_, reversed) => {
    await control();
    const published = lockOne({ name: "leaf" });
    const forged = scene.kit.npm.sign(published, { defects: ["broken-signature"] });
    const both = [...published.signatures, ...forged];
    const stored = scene.kit.npm.store.get("leaf")?.get("1.0.0");
    if (stored !== undefined) stored.distOverride = { signatures: reversed ? both.toReversed() : both };
    await expectStopped(scene, {
      codes: ["signature/invalid"],
      at: { path: lock, line: published.integrity },
    });
  });

  it.each([
    ["null", null, "signature/absent"],
    ["an empty list", [], "signature/absent"],
    ["text", "valid", "signature/malformed"],
    ["an entry without sig", [{ keyid: "SHA256:x" }], "signature/malformed"],
    ["numbers", [{ keyid: 1, sig: 2 }], "signature/malformed"],
    [
      "a thousand",
      Array.from({ length: 1000 }, () => ({ keyid: "SHA256:x", sig: "MAA=" })),
      "signature/malformed",
    ],
  ] as const)("dist.signatures is %s", async (_, signatures, code) => {
    await control();
    lockOne({ name: "leaf", dist: { signatures } });
    await expectStopped(scene, { codes: [code] });
  });
});

describe("D16: an expired key", () => {
  const expired = (options: Partial<PublishOptions> = {}): PublishedPackage =>
    lockOne({
      name: "leaf",
      signature: { key: scene.kit.npm.keys.expired },
      publishedAt: before,
      ...options,
    });

  it("counts where the log saw the publish attestation while it held", async () => {
    expired({ publishAttestation: { key: scene.kit.npm.keys.expired, at: before } });
    const good = await expectControl(scene);
    expect(verdictOf(good, "leaf")).toMatchObject({ level: "signed", time: "log" });
  });

  it("does not count where the log saw it after the end, whatever the packument says", async () => {
    await control();
    const published = expired({ publishAttestation: { key: scene.kit.npm.keys.current, at: after } });
    await expectStopped(scene, {
      codes: ["signature/key-expired"],
      at: { path: lock, line: published.integrity },
    });
  });

  it("counts by the packument's unsigned time, and the verdict says so", async () => {
    expired();
    const good = await expectControl(scene);
    expect(verdictOf(good, "leaf")).toMatchObject({ level: "signed", time: "unsigned" });
  });

  it("does not count by an unsigned time after the end", async () => {
    await control();
    const published = expired({ publishedAt: after });
    await expectStopped(scene, {
      codes: ["signature/key-expired"],
      at: { path: lock, line: published.integrity },
    });
  });

  it("without any time strict refuses", async () => {
    await control();
    const published = expired({ publishedAt: null });
    await expectStopped(scene, {
      codes: ["signature/time-unknown"],
      at: { path: lock, line: published.integrity },
      exit: 2,
    });
  });

  it("a publish attestation over other bytes lends no time", async () => {
    await control();
    const { kit } = scene;
    const published = expired({ publishedAt: null });
    const attestation = mintPublishAttestation(
      kit.sigstore,
      kit.npm.keys.expired,
      kit.npm.url,
      { ...published, sha512: "0".repeat(128) },
      before,
    );
    kit.npm.setAttestations("leaf", "1.0.0", [attestation]);
    const attacked = await scene.run();
    expect(attacked).toExitWith(1);
    expect(verdictOf(attacked, "leaf")).toMatchObject({ outcome: "refused", level: "locked" });
  });
});

describe("what the registry lists", () => {
  it.each([
    [
      "another digest",
      { integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}` },
      "listing/mismatch",
      1,
    ],
    ["no digest", { integrity: null }, "listing/unavailable", 2],
    ["only sha1", { integrity: null, shasum: "0".repeat(40) }, "listing/unavailable", 2],
    ["a digest of an object's prototype", { integrity: "__proto__" }, "listing/malformed", 2],
  ] as const)("%s than the lock's", async (_, dist, code, exit) => {
    scene.policy(strictPolicy(scene, { npm: "locked" }));
    await control();
    const published = lockOne({ name: "leaf", signature: false, dist });
    await expectStopped(scene, { codes: [code], at: { path: lock, line: published.integrity }, exit });
  });

  it("two digests, the lock's among them", async () => {
    scene.policy(strictPolicy(scene, { npm: "locked" }));
    await control();
    const published = lockOne({ name: "leaf" });
    const stored = scene.kit.npm.store.get("leaf")?.get("1.0.0");
    if (stored !== undefined)
      stored.distOverride = {
        integrity: `${published.integrity} sha512-${Buffer.alloc(64, 7).toString("base64")}`,
      };
    const attacked = await scene.run();
    expect(attacked.exitCode).not.toBe(0);
  });

  it("a version that it does not list", async () => {
    await control();
    const published = lockOne({ name: "leaf" });
    scene.kit.npm.store.get("leaf")?.delete("1.0.0");
    await expectStopped(scene, {
      codes: ["signature/absent"],
      at: { path: lock, line: published.integrity },
    });
  });

  it("a manifest of another package or version", async () => {
    await control();
    for (const lie of [{ name: "other" }, { version: "2.0.0" }]) {
      scene.kit.npm.faults.clear();
      lockOne({ name: "leaf" });
      scene.kit.npm.faults.add({
        path: /^\/leaf/,
        fault: { kind: "edit", edit: (document: object) => ({ ...document, ...lie }) },
      });
      const attacked = await scene.run({}, cold(scene));
      expect(attacked.exitCode).not.toBe(0);
      expect(verdictOf(attacked, "leaf").level).toBe("unlocked");
    }
  });

  it("D39: a file of a Python index with another digest", async () => {
    const { kit, directory } = scene;
    const control = kit.pypi.publish({ name: "control" });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [control] });
    await expectControl(scene);
    const leaf = kit.pypi.publish({ name: "leaf", listing: { hashes: { sha256: "0".repeat(64) } } });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [leaf] });
    await expectStopped(scene, { codes: ["listing/mismatch"], at: { path: "uv.lock", line: leaf.sha256 } });
  });
});
