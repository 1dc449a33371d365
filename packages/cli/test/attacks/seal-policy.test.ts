import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { policyOf } from "../scene.ts";
import { approvals, git, sealPolicy } from "../sealing.ts";
import {
  allowed,
  openSealed,
  replaceIn,
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

const outside = (name: string): string => join(project.scene.setting.scratch, name);

describe("a policy loosened by the change", () => {
  it.each([
    ["without a policy", () => rmSync(project.path(".countersign/policy.yaml"))],
    [
      "without its seal section",
      () => project.write(".countersign/policy.yaml", policyOf(project.scene, "strict")),
    ],
    [
      "in warn",
      () => project.write(".countersign/policy.yaml", sealPolicy(project.scene, approvals(), "warn")),
    ],
    [
      "with another group",
      () => replaceIn(project, ".countersign/policy.yaml", "[alice, bob]", "[alice, bob, mallory]"),
    ],
    [
      "with a threshold of none",
      () => replaceIn(project, ".countersign/policy.yaml", "threshold: 1", "threshold: 0"),
    ],
    [
      "moved into a folder before it",
      () => project.write(".countersign/policy.yaml", "version: 1\nmode: disabled\n"),
    ],
  ])("%s: the base's and the managed one hold", async (_, loosen) => {
    const managed = join(outside("managed-too"), "policy.yaml");
    mkdirSync(outside("managed-too"), { recursive: true });
    writeFileSync(managed, sealPolicy(project.scene, approvals()));
    for (const pin of [
      ["--base", project.sealed],
      ["--managed-policy", managed],
    ]) {
      project.restore();
      writePackages(project.scene, [
        widgetOf(project.scene),
        project.scene.kit.npm.publish({ name: "newcomer" }),
      ]);
      expect(await project.verify(...pin)).toMatchObject({ exitCode: 1, blocks: ["seal/approval-missing"] });
      loosen();
      const ran = await project.scene.run("verify", "--json", ...pin);
      expect(ran.exitCode, ran.out).not.toBe(0);
    }
  });
});

describe("a base that is not there", () => {
  it("is no pass in a shallow clone, whatever pins there are", async () => {
    project.commit("one more");
    const clone = outside("shallow");
    rmSync(clone, { recursive: true, force: true });
    git(project.scene, "commit", "-q", "--allow-empty", "-m", "tip");
    git(project.scene, "clone", "-q", "--depth", "1", `file://${project.scene.directory}`, clone);
    const root = join(clone, store, "1.root.json");
    const setting = { scratch: outside("fresh"), directory: clone };
    expect(await project.verifyWith(setting, "--trust-root", root)).toMatchObject({
      ...allowed,
      approvals: ["alice"],
    });
    for (const more of [[], ["--trust-root", root]]) {
      const ran = await project.scene.runWith(setting, "verify", "--base", project.sealed, ...more);
      expect(ran.exitCode).not.toBe(0);
      expect(`${ran.out}${ran.err}`).toContain("fetch");
      const seals = await project.scene.runWith(setting, "seal", "verify", "--base", project.sealed, ...more);
      expect(seals.exitCode).not.toBe(0);
      expect(`${seals.out}${seals.err}`).toContain("trust/root-unavailable");
    }
  });
});
