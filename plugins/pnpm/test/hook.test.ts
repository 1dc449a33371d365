import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createTestDirectory, writeFiles } from "@countersign/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { wantingApproval, type Ended } from "../../test/scene.ts";
import { buildHook, missing, openScene, pnpms, type Scene } from "./scene.ts";

const built = createTestDirectory("hook");
let hook: string;
beforeAll(() => {
  hook = buildHook(built.path);
});
afterAll(() => built.remove());

// Several starts of a package manager each, on machines that do other things as well.
vi.setConfig({ testTimeout: 240_000 });

let scene: Scene;
afterEach(() => scene.close());

function expectBlocked({ exitCode, output }: Ended, code: string): void {
  expect(output).toContain(code);
  expect(output).toContain("ERR_COUNTERSIGN_BLOCKED");
  expect(exitCode).not.toBe(0);
  expect(scene.marked()).toBe("");
}

async function expectDone(running: Promise<Ended>): Promise<string> {
  const { exitCode, output } = await running;
  expect({ exitCode, output }).toExitWith(0);
  return output;
}

const lock = ["install", "--lockfile-only"];
const frozen = ["install", "--frozen-lockfile"];

describe.each(pnpms)("%s", (pnpm) => {
  const test = it.skipIf(missing.includes(pnpm));

  test("control: the hook lets good packages be installed, built, installed again and added to", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    const cold = await expectDone(scene.run(frozen));
    expect(cold).toContain("countersign: allowed: 3 packages pass (strict, .countersign/policy.yaml)");
    expect(scene.has("node_modules/parser/package.json")).toBe(true);
    expect(scene.marked()).toContain("leaf@1.0.0");
    const again = await expectDone(scene.run(["install"]));
    expect(again).toContain("countersign: allowed");
    expect(again).toContain("lready up to date");
    await expectDone(scene.run(["add", "extra"]));
    expect(scene.marked()).toContain("extra@1.0.0");
    await expectDone(scene.run(["fetch"], { variables: { CI: "true" } }));
  });

  test("a doctored lockfile is blocked: frozen from a cold store, fetch, and add", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    scene.doctor();
    for (const args of [
      frozen,
      ["fetch"],
      ["add", "extra"],
      ["install"],
      ["ci"],
      ["update"],
      ["remove", "parser"],
    ])
      expectBlocked(await scene.run(args), "listing/mismatch");
    expect(scene.has("node_modules/parser")).toBe(false);
    expect(scene.has("node_modules/extra")).toBe(false);
  });

  test("a doctored lockfile is blocked with the evil package in the store already", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    scene.doctor();
    scene.mode("disabled");
    await expectDone(scene.run(frozen));
    scene.mode("strict");
    rmSync(scene.mark);
    expect(scene.has("node_modules/parser")).toBe(true);
    rmSync(join(scene.directory, "node_modules"), { recursive: true });
    expectBlocked(await scene.run([...frozen, "--offline"]), "listing/mismatch");
    expect(scene.has("node_modules/parser")).toBe(false);
  });

  test("a lockfile that is doctored after the install is blocked where nothing is left to do", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    await expectDone(scene.run(frozen));
    rmSync(scene.mark);
    scene.doctor();
    expectBlocked(await scene.run(["install"]), "listing/mismatch");
  });

  test("a lockfile without the approval that the policy wants is blocked in every flow that reads it", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    scene.write({ ".countersign/policy.yaml": wantingApproval(scene.read(".countersign/policy.yaml")) });
    for (const args of [frozen, ["install"], ["fetch"]])
      expectBlocked(await scene.run(args), "seal/approval-missing");
    expect(scene.has("node_modules/parser")).toBe(false);
  });

  test("a newly resolved package without a signature is blocked before it is linked or built", async () => {
    scene = await openScene(pnpm, "strict", hook);
    await expectDone(scene.run(lock));
    expectBlocked(await scene.run(["add", "unsigned"]), "signature/absent");
    expect(scene.has("node_modules/unsigned")).toBe(false);
    expect(scene.read("pnpm-lock.yaml")).not.toContain("unsigned");
    rmSync(join(scene.directory, "pnpm-lock.yaml"));
    scene.write({
      "package.json": JSON.stringify({ name: "project", optionalDependencies: { unsigned: "1.0.0" } }),
    });
    const optional = await scene.run(["install", "--no-frozen-lockfile"]);
    expect(optional.output).toContain("signature/absent");
    expect(optional.exitCode).not.toBe(0);
    expect(scene.has("node_modules/unsigned")).toBe(false);
    expect(scene.marked()).toBe("");
  });

  test("mode warn reports and changes nothing", async () => {
    scene = await openScene(pnpm, "warn", hook);
    await expectDone(scene.run(lock));
    expect(await expectDone(scene.run(["add", "unsigned"]))).toContain("signature/absent");
    expect(scene.marked()).toContain("unsigned@1.0.0");
    rmSync(join(scene.directory, "node_modules"), { recursive: true });
    rmSync(scene.home("data"), { recursive: true, force: true });
    scene.doctor();
    const lockfile = scene.read("pnpm-lock.yaml");
    const warned = await expectDone(scene.run([...frozen, "--store-dir", scene.home("other-store")]));
    expect(warned).toContain("listing/mismatch");
    expect(scene.has("node_modules/.pnpm/leaf@1.0.0/node_modules/leaf/evil.js")).toBe(true);
    expect(scene.read("pnpm-lock.yaml")).toBe(lockfile);
  });

  test("mode disabled says, asks and keeps nothing", async () => {
    scene = await openScene(pnpm, "disabled", hook);
    await expectDone(scene.run(lock));
    expect(await expectDone(scene.run(["add", "unsigned"]))).not.toContain("countersign:");
    expect(await expectDone(scene.run(frozen))).not.toContain("countersign:");
    const asked = scene.kit.requests.all.map(({ path }) => path);
    expect(asked.filter((path) => path.includes("attestations"))).toEqual([]);
    expect(existsSync(scene.home("cache/countersign"))).toBe(false);
  });

  test("the lockfile of a workspace counts from every package of it", async () => {
    scene = await openScene(pnpm, "strict", hook);
    scene.write({
      "pnpm-workspace.yaml": `packages: ["packages/*"]\n${scene.read("pnpm-workspace.yaml")}`,
      "packages/a/package.json": JSON.stringify({
        name: "a",
        version: "1.0.0",
        dependencies: { leaf: "1.0.0" },
      }),
    });
    await expectDone(scene.run(lock));
    const directory = join(scene.directory, "packages/a");
    await expectDone(scene.run(frozen, { directory }));
    rmSync(scene.mark);
    scene.doctor();
    expectBlocked(await scene.run(frozen, { directory }), "listing/mismatch");
    expectBlocked(await scene.run(["--filter", "a", "install"]), "listing/mismatch");
    expectBlocked(await scene.run(["-C", directory, "add", "extra"]), "listing/mismatch");
  });

  test("as a config dependency", async () => {
    scene = await openScene(pnpm, "strict", null);
    scene.kit.npm.publish({
      name: "pnpm-plugin-countersign",
      files: [
        { path: "pnpmfile.cjs", content: readFileSync(join(import.meta.dirname, "../pnpmfile.cjs"), "utf8") },
        { path: "dist/pnpmfile.cjs", content: hook },
      ],
    });
    await expectDone(scene.run(["add", "--config", "pnpm-plugin-countersign@1.0.0"]));
    await expectDone(scene.run(lock));
    expect(await expectDone(scene.run(frozen))).toContain("countersign: allowed");
    rmSync(scene.mark);
    scene.doctor();
    expectBlocked(await scene.run(["install"]), "listing/mismatch");
    expectBlocked(await scene.run(["add", "extra"]), "listing/mismatch");
  });

  test("as the user's global pnpmfile it reaches projects without it, dlx and global packages", async () => {
    scene = await openScene(pnpm, "strict", null);
    const path = scene.home("countersign.cjs");
    writeFiles(scene.home("."), { "countersign.cjs": hook, "config/pnpm/rc": `global-pnpmfile=${path}\n` });
    writeFiles(scene.home("."), { "config/pnpm/config.yaml": `globalPnpmfile: ${path}\n` });
    await expectDone(scene.run(lock));
    expect(await expectDone(scene.run(frozen))).toContain("countersign: allowed");
    expect(await expectDone(scene.run(["dlx", "leaf", "hello"]))).toContain("leaf ran hello");
    rmSync(scene.mark);
    expectBlocked(await scene.run(["dlx", "unsigned"]), "signature/absent");
    expectBlocked(await scene.run(["add", "-g", "unsigned"]), "signature/absent");
    scene.doctor();
    expectBlocked(await scene.run(["install"]), "listing/mismatch");
  });
});
