import { rmSync } from "node:fs";
import { join } from "node:path";
import { hasManager } from "@countersign/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isBuilt } from "../../test/scene.ts";
import { openScene, type Scene } from "./scene.ts";

const ready = hasManager("deno-2") && isBuilt;
if (!ready) console.warn("SKIPPED: deno-2 is not installed below e2e/managers, or nothing is built");

describe.skipIf(!ready)("with the real Deno", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene?.close());

  const manifest = "node_modules/.deno/leaf@1.0.0/node_modules/leaf/package.json";
  const installed = (): string | null =>
    scene.has(manifest) ? (JSON.parse(scene.read(manifest)) as { name: string }).name : null;
  const printing = { "a.ts": `import leaf from "npm:leaf@1.0.0"; console.log("ran", leaf);\n` };

  describe("in strict", () => {
    it.each(["ci", "install", "install --frozen"])(
      "T22: installs frozen and runs what is good: deno %s",
      async (line) => {
        scene.begin("strict");
        expect(await scene.countersign("deno", ...line.split(" "))).toExitWith(0);
        expect(installed()).toBe("leaf");
        const ran = await scene.countersign("deno", "run", "-A", "npm:tool@1.0.0", "hi");
        expect(ran.output).toContain("tool leaf@1.0.0 hi");
      },
    );

    it.each(["ci", "install", "run a.ts", "check a.ts", "cache a.ts", "task start"])(
      "stops an evil tarball with its own digest: deno %s",
      async (line) => {
        scene.begin("strict");
        scene.write({
          "a.ts": `console.log("it ran");\n`,
          "deno.json": '{"tasks":{"start":"deno run a.ts"}}',
        });
        scene.swap(scene.evil.integrity);
        const ran = await scene.countersign("deno", ...line.split(" "));
        expect(ran).toExitWith(1);
        expect(ran.output).toContain("listing/mismatch");
        expect(ran.output).not.toContain("it ran");
        expect(scene.has("node_modules")).toBe(false);
      },
    );

    it("the same attack without the gate installs and runs: the control", async () => {
      scene.begin("strict");
      scene.swap(scene.evil.integrity);
      expect(await scene.deno("ci")).toExitWith(0);
      expect(installed()).toBe("evil");
      const ran = await scene.deno("run", "-A", "npm:tool@1.0.0");
      expect(ran.output).toContain("tool evil@1.0.0");
    });

    it("T17: stops an entry without a digest, which Deno installs", async () => {
      scene.begin("strict");
      const lock = scene.read("deno.lock").replace(`"integrity": "${scene.leaf.integrity}",`, "");
      scene.write({ "deno.lock": lock.replace(scene.leaf.tarballUrl, scene.evil.tarballUrl) });
      const ran = await scene.countersign("deno", "ci");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("artefact/digest-missing");
      expect(scene.has("node_modules")).toBe(false);
      expect(await scene.deno("ci")).toExitWith(0);
      expect(installed()).toBe("evil");
    });

    it("T15: a poisoned shared cache is not used, and node_modules is laid out anew", async () => {
      scene.begin("strict");
      const good = scene.read("deno.lock");
      scene.swap(scene.evil.integrity);
      await scene.deno("ci");
      scene.write({ "deno.lock": good });
      await scene.deno("ci");
      expect(installed()).toBe("evil");
      expect(await scene.countersign("deno", "ci")).toExitWith(0);
      expect(installed()).toBe("leaf");
    });

    it("stops a deno.json that has another lockfile read, or none", async () => {
      for (const lock of ["false", '"other.lock"', '{ "path": "other.lock" }']) {
        scene.begin("strict");
        scene.write({ "deno.json": `{ "lock": ${lock} }` });
        const ran = await scene.countersign("deno", "ci");
        expect(ran).toExitWith(1);
        expect(ran.output).toContain("settings/weakens");
      }
    });

    it("adds on a copy and shows who it is; what the policy does not accept changes nothing", async () => {
      scene.begin("strict");
      scene.kit.npm.publish({ name: "fresh" });
      scene.kit.npm.publish({ name: "unsigned", signature: false });
      const ran = await scene.countersign("deno", "add", "npm:fresh");
      expect(ran).toExitWith(0);
      expect(ran.output).toContain("fresh@1.0.0");
      expect(scene.has("node_modules/fresh/index.js")).toBe(true);
      const before = [scene.read("package.json"), scene.read("deno.lock")];
      const refused = await scene.countersign("deno", "add", "npm:unsigned");
      expect(refused).toExitWith(1);
      expect(refused.output).toContain("signature/absent");
      expect([scene.read("package.json"), scene.read("deno.lock")]).toEqual(before);
    });

    it("runs with what is locked and fetches nothing else", async () => {
      scene.begin("strict");
      await scene.countersign("deno", "ci");
      scene.write({ "a.ts": `import evil from "npm:evil"; console.log("ran", evil);\n` });
      const ran = await scene.countersign("deno", "run", "-A", "a.ts");
      expect(ran).toExitWith(1);
      expect(ran.output).not.toContain("ran evil");
      expect(scene.kit.requests.count({ path: /evil/ })).toBeLessThanOrEqual(1);
    });

    it("without a lockfile a program of this machine runs, and fetches nothing", async () => {
      scene.begin("strict");
      for (const file of ["deno.lock", "package.json"]) rmSync(join(scene.directory, file));
      scene.write({ ...printing, "b.ts": `console.log("b ran");\n` });
      expect((await scene.countersign("deno", "run", "b.ts")).output).toContain("b ran");
      const ran = await scene.countersign("deno", "a.ts");
      expect(ran).toExitWith(1);
      expect(ran.output).not.toContain("ran leaf");
      expect(scene.kit.requests.all).toEqual([]);
    });

    it("refuses what is locked nowhere, and what it does not cover", async () => {
      scene.begin("strict");
      rmSync(join(scene.directory, "deno.lock"));
      const remote = `${scene.kit.elsewhere.url}/x.ts`;
      for (const args of [
        ["run", "-A", remote],
        ["check", remote],
        ["run", "--no-lock", "a.ts"],
        ["lint"],
        ["upgrade"],
      ]) {
        const ran = await scene.countersign("deno", ...args);
        expect(ran).toExitWith(1);
        expect(ran.output).toContain("command/uncovered");
      }
      expect(scene.kit.requests.all).toEqual([]);
    });

    it.each([
      ["run", "-A"],
      ["x", "-y"],
    ])(
      "deno %s runs from a verified project of its own, the second time without a network",
      async (command, flag) => {
        scene.begin("strict");
        for (const file of ["deno.lock", "package.json"]) rmSync(join(scene.directory, file));
        const first = await scene.countersign("deno", command, flag, "npm:tool@1.0.0", "a");
        expect(first).toExitWith(0);
        expect(first.output).toContain("tool leaf@1.0.0 a");
        scene.kit.requests.clear();
        const second = await scene.countersign("deno", command, flag, "npm:tool@1.0.0", "b");
        expect(second.output).toContain("tool leaf@1.0.0 b");
        expect(scene.kit.requests.all).toEqual([]);
        expect(scene.has("node_modules")).toBe(false);
      },
    );

    it("runs nothing of a package that the policy does not accept", async () => {
      scene.begin("strict");
      const content = `#!/usr/bin/env node\nconsole.log("it ran");\n`;
      const files = [{ path: "cli.js", content }];
      scene.kit.npm.publish({ name: "shady", signature: false, manifest: { bin: "cli.js" }, files });
      const ran = await scene.countersign("deno", "run", "-A", "npm:shady");
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("signature/absent");
      expect(ran.output).not.toContain("it ran");
    });
  });

  it("T4: in warn everything is reported and the user's command runs as it is", async () => {
    scene.begin("warn");
    scene.swap(scene.evil.integrity);
    const ran = await scene.countersign("deno", "ci");
    expect(ran).toExitWith(0);
    expect(ran.output).toContain("listing/mismatch");
    expect(installed()).toBe("evil");
  });

  it("in mode disabled nobody but Deno asks anything", async () => {
    scene.begin("disabled");
    expect(await scene.countersign("deno", "ci")).toExitWith(0);
    const agents = scene.kit.requests.all.map(({ headers }) => String(headers["user-agent"]));
    expect(agents.filter((agent) => !agent.startsWith("Deno/"))).toEqual([]);
    expect(agents.length).toBeGreaterThan(0);
  });
});
