import { rmSync } from "node:fs";
import process from "node:process";
import { createTestDirectory } from "@countersign/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { countersign, isBuilt, type Ended } from "../../test/scene.ts";
import { buildHook, missing, openScene, pnpms, type Scene } from "./scene.ts";

if (!isBuilt) process.stderr.write("countersign is not built, so its wrapper was not tested\n");

// Several starts of a package manager each, on machines that do other things as well.
vi.setConfig({ testTimeout: 240_000 });

let scene: Scene;
afterEach(() => scene.close());

const built = createTestDirectory("hook");
let hook: string;
beforeAll(() => {
  hook = buildHook(built.path);
});
afterAll(() => built.remove());

/** `countersign pnpm …` */
const gated = (args: readonly string[], name = "pnpm"): Promise<Ended> =>
  scene.run(args, { command: [process.execPath, countersign, name] });

async function expectDone(running: Promise<Ended>): Promise<string> {
  const { exitCode, output } = await running;
  expect({ exitCode, output }).toExitWith(0);
  return output;
}

const lock = ["install", "--lockfile-only"];

describe.each(pnpms)("%s behind the wrapper", (pnpm) => {
  const test = it.skipIf(!isBuilt || missing.includes(pnpm));

  test("installs, adds, removes and runs what passes", async () => {
    scene = await openScene(pnpm, "strict", null);
    await expectDone(gated(["install"]));
    expect(scene.has("pnpm-lock.yaml")).toBe(true);
    expect(scene.marked()).toContain("leaf@1.0.0");
    expect(await expectDone(gated(["add", "extra"]))).toContain("extra");
    expect(scene.has("node_modules/extra")).toBe(true);
    await expectDone(gated(["remove", "extra"]));
    expect(scene.has("node_modules/extra")).toBe(false);
    for (const command of ["update", "dedupe", "rebuild", "list"]) await expectDone(gated([command]));
    expect(await expectDone(gated(["exec", "node", "-p", "1+1"]))).toContain("2");
  });

  test("blocks a doctored lockfile, and the settings that would hide it", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    scene.doctor();
    for (const args of [
      ["install"],
      ["install", "--ignore-pnpmfile"],
      ["install", "--config.ignorePnpmfile=true", "--trust-lockfile"],
      ["ci", "--ignore-pnpmfile"],
      ["fetch"],
    ]) {
      const { exitCode, output } = await gated(args);
      expect(output).toContain("listing/mismatch");
      expect(exitCode).toBe(1);
    }
    expect(scene.has("node_modules/parser")).toBe(false);
    expect(scene.marked()).toBe("");
    // The attack is real.
    scene.mode("disabled");
    await expectDone(scene.run(["install", "--frozen-lockfile"]));
    expect(scene.marked()).toContain("leaf@1.0.0");
  });

  test("puts back nothing of a change that does not pass", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(gated(["install"]));
    rmSync(scene.mark);
    const before = [scene.read("package.json"), scene.read("pnpm-lock.yaml")];
    const { exitCode, output } = await gated(["add", "unsigned"]);
    expect(output).toContain("signature/absent");
    expect(exitCode).toBe(1);
    expect([scene.read("package.json"), scene.read("pnpm-lock.yaml")]).toEqual(before);
    expect(scene.has("node_modules/unsigned")).toBe(false);
    expect(scene.marked()).toBe("");
  });

  test("dlx: verified in a project of its own, and the second time without any server", async () => {
    scene = await openScene(pnpm, "strict", null);
    const { exitCode, output } = await gated(["unsigned"], "pnx");
    expect(output).toContain("signature/absent");
    expect(output).not.toContain("unsigned ran");
    expect(exitCode).toBe(1);
    expect(await expectDone(gated(["dlx", "leaf", "hello", "--x"]))).toContain("leaf ran hello --x");
    expect(await expectDone(gated(["add", "--global", "leaf"]))).toContain("countersign: allowed");
    expect(await expectDone(scene.run([], { command: ["leaf", "global"] }))).toContain("leaf ran global");
    expect(await gated(["add", "--global", "unsigned"])).toExitWith(1);
    await scene.kit.close();
    expect(await expectDone(gated(["leaf", "again"], "pnx"))).toContain("leaf ran again");
  });

  test("refuses what no flow covers, in strict alone", async () => {
    scene = await openScene(pnpm, "strict", null);
    const { exitCode, output } = await gated(["self-update"]);
    expect(output).toContain("command/uncovered");
    expect(exitCode).toBe(1);
  });

  test("in warn the user's own command runs", async () => {
    scene = await openScene(pnpm, "warn", null);
    await expectDone(scene.run(lock));
    scene.doctor();
    const output = await expectDone(gated(["install", "--frozen-lockfile"]));
    expect(output).toContain("listing/mismatch");
    expect(scene.has("node_modules/.pnpm/leaf@1.0.0/node_modules/leaf/evil.js")).toBe(true);
  });
});
