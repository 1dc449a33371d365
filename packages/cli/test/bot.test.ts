import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "@countersign/core";
import { writeProject, type PublishedPackage } from "@countersign/testkit";
import type { Ran } from "./host.ts";
import { openScene, type Scene } from "./scene.ts";
import { commit, keyOf, publicKeyOf, repository, sealPolicy, startSealing } from "./sealing.ts";

const policy =
  "{ approval: { threshold: 1, signers: [maintainers, ci] }, summary: { signers: [ci], maxAge: 30d } }";

let scene: Scene;
let base: string;
let leaf: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  leaf = scene.kit.npm.publish({ name: "leaf" });
  project(leaf);
  const started = await startSealing(scene);
  expect(started).toExitWith(0);
  // Even a policy that carelessly names the bot among those who may approve.
  scene.write({ ".countersign/policy.yaml": sealPolicy(scene, policy) });
  await sign("--approve", "alice");
  base = commit(scene, "approved");
  // What the bot proposes: one newer version, with a good registry signature.
  project(scene.kit.npm.publish({ name: "leaf", version: "1.0.1" }));
});
afterEach(() => scene.close());

const project = (...packages: PublishedPackage[]): void =>
  void writeProject(scene.directory, {
    lock: "package-lock.json",
    packages,
    registry: scene.kit.npm.url,
  });
const sign = (claim: "--approve" | "--summary", name: string, ...more: string[]): Promise<Ran> =>
  scene.run("sign", claim, "--key", keyOf(scene, name), "--yes", ...more);
const verify = async (...more: string[]): Promise<{ exitCode: number; report: Report }> => {
  const { exitCode, out } = await scene.run("verify", "--base", base, "--json", ...more);
  return { exitCode, report: JSON.parse(out) as Report };
};
const blocking = ({ findings }: Report): string[] =>
  findings.filter(({ effect }) => effect === "block").map(({ code }) => code);
const place = (name: string): string => join(scene.directory, ".countersign", name);
const countSeals = (): number =>
  existsSync(place("seals"))
    ? readdirSync(place("seals"), { recursive: true, encoding: "utf8" }).filter((name) =>
        name.endsWith(".json"),
      ).length
    : 0;

describe("a bot that updates dependencies", () => {
  it("is stopped until a person has approved, whatever it summarises; then its summary replaces the evidence", async () => {
    const summarised = await sign("--summary", "release-bot", "--base", base);
    expect(summarised).toExitWith(0);
    const alone = await verify();
    expect(alone).toExitWith(1);
    expect(blocking(alone.report)).toEqual(["seal/approval-missing"]);
    expect(alone.report.lockfiles[0]).toMatchObject({ evidence: "summary", approvals: [] });
    expect(await sign("--approve", "alice", "--base", base)).toExitWith(0);
    rmSync(join(scene.setting.scratch, "cache"), { recursive: true, force: true });
    const before = scene.kit.requests.all.length;
    const approved = await verify("--offline");
    expect(approved).toExitWith(0);
    expect(approved.report.lockfiles[0]).toMatchObject({ evidence: "summary", approvals: ["alice"] });
    expect(scene.kit.requests.all.length).toBe(before);
  });

  it("is seen with what it changes by the person who approves", async () => {
    const seen = await sign("--approve", "alice", "--base", base);
    expect(seen.err).toContain("leaf@1.0.0 → 1.0.1");
  });

  // A summary is a machine's word and no review: the difference counts from the last approval.
  it("does not hide what it changes behind a summary of its own", async () => {
    await sign("--summary", "release-bot", "--base", base);
    commit(scene, "bump leaf, with a summary");
    const seen = await sign("--approve", "alice", "--base", base);
    expect(seen.err).toContain("leaf@1.0.0 → 1.0.1");
  });

  it("cannot approve with its own key", async () => {
    const before = countSeals();
    const ran = await sign("--approve", "release-bot", "--base", base);
    expect(ran).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("seal/signer-scope") as string,
    });
    expect(countSeals()).toBe(before);
  });

  it("approves nothing with a seal that it made under a trust store of its own", async () => {
    cpSync(place("trust"), join(scene.setting.scratch, "kept"), { recursive: true });
    rmSync(place("trust"), { recursive: true });
    const elsewhere = { scratch: join(scene.setting.scratch, "bot") };
    const made = await scene.runWith(
      elsewhere,
      "trust",
      "init",
      "--signer",
      `release-bot=${publicKeyOf(scene, "release-bot")}`,
      "--root-key",
      keyOf(scene, "mallory"),
      "--repository",
      repository,
    );
    expect(made).toExitWith(0);
    const forged = await scene.runWith(
      elsewhere,
      "sign",
      "--approve",
      "--key",
      keyOf(scene, "release-bot"),
      "--yes",
    );
    expect(forged).toExitWith(0);
    rmSync(place("trust"), { recursive: true });
    cpSync(join(scene.setting.scratch, "kept"), place("trust"), { recursive: true });
    const { exitCode, report } = await verify();
    expect(exitCode).toBe(1);
    expect(blocking(report)).toEqual(["seal/approval-missing"]);
    expect(report.lockfiles[0]?.seals).toMatchObject([
      { outcome: "failed", code: "seal/signer-scope", signer: { id: "release-bot" } },
    ]);
  });

  it("cannot give itself the right: without root keys a version of the trust store only waits", async () => {
    const asked = await scene.run("trust", "add", "release-bot", "--predicates", "approval,summary");
    expect(asked.out).toContain("still to sign");
    expect(await sign("--approve", "release-bot", "--base", base)).toExitWith(2);
    const { exitCode, report } = await verify();
    expect(exitCode).toBe(1);
    expect(blocking(report)).toEqual(["seal/approval-missing"]);
    expect(report.findings.map(({ code }) => code)).toContain("trust/threshold");
  });
});
