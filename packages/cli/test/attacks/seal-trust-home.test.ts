import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { git, keyOf, publicKeyOf, repository } from "../sealing.ts";
import type { Ran, Setting } from "../host.ts";
import { openSealed, succeed, widgetOf, writePackages, type SealedProject } from "./sealed-project.ts";

const store = ".countersign/trust";
const folder = "apps/a";
let project: SealedProject;
/** A trust store at the root that knows alice, a lockfile in a folder below, and no policy at all. */
beforeEach(async () => {
  project = await openSealed({
    signed: false,
    project: (scene) => writePackages(scene, [widgetOf(scene)], "package-lock.json", folder),
  });
  rmSync(project.path(".countersign/policy.yaml"));
  git(project.scene, "commit", "-qam", "without a policy");
});
afterEach(() => project.close());

const below = (args: readonly string[], setting: Partial<Setting> = {}): Promise<Ran> =>
  project.scene.runWith({ directory: project.path(folder), ...setting }, ...args);
const approve = (name: string, setting?: Partial<Setting>): Promise<Ran> =>
  below(["sign", "--approve", "--yes", "--key", keyOf(project.scene, name)], setting);
const verify = (setting?: Partial<Setting>, ...args: string[]): Promise<Ran> =>
  below(["seal", "verify", ...args], setting);
const machine = (name: string): { scratch: string } => {
  const scratch = join(project.scene.setting.scratch, name);
  mkdirSync(scratch, { recursive: true });
  return { scratch };
};
/** Mallory's trust store in a folder, in which she is alice. */
async function bring(place: string, as = machine("attacker")): Promise<void> {
  const { scene } = project;
  const apart = project.path("apart");
  mkdirSync(join(apart, ".git"), { recursive: true });
  const signer = `alice=${publicKeyOf(scene, "mallory")}`;
  const key = keyOf(scene, "mallory");
  const args = ["--signer", signer, "--root-key", key, "--repository", repository];
  succeed(await scene.runWith({ ...as, directory: apart }, "trust", "init", ...args));
  cpSync(join(apart, store), project.path(`${place}/${store}`), { recursive: true });
  rmSync(apart, { recursive: true });
}

describe("a lockfile below the trust store, without a policy", () => {
  it("finds store and seals where trust list, sign, inspect and prune find them", async () => {
    expect((await below(["trust", "list"])).out).toContain("alice");
    succeed(await approve("alice"));
    expect(project.seals()).toHaveLength(1);
    expect((await verify()).out).toMatch(/^package-lock\.json\n {2}counts +approval by alice/);
    expect((await below(["seal", "inspect"])).out).toContain("approval of apps/a/package-lock.json");
    expect((await below(["seal", "prune", "--dry-run"])).err).toContain("kept: 1 seal that counts");
    const fromRoot = await project.scene.run("seal", "verify", "--lockfile", `${folder}/package-lock.json`);
    expect(fromRoot.out).toContain("counts         approval by alice");
  });

  it("a nearer store that a change adds makes nothing count that did not", async () => {
    succeed(await approve("alice"));
    const base = project.commit("sealed");
    await bring(folder);
    const forged = await approve("mallory", machine("attacker"));
    expect(forged.exitCode).not.toBe(0);
    for (const setting of [{}, machine("fresh")]) {
      const ran = await verify(setting);
      expect([ran.exitCode, ran.err]).toEqual([1, expect.stringContaining("trust/unpinned")]);
      // The base says where the store is.
      const pinned = await verify(setting, "--base", base);
      expect([pinned.exitCode, pinned.out]).toEqual([0, expect.stringContaining("approval by alice")]);
    }
  });

  it("nor does a nearer policy", async () => {
    succeed(await approve("alice"));
    const base = project.commit("sealed");
    await bring(folder);
    project.write(`${folder}/.countersign/policy.yaml`, "version: 1\nmode: strict\n");
    expect((await verify()).err).toContain("trust/unpinned");
    expect((await verify(machine("fresh"), "--base", base)).err).toContain("trust/unpinned");
  });
});

describe("a lockfile with its own trust store, without a policy", () => {
  beforeEach(async () => {
    cpSync(project.path(store), project.path(`${folder}/${store}`), { recursive: true });
    rmSync(project.path(store), { recursive: true });
    const first = ["--trust-root", `${store}/1.root.json`];
    await verify({}, ...first);
    succeed(await approve("alice"));
    project.commit("sealed");
  });

  it("is not judged by a farther one where a change deletes it", async () => {
    expect(await verify()).toExitWith(0);
    rmSync(project.path(`${folder}/.countersign`), { recursive: true });
    // This machine trusts the farther store of another project too.
    await bring(".");
    const named = ["--lockfile", `${folder}/package-lock.json`, "--trust-root", `${store}/1.root.json`];
    await project.scene.run("seal", "verify", ...named);
    const forged = await approve("mallory");
    expect([forged.exitCode, forged.err]).toEqual([1, expect.stringContaining("trust/rollback")]);
    const ran = await verify();
    expect([ran.exitCode, ran.err]).toEqual([1, expect.stringContaining("trust/rollback")]);
    expect(await verify({}, "--base", "HEAD")).toMatchObject({
      exitCode: 1,
      out: "package-lock.json\n  no seals\n",
    });
  });
});
