import { existsSync } from "node:fs";
import { join } from "node:path";
import { hasManager } from "@countersign/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isBuilt, wantingApproval } from "../../test/scene.ts";
import { hasScanner, openScene, type Scene } from "./scene.ts";

const ready = hasManager("bun-1") && isBuilt && hasScanner;
if (!ready) console.warn("SKIPPED: bun-1 is not installed below e2e/managers, or nothing is built");

describe.skipIf(!ready)("with the real Bun", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene?.close());

  const installed = (): string | null =>
    scene.has("node_modules/leaf/package.json")
      ? (JSON.parse(scene.read("node_modules/leaf/package.json")) as { name: string }).name
      : null;

  describe("the wrapper in strict", () => {
    it.each(["ci", "install", "install --frozen-lockfile"])(
      "T22: installs what is good, frozen: bun %s",
      async (line) => {
        scene.begin("strict");
        const ran = await scene.countersign("bun", ...line.split(" "));
        expect(ran).toExitWith(0);
        expect(installed()).toBe("leaf");
        expect((await scene.bun("x", "--no-install", "tool", "hi")).output).toContain("tool leaf@1.0.0 hi");
      },
    );

    it.each(["ci", "install"])("stops an evil tarball with its own digest: bun %s", async (command) => {
      scene.begin("strict");
      scene.swap(scene.evil.integrity);
      const ran = await scene.countersign("bun", command);
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("listing/mismatch");
      expect(scene.has("node_modules")).toBe(false);
      expect(scene.evilRan()).toBe(false);
    });

    it("the same attack without the gate installs and runs: the control", async () => {
      scene.begin("strict");
      scene.swap(scene.evil.integrity);
      expect(await scene.bun("ci")).toExitWith(0);
      expect(installed()).toBe("evil");
      expect(scene.evilRan()).toBe(true);
    });

    it("T17: stops an entry without a digest, which Bun installs", async () => {
      scene.begin("strict");
      scene.swap("");
      const ran = await scene.countersign("bun", "ci");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("artefact/digest-missing");
      expect(scene.has("node_modules")).toBe(false);
    });

    it("T15: a poisoned shared cache is not used, and node_modules is laid out anew", async () => {
      scene.begin("strict");
      const good = scene.read("bun.lock");
      scene.swap(scene.evil.integrity);
      await scene.bun("ci");
      scene.write({ "bun.lock": good });
      expect(installed()).toBe("evil");
      const ran = await scene.countersign("bun", "ci");
      expect(ran).toExitWith(0);
      expect(installed()).toBe("leaf");
    });

    it("stops a .env that turns Bun's integrity check off", async () => {
      scene.begin("strict");
      scene.write({ ".env": "BUN_CONFIG_NO_VERIFY=1\n" });
      const ran = await scene.countersign("bun", "ci");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("settings/weakens");
      expect(scene.has("node_modules")).toBe(false);
    });

    it("adds on a copy, shows who it is, and installs it with a hook in place", async () => {
      scene.begin("strict", { hook: true });
      scene.kit.npm.publish({ name: "fresh" });
      const ran = await scene.countersign("bun", "add", "fresh");
      expect(ran).toExitWith(0);
      expect(ran.output).toContain("fresh@1.0.0");
      expect(scene.read("package.json")).toContain('"fresh"');
      expect(scene.has("node_modules/fresh/index.js")).toBe(true);
    });

    it("adds nothing that the policy does not accept", async () => {
      scene.begin("strict");
      scene.kit.npm.publish({ name: "unsigned", signature: false });
      const before = [scene.read("package.json"), scene.read("bun.lock")];
      const ran = await scene.countersign("bun", "add", "unsigned");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("signature/absent");
      expect([scene.read("package.json"), scene.read("bun.lock")]).toEqual(before);
      expect(scene.has("node_modules")).toBe(false);
    });

    it("a program without node_modules installs nothing on the spot, nor does one that it starts", async () => {
      scene.begin("strict");
      const manifest = { name: "project", scripts: { start: "bun a.ts" } };
      scene.write({
        "a.ts": `import leaf from "leaf"; console.log("ran", leaf);\n`,
        "package.json": JSON.stringify(manifest),
      });
      expect((await scene.bun("a.ts")).output).toContain("ran leaf");
      for (const args of [["a.ts"], ["run", "start"]]) {
        const ran = await scene.countersign("bun", ...args);
        expect(ran).toExitWith(1);
        expect(ran.output).not.toContain("ran leaf");
      }
    });

    it("refuses what it does not cover", async () => {
      scene.begin("strict");
      for (const args of [
        ["add", "-g", "leaf"],
        ["ci", "--no-verify"],
        ["pm", "trust", "leaf"],
      ]) {
        const ran = await scene.countersign("bun", ...args);
        expect(ran).toExitWith(1);
        expect(ran.output).toContain("command/uncovered");
      }
    });
  });

  it("bunx runs from a verified project of its own, the second time without a network", async () => {
    scene.begin("strict");
    const first = await scene.countersign("bunx", "tool@1.0.0", "a", "b");
    expect(first).toExitWith(0);
    expect(first.output).toContain("tool leaf@1.0.0 a b");
    expect(scene.has("node_modules")).toBe(false);
    scene.kit.requests.clear();
    const second = await scene.countersign("bunx", "tool@1.0.0", "c");
    expect(second.output).toContain("tool leaf@1.0.0 c");
    expect(scene.kit.requests.all).toEqual([]);
  });

  it("bunx runs nothing of a package that the policy does not accept", async () => {
    scene.begin("strict");
    const content = `#!/usr/bin/env node\nconsole.log("it ran");\n`;
    const files = [{ path: "cli.js", content }];
    scene.kit.npm.publish({ name: "shady", signature: false, manifest: { bin: "cli.js" }, files });
    const ran = await scene.countersign("bunx", "shady");
    expect(ran).toExitWith(1);
    expect(ran.output).toContain("signature/absent");
    expect(ran.output).not.toContain("it ran");
  });

  describe("the scanner in strict", () => {
    it.each(["install", "install --frozen-lockfile", "ci"])("stops bun %s", async (line) => {
      scene.begin("strict", { hook: true });
      const command = line.split(" ");
      expect(await scene.bun(...command)).toExitWith(0);
      scene.begin("strict", { hook: true });
      scene.swap(scene.evil.integrity);
      const ran = await scene.bun(...command);
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("FATAL: leaf");
      expect(ran.output).toContain("listing/mismatch");
      expect(scene.has("node_modules")).toBe(false);
      expect(scene.evilRan()).toBe(false);
    });

    it("stops a lockfile without the approval that the policy wants", async () => {
      scene.begin("strict", { hook: true });
      scene.write({ ".countersign/policy.yaml": wantingApproval(scene.read(".countersign/policy.yaml")) });
      const ran = await scene.bun("ci");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("seal/approval-missing");
      expect(scene.has("node_modules")).toBe(false);
    });

    it("stops an install that changes nothing, too", async () => {
      scene.begin("strict", { hook: true });
      await scene.bun("ci");
      scene.swap(scene.evil.integrity);
      expect((await scene.bun("install")).output).toContain("listing/mismatch");
    });

    it.each(["add evil", "update"])("leaves to the wrapper what is not locked yet: bun %s", async (line) => {
      scene.begin("strict", { hook: true });
      if (line === "update") {
        scene.kit.npm.publish({ name: "tool", version: "1.5.0" });
        scene.write({
          "package.json": scene.read("package.json").replace('"1.0.0"}', '"^1.0.0"}'),
        });
      }
      const before = [scene.read("package.json"), scene.read("bun.lock")];
      const ran = await scene.bun(...line.split(" "));
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("command/uncovered");
      expect(ran.output).toContain("countersign bun");
      expect([scene.read("package.json"), scene.read("bun.lock")]).toEqual(before);
      expect(scene.evilRan()).toBe(false);
    });

    it("a comment in the lockfile locks nothing", async () => {
      scene.begin("strict", { hook: true });
      const lock = scene.read("bun.lock").replace("{\n", '{\n  // "evil": ["evil@1.0.0", ""]\n');
      scene.write({ "bun.lock": lock });
      const ran = await scene.bun("add", "evil");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("command/uncovered");
    });

    it("a .env of the project does not choose where our evidence is kept", async () => {
      scene.begin("strict", { hook: true });
      scene.write({ ".env": "COUNTERSIGN_CACHE_DIR=./evidence\n" });
      expect(await scene.bun("ci")).toExitWith(0);
      expect(existsSync(join(scene.directory, "evidence"))).toBe(false);
    });
  });

  it("T4: in warn everything is reported and the user's command runs as it is", async () => {
    scene.begin("warn", { hook: true });
    scene.swap(scene.evil.integrity);
    const wrapped = await scene.countersign("bun", "ci");
    expect(wrapped).toExitWith(0);
    expect(wrapped.output).toContain("listing/mismatch");
    expect(installed()).toBe("evil");
    scene.begin("warn", { hook: true });
    const added = await scene.bun("add", "evil");
    expect(added).toExitWith(0);
    expect(added.output).toContain("evil@1.0.0 is not in bun.lock yet");
  });

  it("in mode disabled nobody but Bun asks anything", async () => {
    scene.begin("disabled", { hook: true });
    expect(await scene.countersign("bun", "ci")).toExitWith(0);
    const agents = scene.kit.requests.all.map(({ headers }) => String(headers["user-agent"]));
    expect(agents.filter((agent) => !agent.startsWith("Bun/"))).toEqual([]);
    expect(agents.length).toBeGreaterThan(0);
  });
});
