import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { writeFiles, writeProject, type PublishedPackage } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { blocking, codesOf, openScene, verdictOf, type Scene } from "../scene.ts";
import { cold, expectControl, expectStopped, strictPolicy } from "./attack.ts";

const lock = "package-lock.json";
let scene: Scene;
let unsigned: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  scene.policy(strictPolicy(scene));
  const good = scene.kit.npm.publish({ name: "good" });
  unsigned = scene.kit.npm.publish({ name: "unsigned", signature: false });
  writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [good] });
});
afterEach(() => scene.close());

const lockUnsigned = (): void =>
  void writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [unsigned] });
/** Outside the project, as an administrator would keep it. */
function managed(yaml: string): { managedPolicy: string } {
  writeFiles(scene.environment.home, { "policy.yaml": yaml });
  return { managedPolicy: join(scene.environment.home, "policy.yaml") };
}
function commit(): { base: string } {
  const git = (...args: string[]): string =>
    execFileSync(
      "git",
      ["-c", "user.name=a", "-c", "user.email=a@acme.example", "-c", "commit.gpgsign=false", ...args],
      { cwd: scene.directory, encoding: "utf8" },
    );
  rmSync(join(scene.directory, ".git"), { recursive: true });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "base");
  return { base: git("rev-parse", "HEAD").trim() };
}
const exception = (digest: string): string => `exceptions:
  - purl: "pkg:npm/unsigned@1.0.0"
    digest: "sha512:${digest}"
    codes: [signature/absent]
    reason: because
    owner: "@acme/platform"
    expires: "2099-01-01"
`;
const today = (policy: string): string =>
  policy.replace("2099-01-01", new Date(scene.environment.now + 20 * 86_400_000).toISOString().slice(0, 10));

describe("policy: a lower layer may only tighten", () => {
  type Loosening = [what: string, edit: (policy: string) => string];
  const loosenings: Loosening[] = [
    ["mode: warn", (policy) => policy.replace("mode: strict", "mode: warn")],
    ["mode: disabled", (policy) => policy.replace("mode: strict", "mode: disabled")],
    [
      "another registry",
      (policy) =>
        policy.replace("registries:", `registries:\n  - { url: "https://evil.example/", ecosystem: npm }`),
    ],
    ["keys of its own", (policy) => policy.replace(`ecosystem: npm }`, "ecosystem: npm, keys: keys.json }")],
    [
      "speaksFor",
      (policy) => policy.replace(`ecosystem: npm }`, 'ecosystem: npm, speaksFor: "https://evil.example/" }'),
    ],
    [
      "evidence from elsewhere",
      (policy) =>
        policy.replace(`ecosystem: npm }`, 'ecosystem: npm, evidenceFrom: ["https://evil.example/"] }'),
    ],
    [
      "files elsewhere",
      (policy) => policy.replace(`ecosystem: npm }`, 'ecosystem: npm, files: ["https://evil.example/"] }'),
    ],
    ["git sources", (policy) => `${policy}sources: { git: allow }\n`],
    ["an exception that nobody delegated", (policy) => `${policy}${today(exception(unsigned.sha512))}`],
    ["a root of its own", (policy) => `${policy}trust: { roots: [root.json] }\n`],
    ["an older root", (policy) => `${policy}trust: { maxAge: 3650d }\n`],
    [
      "delegation to itself",
      (policy) =>
        `${policy}delegate: { exceptions: { codes: [signature/absent], maxDays: 30, names: ["**"] } }\n${today(exception(unsigned.sha512))}`,
    ],
  ];
  it.each(loosenings)("%s, under a managed policy", async (_, edit) => {
    const request = managed(strictPolicy(scene));
    await expectControl(scene, { request });
    scene.write({ "keys.json": "{}", ".countersign/keys.json": "{}", ".countersign/root.json": "{}" });
    scene.policy(edit(strictPolicy(scene)));
    lockUnsigned();
    const attacked = await scene.run(request);
    expect(attacked).toExitWith(1);
    expect(attacked.report.decision.mode).toBe("strict");
    expect(codesOf(attacked)).toEqual(expect.arrayContaining(["policy/loosens"]));
    // The loosening itself had no effect.
    expect(codesOf(attacked)).toContain("signature/absent");
  });

  it.each(loosenings)("%s, against the base", async (_, edit) => {
    const request = commit();
    await expectControl(scene, { request });
    scene.write({ ".countersign/keys.json": "{}", ".countersign/root.json": "{}" });
    scene.policy(edit(strictPolicy(scene)));
    lockUnsigned();
    const attacked = await scene.run(request);
    expect(attacked).toExitWith(1);
    expect(codesOf(attacked)).toEqual(expect.arrayContaining(["policy/loosens", "signature/absent"]));
  });

  it("a change that deletes the policy is judged by the base's", async () => {
    const request = commit();
    await expectControl(scene, { request });
    rmSync(join(scene.directory, ".countersign/policy.yaml"));
    lockUnsigned();
    const attacked = await scene.run(request);
    expect(attacked.report.decision.mode).toBe("strict");
    expect(codesOf(attacked)).toEqual(["signature/absent"]);
    expect(attacked).toExitWith(1);
  });

  it("a lower rule does not let in what the highest leaves out, and lower levels do not count", async () => {
    const request = managed(
      strictPolicy(scene).replace('names: ["**"], level: signed', 'names: ["good"], level: signed'),
    );
    await expectControl(scene, { request });
    scene.policy(strictPolicy(scene, { npm: "locked" }));
    lockUnsigned();
    const attacked = await scene.run(request);
    expect(codesOf(attacked)).toEqual(["policy/no-rule"]);
    expect(attacked).toExitWith(1);
    const lowered = await scene.run(managed(strictPolicy(scene)));
    expect(codesOf(lowered)).toEqual(["signature/absent"]);
  });

  it("--mode only tightens", async () => {
    await expectControl(scene);
    lockUnsigned();
    for (const mode of ["warn", "disabled"] as const) {
      const attacked = await scene.run({ mode });
      expect(attacked).toExitWith(1);
      expect(attacked.report.decision.mode).toBe("strict");
      expect(codesOf(attacked)).toContain("policy/loosens");
    }
    scene.policy(strictPolicy(scene).replace("mode: strict", "mode: warn"));
    expect(await scene.run({ mode: "strict" })).toExitWith(1);
  });

  it("--trusted-root and --npm-keys do not outrank a managed policy", async () => {
    const request = managed(strictPolicy(scene));
    await expectControl(scene, { request });
    const stranger = await openScene();
    try {
      const files = stranger.kit.writeTrust(scene.directory);
      const attacked = await scene.run({
        ...request,
        trustedRoots: [files.trustedRoot],
        npmKeys: [files.npmKeys],
      });
      expect(attacked).toExitWith(1);
      expect(codesOf(attacked)).toEqual(["policy/loosens"]);
    } finally {
      await stranger.close();
    }
  });
});

