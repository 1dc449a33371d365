import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeProject } from "@countersign/testkit";
import { openScene, policyOf, type Scene } from "./scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const path = ".countersign/policy.yaml";
const written = (): string => readFileSync(join(scene.directory, path), "utf8");

describe("policy init", () => {
  it("names the registries of every lockfile, in warn, and shows what it wrote", async () => {
    const widget = scene.kit.npm.publish({ name: "widget" });
    const wheel = scene.kit.pypi.publish({ name: "thing", version: "1.0.0" });
    writeProject(scene.directory, {
      lock: "package-lock.json",
      packages: [widget],
      registry: scene.kit.npm.url,
    });
    writeProject(scene.directory, { lock: "uv.lock", files: [wheel], index: scene.kit.pypi.simpleUrl });
    const ran = await scene.run("policy", "init");
    expect(ran).toExitWith(0);
    expect(ran.out).toContain(written());
    expect(written()).toMatch(/^mode: warn$/m);
    expect(written()).toContain(`url: "${scene.kit.npm.url}"\n    ecosystem: npm`);
    expect(written()).toContain(`url: "${scene.kit.pypi.simpleUrl}"\n    ecosystem: pypi`);
    expect(await scene.run("policy", "check")).toExitWith(0);
  });

  it("never overwrites", async () => {
    scene.write({ [path]: "mine\n" });
    const ran = await scene.run("policy", "init");
    expect(ran).toMatchObject({ exitCode: 2, out: "", err: expect.stringContaining("exists already") });
    expect(written()).toBe("mine\n");
  });
});

describe("policy check", () => {
  it("lists every mistake with its line, and ends 2", async () => {
    scene.write({ [path]: "version: 1\nmode: lax\nage: { minimum: 3 }\nunknwon: 1\n" });
    const ran = await scene.run("policy", "check");
    expect(ran).toExitWith(2);
    for (const line of [2, 3, 4]) expect(ran.out).toContain(`${path}:${line}:`);
    expect(ran.out.match(/^ {2}fix: /gm)).toHaveLength(3);
  });

  it("checks a named file by itself", async () => {
    scene.write({ "good.yaml": policyOf(scene, "strict"), "bad.yaml": "version: 2\n" });
    expect(await scene.run("policy", "check", "good.yaml")).toExitWith(0);
    expect(await scene.run("policy", "check", "bad.yaml")).toExitWith(2);
    expect(await scene.run("policy", "check", "none.yaml")).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("there is no such file"),
    });
  });

  it("finds a layer that loosens a higher one", async () => {
    scene.write({ "managed.yaml": policyOf(scene, "strict"), [path]: policyOf(scene, "warn") });
    expect(await scene.run("policy", "check")).toExitWith(0);
    const ran = await scene.run("policy", "check", "--managed-policy", "managed.yaml");
    expect(ran).toExitWith(2);
    expect(ran.out).toContain("mode: it says warn, the higher layer strict");
  });
});

describe("policy show", () => {
  it("shows every value with the line that states it", async () => {
    scene.write({ [path]: `${policyOf(scene, "strict")}age: { minimum: 72h }\n` });
    const { out, exitCode } = await scene.run("policy", "show");
    expect(exitCode).toBe(0);
    expect(out).toContain(`mode: strict  # ${path}:2`);
    expect(out).toMatch(/age\.minimum: 3d|age\.minimum: 72h/);
    expect(out).toContain("sources.git: deny  # default");
    expect(out).toContain(`  # ${path}:6`);
  });

  it("shows the merged policy as JSON, and the built-in one where there is none", async () => {
    type Shown = {
      schema: string;
      builtIn: boolean;
      fields: { field: string; value: unknown; at: { path: string } | null }[];
    };
    const none = JSON.parse((await scene.run("policy", "show", "--json")).out) as Shown;
    expect(none).toMatchObject({ schema: "countersign/policy/1", builtIn: true });
    scene.write({ "managed.yaml": policyOf(scene, "warn"), [path]: policyOf(scene, "strict") });
    const merged = JSON.parse(
      (await scene.run("policy", "show", "--json", "--managed-policy", "managed.yaml")).out,
    ) as Shown;
    expect(merged.fields.find(({ field }) => field === "mode")).toMatchObject({
      value: "strict",
      at: { path },
    });
  });
});
