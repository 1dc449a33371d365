import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { writeProject } from "@countersign/testkit";
import type { Scene } from "../scene.ts";
import { git } from "../sealing.ts";
import { removeSeal, reseal } from "./forging.ts";
import {
  allowed,
  openSealed,
  outcomeOf,
  succeed,
  widgetOf,
  writePackages,
  type Outcome,
  type SealedProject,
} from "./sealed-project.ts";

let project: SealedProject;
afterEach(() => project.close());

const name = "package-lock.json";
const inFolder = async (folder: string, ...args: readonly string[]): Promise<Outcome> =>
  outcomeOf(await project.scene.runWith({ directory: project.path(folder) }, "verify", "--json", ...args));
const signIn = (folder: string): Promise<unknown> =>
  project.scene
    .runWith(
      { directory: project.path(folder) },
      "sign",
      "--approve",
      "--yes",
      "--key",
      join(project.scene.setting.scratch, "keys/alice.pem"),
    )
    .then(succeed);
const approved = { ...allowed, approvals: ["alice"] };
const unapproved = { exitCode: 1, blocks: ["seal/approval-missing"], approvals: [] };

/** The same project in several folders, with one policy above them. */
const folders = async (...names: readonly string[]): Promise<void> => {
  project = await openSealed({
    signed: false,
    project: (scene: Scene) => {
      for (const folder of names) writePackages(scene, [widgetOf(scene)], name, folder);
    },
  });
};

describe("two lockfiles in one repository", () => {
  it("with the same bytes need an approval each, even one with the other's path", async () => {
    await folders("apps/a", "apps/b");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    expect(await inFolder("apps/b")).toMatchObject({ ...unapproved, seals: ["seal/subject-mismatch"] });
    const [seal = ""] = project.seals();
    // Control: what alice would have signed there counts there.
    reseal(project.scene, seal, "alice", ({ subject }, claim) => {
      subject.splice(0, 1, { name: `apps/b/${name}`, digest: { sha256: seal.split("/")[2] ?? "" } });
      for (const resource of claim["resources"] as { name: string }[])
        resource.name = resource.name.replace("apps/a/", "apps/b/");
    });
    expect(await inFolder("apps/a")).toMatchObject(approved);
    expect(await inFolder("apps/b")).toMatchObject(approved);
    removeSeal(project.scene, seal);
    expect(await inFolder("apps/a")).toMatchObject(unapproved);
  });

  it("named or found, from above or from inside, is the same lockfile", async () => {
    await folders("apps/a");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    expect(await project.verify("--lockfile", "apps/a/package-lock.json")).toMatchObject(approved);
    expect(await inFolder("apps/a", "--lockfile", "package-lock.json")).toMatchObject(approved);
  });

  it("F14: files of ours count where they are read, not where a change puts others of that name", async () => {
    await folders("apps/a");
    project.write(".countersign/hooks/npm.mjs", "good\n");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    project.write("apps/a/.countersign/hooks/npm.mjs", "good\n");
    project.write(".countersign/hooks/npm.mjs", "evil\n");
    expect(await inFolder("apps/a")).toMatchObject(unapproved);
  });

  it("F14: what managers read in the folders above belongs to the closure", async () => {
    await folders("apps/a");
    project.write("apps/a/yarn.lock", "");
    rmSync(project.path("apps/a/package-lock.json"));
    writePackages(project.scene, [widgetOf(project.scene)], "yarn.lock", "apps/a");
    project.write(".yarnrc.yml", "yarnPath: tools/yarn.cjs\n");
    project.write("tools/yarn.cjs", "good\n");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    for (const [path, text] of [
      [".yarnrc.yml", "yarnPath: tools/evil.cjs\n"],
      ["tools/yarn.cjs", "evil\n"],
      ["apps/.yarnrc.yml", "yarnPath: ./evil.cjs\n"],
    ] as const) {
      project.write(".yarnrc.yml", "yarnPath: tools/yarn.cjs\n");
      project.write("tools/yarn.cjs", "good\n");
      expect(await inFolder("apps/a")).toMatchObject(approved);
      project.write(path, text);
      expect(await inFolder("apps/a"), path).toMatchObject({ exitCode: 1, approvals: [] });
    }
  });

  it("F14: a file that the configuration names above its folder belongs to the closure", async () => {
    await folders("apps/a");
    rmSync(project.path("apps/a/package-lock.json"));
    writePackages(project.scene, [widgetOf(project.scene)], "yarn.lock", "apps/a");
    project.write("apps/a/.yarnrc.yml", "yarnPath: ../../tools/yarn.cjs\n");
    project.write("tools/yarn.cjs", "good\n");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    project.write("tools/yarn.cjs", "evil\n");
    expect(await inFolder("apps/a")).toMatchObject({ exitCode: 1, approvals: [] });
  });
});