describe("policy: what cannot be read does not open the gate", () => {
  const malformed: [string, (policy: string) => string | Uint8Array][] = [
    ["an unknown key", (policy) => `${policy}alow: all\n`],
    ["a duplicate key", (policy) => `${policy}mode: warn\n`],
    ["an anchor", (policy) => policy.replace("mode: strict", "mode: &m strict")],
    ["a merge key", (policy) => `${policy}<<: { mode: warn }\n`],
    ["a tag", (policy) => policy.replace("mode: strict", "mode: !!str strict")],
    ["two documents", (policy) => `${policy}---\nversion: 1\nmode: warn\n`],
    ["no YAML", () => "\t{"],
    ["nothing", () => ""],
    ["null", () => "null\n"],
    ["version 2", (policy) => policy.replace("version: 1", "version: 2")],
    [
      "an identity that nobody defines",
      (policy) => policy.replace("level: signed", "level: provenance, identities: [nobody]"),
    ],
    ["mode: off", (policy) => policy.replace("mode: strict", "mode: off")],
    ["__proto__", (policy) => `${policy}__proto__: { mode: warn }\n`],
    ["bytes", () => Buffer.alloc(64, 0xff)],
  ];
  it.each(malformed)("%s", async (_, edit) => {
    await expectControl(scene);
    lockUnsigned();
    scene.write({ ".countersign/policy.yaml": edit(strictPolicy(scene)) });
    const attacked = await scene.run();
    expect(attacked).toExitWith(2);
    expect(attacked.report.decision.mode).toBe("strict");
    expect(blocking(attacked).map(({ code }) => code)).toContain("policy/malformed");
    expect(blocking(attacked).find(({ code }) => code === "policy/malformed")?.at.path).toBe(
      ".countersign/policy.yaml",
    );
  });

  it("a managed policy that is malformed or missing, over a head that warns", async () => {
    const warn = strictPolicy(scene).replace("mode: strict", "mode: warn");
    await expectControl(scene, { request: managed(strictPolicy(scene)) });
    scene.policy(warn);
    lockUnsigned();
    const attacked = await scene.run(managed("mode: [\n"));
    expect(attacked).toExitWith(2);
    expect(codesOf(attacked)).toContain("policy/malformed");
    const missing = await scene.run({ managedPolicy: join(scene.environment.home, "gone.yaml") });
    expect(missing).toExitWith(2);
    expect(codesOf(missing)).toContain("policy/unreadable");
  });

  it("a base that cannot be had, or that is an option of git", async () => {
    await expectControl(scene);
    scene.policy(strictPolicy(scene).replace("mode: strict", "mode: warn"));
    commit();
    for (const base of [
      "0000000000000000000000000000000000000000",
      "--output=/tmp/x",
      "no-such-branch",
      "HEAD:package.json",
    ]) {
      const attacked = await scene.run({ base });
      expect(attacked.exitCode).not.toBe(0);
      expect(codesOf(attacked)).toContain("policy/unreadable");
    }
  });

  it("a policy that is a directory", async () => {
    await expectControl(scene);
    rmSync(join(scene.directory, ".countersign/policy.yaml"));
    scene.write({ ".countersign/policy.yaml/x": "" });
    lockUnsigned();
    const attacked = await scene.run();
    expect(attacked).toExitWith(2);
    expect(codesOf(attacked)).toContain("policy/unreadable");
  });
});

