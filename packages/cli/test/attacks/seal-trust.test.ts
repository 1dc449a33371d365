import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approvals, keyOf, publicKeyOf, repository, sealPolicy, writeKey } from "../sealing.ts";
import {
  allowed,
  openSealed,
  replaceIn,
  succeed,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./sealed-project.ts";

const store = ".countersign/trust";
let project: SealedProject;
beforeAll(async () => {
  project = await openSealed();
});
afterAll(() => project.close());
beforeEach(async () => {
  expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
});
afterEach(() => project.restore());

/** A machine that has seen nothing yet. */
const fresh = (): { scratch: string } => {
  const scratch = join(project.scene.setting.scratch, `machine-${Math.random()}`);
  mkdirSync(scratch);
  return { scratch };
};
const outside = (name: string): string => join(project.scene.setting.scratch, name);

/** Mallory's lockfile, approved by her own signer. */
async function approveByMallory(): Promise<void> {
  const { scene } = project;
  writePackages(scene, [widgetOf(scene), scene.kit.npm.publish({ name: "evil" })]);
  const attacker = { scratch: outside("attacker") };
  rmSync(attacker.scratch, { recursive: true, force: true });
  rmSync(project.path(store), { recursive: true });
  succeed(
    await scene.runWith(
      attacker,
      "trust",
      "init",
      "--signer",
      `alice=${publicKeyOf(scene, "mallory")}`,
      "--root-key",
      keyOf(scene, "mallory"),
      "--repository",
      repository,
    ),
  );
  succeed(await scene.runWith(attacker, "sign", "--approve", "--key", keyOf(scene, "mallory"), "--yes"));
  // Control: whoever trusts that store allows it.
  expect(await project.verifyWith(attacker)).toMatchObject({ ...allowed, approvals: ["alice"] });
}

describe("a change that brings its own trust store", () => {
  it("vouches for nothing with --base, memory, --trust-root, a managed policy, or nothing at all", async () => {
    cpSync(project.path(store), outside("pinned"), { recursive: true });
    const root = join(outside("pinned"), "1.root.json");
    const managed = join(outside("managed"), "policy.yaml");
    mkdirSync(outside("managed"), { recursive: true });
    writeFileSync(managed, sealPolicy(project.scene, approvals()));
    cpSync(project.path(store), join(outside("managed"), "trust"), { recursive: true });
    const pins = [
      ["--base", project.sealed],
      ["--trust-root", root],
      ["--managed-policy", managed],
    ];
    for (const pin of pins)
      expect(await project.verifyWith(fresh(), ...pin), pin[0]).toMatchObject({
        ...allowed,
        approvals: ["alice"],
      });
    await approveByMallory();
    for (const pin of [...pins, []]) {
      const outcome = await project.verifyWith(fresh(), ...pin);
      expect(outcome, pin[0]).toMatchObject({ exitCode: 1, approvals: [] });
      expect(outcome.blocks, pin[0]).toContain("seal/approval-missing");
    }
    expect(await project.verify()).toMatchObject({
      exitCode: 1,
      blocks: ["seal/approval-missing", "trust/rollback"],
    });
    expect(await project.verifyWith(fresh())).toMatchObject({
      blocks: ["seal/approval-missing", "trust/unpinned"],
    });
  });

  it("as a next version that its own root key has signed counts as waiting", async () => {
    const { scene } = project;
    cpSync(project.path(store), outside("victim"), { recursive: true });
    await approveByMallory();
    // Her third version is whole by itself: her root key, and the threshold that it states.
    const attacker = { scratch: outside("attacker") };
    for (const days of ["100", "200"])
      succeed(
        await scene.runWith(
          attacker,
          "trust",
          "rotate",
          "--expires",
          days,
          "--key",
          keyOf(scene, "mallory"),
          "--yes",
        ),
      );
    cpSync(outside("victim"), project.path(store), { recursive: true, force: true });
    const root = join(outside("victim"), "1.root.json");
    const machines = [
      await project.verify(),
      await project.verify("--base", project.sealed),
      await project.verifyWith(fresh(), "--trust-root", root),
    ];
    for (const outcome of machines) {
      expect(outcome).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing"], approvals: [] });
      expect(outcome.notes).toContain("trust/threshold");
    }
  });

  it("edited in a signed version is another version", async () => {
    for (const [from, to] of [
      ['"threshold": 1', '"threshold":  1'],
      ["https://forge.example/acme/app", "https://forge.example/acme/apq"],
    ] as const) {
      project.restore();
      replaceIn(project, `${store}/2.root.json`, from, to);
      const outcome = await project.verify("--base", project.sealed);
      if (from.startsWith('"threshold')) expect(outcome).toMatchObject(allowed);
      else expect(outcome).toMatchObject({ exitCode: 1, approvals: [] });
    }
  });
});

describe("a trust store taken back", () => {
  beforeEach(async () => {
    const { scene } = project;
    cpSync(project.path(store), outside("older"), { recursive: true });
    succeed(
      await scene.run(
        "trust",
        "revoke",
        "alice",
        "--reason",
        "compromised",
        "--key",
        keyOf(scene, "root"),
        "--yes",
      ),
    );
    expect(await project.verify()).toMatchObject({ exitCode: 1, seals: ["seal/revoked"] });
  });
  const takeBack = (): void => {
    rmSync(project.path(store), { recursive: true });
    cpSync(outside("older"), project.path(store), { recursive: true });
  };

  it("does not undo a revocation where the base or this machine has seen it", async () => {
    const base = project.commit("alice is revoked");
    takeBack();
    expect(await project.verify()).toMatchObject({
      exitCode: 1,
      blocks: ["seal/approval-missing", "trust/rollback"],
    });
    const elsewhere = await project.verifyWith(fresh(), "--base", base);
    expect(elsewhere).toMatchObject({ exitCode: 1, approvals: [] });
  });

  it("does not undo it where --trust-root names an older version and the base has the newer", async () => {
    const base = project.commit("alice is revoked");
    takeBack();
    const root = join(outside("older"), "1.root.json");
    const outcome = await project.verifyWith(fresh(), "--trust-root", root, "--base", base);
    expect(outcome).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing", "trust/rollback"] });
  });

  it("with a version left out is a gap", async () => {
    rmSync(project.path(`${store}/2.root.json`));
    const root = join(outside("older"), "1.root.json");
    const outcome = await project.verifyWith(fresh(), "--trust-root", root);
    expect(outcome).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing", "trust/version-gap"] });
  });

  it("and forked from there, by a root key that was in force, is another version than the one seen", async () => {
    const { scene } = project;
    const base = project.commit("alice is revoked");
    takeBack();
    const fork = { scratch: outside("fork") };
    cpSync(`${outside("home")}-sealed`, join(fork.scratch, "home"), { recursive: true });
    writeKey(scene, "carol");
    succeed(
      await scene.runWith(
        fork,
        "trust",
        "add",
        "carol",
        "--public-key",
        publicKeyOf(scene, "carol"),
        "--key",
        keyOf(scene, "root"),
        "--yes",
      ),
    );
    expect(await project.verifyWith(fork)).toMatchObject(allowed);
    for (const outcome of [await project.verify(), await project.verifyWith(fresh(), "--base", base)])
      expect(outcome).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing", "trust/forked"] });
  });

  it("does not help where the store is deleted as a whole", async () => {
    const base = project.commit("alice is revoked");
    rmSync(project.path(store), { recursive: true });
    const here = await project.verify();
    expect(here).toMatchObject({
      exitCode: 1,
      blocks: ["seal/approval-missing", "trust/rollback"],
      approvals: [],
    });
    expect(here.ran.out).toContain("git checkout origin/main -- .countersign/trust");
    for (const pin of [["--base", base], []]) {
      const outcome = await project.verifyWith(fresh(), ...pin);
      expect(outcome).toMatchObject({ exitCode: 1, approvals: [] });
      expect(outcome.blocks).toContain("seal/approval-missing");
    }
  });
});