describe("names that file systems and people write in several ways", () => {
  it.each(["a folder with spaces", "für/ältere", "日本語", "quote'and\"more", "-dash", "%41&$(x)", "UPPER"])(
    "%s",
    async (folder) => {
      await folders(folder);
      await signIn(folder);
      expect(await inFolder(folder)).toMatchObject(approved);
      expect(await project.verify("--lockfile", `${folder}/package-lock.json`)).toMatchObject(approved);
      project.write(
        `${folder}/package.json`,
        project.read(`${folder}/package.json`).replace("{", '{"scripts":{},'),
      );
      expect(await inFolder(folder)).toMatchObject({ ...unapproved, seals: ["seal/closure-changed"] });
    },
  );

  it("composed and decomposed letters name one lockfile, and two of them are never both approved by one seal", async () => {
    const [composed, decomposed] = ["caf\u00e9", "cafe\u0301"];
    await folders(composed);
    await signIn(composed);
    expect(await inFolder(composed)).toMatchObject(approved);
    renameSync(project.path(composed), project.path(decomposed));
    expect(await inFolder(decomposed)).toMatchObject(approved);
    cpSync(project.path(decomposed), project.path(composed), { recursive: true });
    project.write(
      `${decomposed}/package.json`,
      project.read(`${decomposed}/package.json`).replace("{", '{"scripts":{},'),
    );
    expect(await inFolder(composed)).toMatchObject(approved);
    expect(await inFolder(decomposed)).toMatchObject(unapproved);
  });

  it("letters of another case name another lockfile", async () => {
    await folders("app");
    await signIn("app");
    renameSync(project.path("app"), project.path("App"));
    expect(await inFolder("App")).toMatchObject({ ...unapproved, seals: ["seal/subject-mismatch"] });
  });
});

describe("other checkouts of the repository", () => {
  it("a worktree has the same seals, trust and memory, and the same attacks fail", async () => {
    project = await openSealed();
    const tree = join(project.scene.setting.scratch, "a worktree");
    git(project.scene, "worktree", "add", "-q", "-b", "other", tree, project.sealed);
    // The machine's memory is by remote address, so that every checkout shares it.
    const look = (...args: readonly string[]): Promise<Outcome> =>
      project.verifyWith({ directory: tree }, "--base", project.sealed, ...args);
    expect(await look()).toMatchObject(approved);
    cpSync(join(project.scene.setting.scratch, "keys"), join(tree, "patches"), { recursive: true });
    expect(await look()).toMatchObject({ ...unapproved, seals: ["seal/closure-changed"] });
  });

  it("a clone with core.autocrlf has the same seals, whatever is text", async () => {
    project = await openSealed({
      files: () => ({ "patches/a.patch": "--- a\n+++ b\n", ".npmrc": "" }),
      project: plain,
    });
    const clone = join(project.scene.setting.scratch, "windows");
    mkdirSync(clone);
    git(
      project.scene,
      "-c",
      "core.autocrlf=true",
      "clone",
      "-q",
      "-c",
      "core.autocrlf=true",
      project.scene.directory,
      clone,
    );
    const crlf = readFileSync(join(clone, "patches/a.patch"), "utf8");
    expect(crlf).toContain("\r\n");
    const look = (): Promise<Outcome> => project.verifyWith({ directory: clone }, "--base", project.sealed);
    expect(await look()).toMatchObject(approved);
    writeFileSync(join(clone, "patches/a.patch"), crlf.replace("+++", "++-"));
    expect(await look()).toMatchObject({ ...unapproved, seals: ["seal/closure-changed"] });
  });

  it("another repository that a change puts around its folder gives the lockfile no other path", async () => {
    await folders("apps/a");
    await signIn("apps/a");
    expect(await inFolder("apps/a")).toMatchObject(approved);
    // As a submodule would be checked out; git itself carries no folder of that name.
    const inner = (...args: readonly string[]): unknown => git(project.scene, "-C", "apps/a", ...args);
    inner("init", "-q");
    inner("add", "-A");
    inner("commit", "-qm", "a repository of the attacker");
    const looked = ["verify", "--json", "--base", project.sealed];
    const ran = await project.scene.runWith({ directory: project.path("apps/a") }, ...looked);
    expect(ran.exitCode).not.toBe(0);
  });
});

const plain = (scene: Scene): void =>
  void writeProject(scene.directory, {
    lock: name,
    packages: [widgetOf(scene)],
    registry: scene.kit.npm.url,
  });