describe("D38: exceptions", () => {
  const withException = (text: string): void => scene.policy(`${strictPolicy(scene)}${text}`);

  it("bind the digest: the same name with other bytes is not excepted", async () => {
    withException(exception(unsigned.sha512));
    lockUnsigned();
    const control = await scene.run();
    expect(control).toExitWith(0);
    withException(exception("0".repeat(128)));
    await expectStopped(scene, { codes: ["signature/absent"], at: { path: lock, line: unsigned.integrity } });
  });

  it("cover only their codes, and expire", async () => {
    withException(exception(unsigned.sha512));
    lockUnsigned();
    expect(await scene.run()).toExitWith(0);
    withException(exception(unsigned.sha512).replace("signature/absent", "signature/malformed"));
    expect(codesOf(await scene.run())).toEqual(["signature/absent"]);
    withException(exception(unsigned.sha512).replace("2099-01-01", "2026-01-01"));
    const expired = await scene.run();
    expect(codesOf(expired)).toEqual(["signature/absent"]);
    expect(expired).toExitWith(1);
  });

  it("do not excuse what contradicts when they name only what is missing", async () => {
    const forged = scene.kit.npm.publish({ name: "unsigned", signature: { defects: ["wrong-integrity"] } });
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [forged] });
    withException(exception(forged.sha512));
    await expectStopped(scene, { codes: ["signature/invalid"], at: { path: lock, line: forged.integrity } });
  });
});

describe("D19 D34: strict means strict", () => {
  it("absence, contradiction and what could not be had each end non-zero", async () => {
    await expectControl(scene);
    lockUnsigned();
    expect(await scene.run()).toExitWith(1);
    const far = scene.kit.npm.publish({ name: "far" });
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [far] });
    scene.kit.npm.faults.add({ path: /^\/far/, fault: { kind: "status", status: 404 } });
    const gone = await scene.run({}, cold(scene));
    expect(gone.exitCode).not.toBe(0);
    expect(verdictOf(gone, "far").outcome).toBe("unverified");
    // Blocked and incomplete together is blocked.
    writeProject(scene.directory, { lock, registry: scene.kit.npm.url, packages: [far, unsigned] });
    scene.kit.npm.faults.clear();
    scene.kit.npm.faults.add({ path: /^\/far/, fault: { kind: "status", status: 400 } });
    const both = await scene.run({}, cold(scene));
    expect(codesOf(both)).toEqual(["evidence/http-status", "signature/absent"]);
    expect(both).toExitWith(1);
  });

  it("several lockfiles: one bad one is enough", async () => {
    await expectControl(scene);
    const { kit, directory } = scene;
    const file = kit.pypi.publish({ name: "leaf", listing: { hashes: { sha256: "0".repeat(64) } } });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [file] });
    await expectStopped(scene, { codes: ["listing/mismatch"], at: { path: "uv.lock", line: file.sha256 } });
  });

  it("an empty lockfile, or none, never means verified", async () => {
    await expectControl(scene);
    for (const text of [
      "",
      "{}",
      "null",
      "[]",
      '{"lockfileVersion":3}',
      '{"lockfileVersion":1,"dependencies":{}}',
      "﻿{}",
    ]) {
      scene.write({ [lock]: text });
      const attacked = await scene.run();
      expect(attacked).toExitWith(1);
      expect(blocking(attacked).some(({ at }) => at.path === lock)).toBe(true);
    }
    rmSync(join(scene.directory, lock));
    const none = await scene.run();
    expect(codesOf(none)).toEqual(["lockfile/not-found"]);
    expect(none).toExitWith(2);
  });
});
