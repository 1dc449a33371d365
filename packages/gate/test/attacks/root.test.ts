import { utimesSync } from "node:fs";
import { join } from "node:path";
import { toTargetKeys, writeProject, type PublishedPackage } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codesOf, openScene, verdictOf, type Scene } from "../scene.ts";
import { expectControl, expectStopped, newMachine, strictPolicy } from "./attack.ts";

const lock = "package-lock.json";
const day = 86_400_000;
let scene: Scene;
let built: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene, { npm: "provenance" }));
  built = scene.kit.npm.publish({ name: "built", provenance: true });
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [built] });
});
afterEach(() => scene.close());

/** The same machine, later: what was fetched is older than a day, so the root is asked for again. */
const later = (days: number): { now: number } => ({ now: scene.environment.now + days * day });

describe("the sigstore root", () => {
  it("D22: out of reach on a new machine ends 2 in strict and 0 in warn", async () => {
    await expectControl(scene);
    scene.kit.sigstore.faults.add({ fault: { kind: "status", status: 404 } });
    const attacked = await expectStopped(scene, {
      codes: ["root/unavailable", "root/stale"],
      exit: 2,
      environment: newMachine(scene),
    });
    expect(verdictOf(attacked, "built").level).not.toBe("provenance");
  });

  it("that the policy names is enough on a new machine, as old as its file is", async () => {
    scene.kit.sigstore.faults.add({ fault: { kind: "reset" } });
    scene.write({ ".countersign/root.json": JSON.stringify(scene.kit.sigstore.trustedRoot) });
    scene.write({ ".countersign/keys.json": JSON.stringify(scene.kit.npm.keysTarget()) });
    const policy = strictPolicy(scene, { npm: "provenance" });
    scene.policy(
      `${policy.replace("ecosystem: npm }", "ecosystem: npm, keys: keys.json }")}trust: { roots: [root.json] }\n`,
    );
    const given = await scene.run({}, newMachine(scene));
    expect(codesOf(given)).toEqual([]);
    expect(given).toExitWith(0);
    expect(given.report.root).toMatchObject({ source: "file", ageDays: 0, stale: false });
    const old = new Date(scene.environment.now - 91 * day);
    utimesSync(join(scene.directory, ".countersign/root.json"), old, old);
    expect(codesOf(await scene.run({}, newMachine(scene)))).toEqual(["root/stale"]);
  });

  it("D22: out of reach on a machine that had it: the last one counts until it is stale", async () => {
    await expectControl(scene);
    scene.kit.sigstore.faults.add({ fault: { kind: "reset" } });
    const soon = await scene.run({}, later(2));
    expect(soon).toExitWith(0);
    expect(soon.report.root).toMatchObject({ source: "cache", stale: false });
    const late = await scene.run({}, later(91));
    expect(codesOf(late)).toEqual(["root/stale"]);
    expect(late).toExitWith(2);
    const offline = await scene.run({ offline: true }, later(91));
    expect(codesOf(offline)).toEqual(["root/stale"]);
    scene.policy(strictPolicy(scene, { npm: "provenance" }).replace("strict", "warn"));
    const warned = await scene.run({}, later(91));
    expect(warned).toExitWith(0);
    expect(warned.report.decision.strict).toBe("incomplete");
  });

  it("metadata that has expired (a frozen mirror) is not taken", async () => {
    await expectControl(scene);
    scene.kit.sigstore.tuf.expireAt(Date.now() - day);
    const fresh = await scene.run({}, newMachine(scene));
    expect(codesOf(fresh)).toContain("root/unavailable");
    expect(fresh).toExitWith(2);
    const known = await scene.run({}, later(2));
    expect(known.report.root?.source).toBe("cache");
    expect(known).toExitWith(0);
  });

  it("a rollback to older metadata is not taken, so a key that was removed stays removed", async () => {
    const { kit } = scene;
    await expectControl(scene);
    const old = new Map(
      ["timestamp.json", "1.snapshot.json", "1.targets.json"].map((name) => [
        name,
        kit.sigstore.tuf.read(name),
      ]),
    );
    const keys = kit.npm.keysTarget().keys.filter(({ keyId }) => keyId !== kit.npm.keys.current.keyid);
    kit.sigstore.tuf.publish(kit.npm.keysTargetName, JSON.stringify({ keys }));
    const rotated = await scene.run({}, later(2));
    expect(rotated).toExitWith(1);
    expect(codesOf(rotated)).toEqual(["bundle/key-unknown", "signature/key-unknown"]);
    for (const [name, body] of old)
      if (body !== null) kit.sigstore.faults.add({ path: `/tuf/${name}`, fault: { kind: "body", body } });
    const rolled = await scene.run({}, later(4));
    expect(rolled.report.root?.source).toBe("cache");
    expect(codesOf(rolled)).toEqual(["bundle/key-unknown", "signature/key-unknown"]);
  });

  it("a target that the metadata does not name by its digest is not taken", async () => {
    await expectControl(scene);
    scene.kit.sigstore.faults.add({
      path: /targets\/.*trusted_root\.json/,
      fault: {
        kind: "edit",
        edit: (document: { tlogs: unknown[] }) => ({ ...document, tlogs: [...document.tlogs, {}] }),
      },
    });
    const attacked = await scene.run({}, newMachine(scene));
    expect(codesOf(attacked)).toContain("root/unavailable");
    expect(attacked).toExitWith(2);
  });

  it.each(["timestamp.json", "1.snapshot.json", "1.targets.json"])(
    "%s with a broken signature is not taken",
    async (name) => {
      await expectControl(scene);
      scene.kit.sigstore.faults.add({
        path: `/tuf/${name}`,
        fault: {
          kind: "edit",
          edit: (document: { signed: Record<string, unknown> }) => ({
            ...document,
            signed: {
              ...document.signed,
              expires: new Date(Date.now() + 5 * day).toISOString(),
              extra: true,
            },
          }),
        },
      });
      const attacked = await scene.run({}, newMachine(scene));
      expect(codesOf(attacked)).toContain("root/unavailable");
      expect(attacked).toExitWith(2);
    },
  );

  it("a new root of another key is not taken", async () => {
    await expectControl(scene);
    const other = await openScene();
    try {
      const foreign = JSON.parse(other.kit.sigstore.tufRoot) as { signed: Record<string, unknown> };
      foreign.signed["version"] = 2;
      scene.kit.sigstore.faults.add({
        path: "/tuf/2.root.json",
        fault: { kind: "body", body: JSON.stringify(foreign) },
      });
      const attacked = await scene.run({}, newMachine(scene));
      expect(codesOf(attacked)).toContain("root/unavailable");
      expect(attacked).toExitWith(2);
    } finally {
      await other.close();
    }
  });

  it("a redirect of the repository to another host is not followed", async () => {
    await expectControl(scene);
    const { kit } = scene;
    kit.sigstore.faults.add({
      path: /timestamp/,
      fault: { kind: "redirect", to: `${kit.elsewhere.url}/timestamp.json` },
    });
    const attacked = await scene.run({}, newMachine(scene));
    expect(codesOf(attacked)).toContain("root/unavailable");
    expect(kit.requests.count({ server: "elsewhere" })).toBe(0);
  });

  it("M21: a rotation is followed: what the new root trusts counts, what it dropped does not", async () => {
    const { kit } = scene;
    await expectControl(scene);
    const other = await openScene();
    try {
      kit.sigstore.tuf.publish("trusted_root.json", JSON.stringify(other.kit.sigstore.trustedRoot));
      const dropped = await scene.run({}, later(2));
      expect(dropped).toExitWith(1);
      expect(verdictOf(dropped, "built").outcome).toBe("refused");
      kit.sigstore.tuf.publish("trusted_root.json", JSON.stringify(kit.sigstore.trustedRoot));
      const back = await scene.run({}, later(4));
      expect(back).toExitWith(0);
    } finally {
      await other.close();
    }
  });

  it("keys that the repository gives another registry do not count for this one", async () => {
    const { kit } = scene;
    const foreign = kit.npm.publish({ name: "foreign", signature: { key: kit.npm.keys.foreign } });
    scene.policy(strictPolicy(scene));
    await expectControl(scene);
    writeProject(scene.directory, { lock, registry: kit.npm.url, packages: [foreign] });
    await expectStopped(scene, {
      codes: ["signature/key-unknown"],
      at: { path: lock, line: foreign.integrity },
    });
    // The very same key counts once the repository names it for this registry.
    kit.sigstore.tuf.publish(
      kit.npm.keysTargetName,
      JSON.stringify({ keys: toTargetKeys(kit.npm.keys.foreign) }),
    );
    await expectControl(scene, { environment: newMachine(scene) });
  });

  it("a root that cannot be read is no root", async () => {
    await expectControl(scene);
    for (const text of [
      "{}",
      "null",
      "[",
      '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}',
    ]) {
      scene.kit.sigstore.tuf.publish("trusted_root.json", text);
      const attacked = await scene.run({}, newMachine(scene));
      expect(attacked.exitCode).not.toBe(0);
      expect(verdictOf(attacked, "built").level).not.toBe("provenance");
    }
  });
});
