import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeProject } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codesOf, openScene, verdictOf, type Scene } from "../test/scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const strict = (url: string, level = "signed"): string => `version: 1
mode: strict
registries:
  - { url: "${url}", ecosystem: npm }
require:
  - { ecosystem: npm, names: ["**"], level: ${level} }
`;

describe("verify, npm", () => {
  it("allows what the registry signed, and reports provenance it was not asked for", async () => {
    const { kit, directory } = scene;
    const plain = kit.npm.publish({ name: "plain" });
    const built = kit.npm.publish({ name: "@acme/built", provenance: true });
    writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages: [plain, built] });
    scene.policy(strict(kit.npm.url));
    const verification = await scene.run();
    expect(codesOf(verification)).toEqual([]);
    expect(verification).toExitWith(0);
    expect(verdictOf(verification, "plain")).toMatchObject({ level: "signed", outcome: "verified" });
    expect(verdictOf(verification, "@acme/built")).toMatchObject({
      level: "provenance",
      outcome: "verified",
    });
  });

  it("D36: a warm run makes no request and comes to the same verdicts", async () => {
    const { kit, directory } = scene;
    const packages = [
      kit.npm.publish({ name: "plain" }),
      kit.npm.publish({ name: "@acme/built", provenance: true }),
    ];
    writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages });
    scene.policy(strict(kit.npm.url));
    const cold = await scene.run();
    expect(cold.report.requests).toBeGreaterThan(0);
    const seen = kit.requests.all.length;
    const warm = await scene.run();
    expect(kit.requests.all.length).toBe(seen);
    expect(warm.report.requests).toBe(0);
    expect(warm).toExitWith(0);
    expect(verdictOf(warm, "@acme/built").level).toBe("provenance");
  });

  it("works without a policy: warns, never blocks", async () => {
    const { kit, directory } = scene;
    const unsigned = kit.npm.publish({ name: "unsigned", signature: false });
    writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages: [unsigned] });
    const verification = await scene.run();
    expect(verification).toExitWith(0);
    expect(verification.report.decision).toMatchObject({ mode: "warn", outcome: "allow", strict: "block" });
    expect(codesOf(verification)).toContain("signature/absent");
  });

  it("D22: an unreachable registry ends 2 in strict and 0 in warn", async () => {
    const { kit, directory } = scene;
    const plain = kit.npm.publish({ name: "plain" });
    writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages: [plain] });
    scene.policy(strict(kit.npm.url));
    kit.npm.faults.add({ path: /^\/plain/, fault: { kind: "status", status: 503 } });
    const blocked = await scene.run();
    expect(blocked).toExitWith(2);
    expect(codesOf(blocked)).toContain("evidence/http-status");
    scene.policy(strict(kit.npm.url).replace("strict", "warn"));
    const warned = await scene.run();
    expect(warned).toExitWith(0);
    expect(warned.report.decision.strict).toBe("incomplete");
  });
});

describe("verify, against the trusted base", () => {
  it("requirements that have lost their hashes are refused, though they are no lockfile any more", async () => {
    const { kit, directory } = scene;
    const git = (...args: string[]): void =>
      void execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.example", ...args], {
        cwd: directory,
        stdio: "ignore",
      });
    rmSync(join(directory, ".git"), { recursive: true });
    const leaf = kit.npm.publish({ name: "leaf" });
    writeProject(directory, { lock: "package-lock.json", registry: kit.npm.url, packages: [leaf] });
    scene.write({ "requirements.txt": `six==1.16.0 --hash=sha256:${"0".repeat(64)}\n` });
    git("init", "-q");
    git("add", "-A");
    git("commit", "-qm", "base");
    scene.policy(strict(kit.npm.url));
    scene.write({ "requirements.txt": "six==1.16.0\n" });
    expect(await scene.run()).toExitWith(0);
    const compared = await scene.run({ base: "HEAD" });
    expect(codesOf(compared)).toContain("artefact/digest-missing");
    expect(compared).toExitWith(1);
  });

  it("a host that only the project's own files name is not asked where the policy names registries", async () => {
    const { kit, directory } = scene;
    const leaf = kit.npm.publish({ name: "leaf" });
    writeProject(directory, { lock: "package-lock.json", registry: kit.elsewhere.url, packages: [leaf] });
    const lock = join(directory, "package-lock.json");
    writeFileSync(lock, readFileSync(lock, "utf8").replaceAll(kit.npm.url, kit.elsewhere.url));
    scene.policy(strict(kit.npm.url));
    const verification = await scene.run();
    expect(verification.exitCode).not.toBe(0);
    expect(kit.requests.count({ server: "elsewhere" })).toBe(0);
  });
});
