import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDirectory, writeFiles, writeProject, type PublishedPackage } from "@countersign/testkit";
import { openScene, type Scene } from "../../test/scene.ts";
import { testHost, type TestHost } from "../../test/wrapper-host.ts";
import { changeLock } from "./change.ts";
import { installFrozen } from "./frozen.ts";
import { copyClosure } from "./lock-copy.ts";
import { runThrowaway } from "./throwaway.ts";
import { passUnknown } from "./unknown.ts";
import type { FrozenInstall, LockChange, Throwaway } from "./wrapper.ts";

let scene: Scene;
let leaf: PublishedPackage;
let unsigned: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  leaf = scene.kit.npm.publish({ name: "leaf" });
  unsigned = scene.kit.npm.publish({ name: "unsigned", signature: false });
});
afterEach(() => scene.close());

const policy = (mode: string): void =>
  scene.policy(`version: 1
mode: ${mode}
registries: [{ url: "${scene.kit.npm.url}", ecosystem: npm }]
require: [{ ecosystem: npm, names: ["**"], level: signed }]
`);
const project = (mode: string, ...packages: readonly PublishedPackage[]): void => {
  writeProject(scene.directory, { lock: "package-lock.json", packages, registry: scene.kit.npm.url });
  policy(mode);
};
/** The policy wants an approval, which nobody can give. */
const sealed = (): void =>
  scene.policy(`${text(".countersign/policy.yaml")}groups: { maintainers: [alice] }
seal: { approval: { threshold: 1, signers: [maintainers] } }
`);
const at = (path: string): string => join(scene.directory, path);
const text = (path: string): string => readFileSync(at(path), "utf8");
const linesOf = (host: TestHost): string[] => host.calls().map(({ args }) => args.join(" "));
const user = { args: ["install", "--loose"] };

describe("a frozen install", () => {
  const install = (host: TestHost, more: Partial<FrozenInstall> = {}): Promise<number> =>
    installFrozen(host, {
      manager: "npm",
      tool: "npm",
      directory: scene.directory,
      lockfile: "package-lock.json",
      user,
      strict: { args: ["ci", "--strict"] },
      ...more,
    });

  it("D22 F11: mode disabled runs the user's command and looks at nothing", async () => {
    project("disabled", unsigned);
    const host = testHost(scene, "exit 7");
    expect(await install(host)).toBe(7);
    expect(linesOf(host)).toEqual(["install --loose"]);
    expect(host.shown).toEqual([]);
    expect(scene.kit.requests.all).toEqual([]);
  });

  it("D20 T4: warn runs the user's command unchanged, says what strict would block, and keeps its exit code", async () => {
    project("warn", unsigned);
    const before = text("package-lock.json");
    const host = testHost(scene, "exit 3");
    expect(await install(host)).toBe(3);
    expect(linesOf(host)).toEqual(["install --loose"]);
    expect(host.shown[0]?.report.decision).toMatchObject({ outcome: "allow", strict: "block" });
    expect(text("package-lock.json")).toBe(before);
  });

  it("D21 T3: strict blocks before the manager starts", async () => {
    project("strict", leaf, unsigned);
    const host = testHost(scene, "exit 0");
    expect(await install(host)).toBe(1);
    expect(host.calls()).toEqual([]);
    expect(host.shown).toHaveLength(1);
  });

  it("strict runs the frozen form, and its exit code is the manager's", async () => {
    project("strict", leaf);
    const host = testHost(scene, "exit 5");
    expect(await install(host)).toBe(5);
    expect(linesOf(host)).toEqual(["ci --strict"]);
  });

  it("strict ends 2 where evidence is out of reach, and starts nothing", async () => {
    project("strict", leaf);
    scene.kit.npm.faults.add({ fault: { kind: "status", status: 500 } });
    const host = testHost(scene, "exit 0");
    expect(await install(host)).toBe(2);
    expect(host.calls()).toEqual([]);
  });

  it.each([
    ["package-lock.json", "echo >> package-lock.json"],
    ["a hook", "mkdir -p .countersign/hooks && touch .countersign/hooks/npm.mjs"],
    ["a patch", "mkdir -p patches && touch patches/new.patch"],
    ["a removed manifest", "rm package.json"],
    ["a link in place of the lockfile", "mv package-lock.json other && ln -s other package-lock.json"],
  ])("%s that changes during the install makes it fail, whatever the manager says", async (_, script) => {
    project("strict", leaf);
    const host = testHost(scene, script);
    expect(await install(host)).toBe(1);
    expect(host.refused.map(({ code }) => code)).toEqual(["lockfile/changed-during-install"]);
    expect(host.refused[0]?.why).toContain("not trusted");
  });

  it("a lockfile that is replaced while it is verified is not installed", async () => {
    project("strict", leaf);
    const host = testHost(scene, "exit 0");
    host.verify = async (request) => {
      const verification = await scene.run(request);
      scene.write({ "package-lock.json": `${text("package-lock.json")}\n` });
      return verification;
    };
    expect(await install(host)).toBe(1);
    expect(host.calls()).toEqual([]);
    expect(host.refused[0]?.why).toContain("nothing was installed");
  });

  it("what a manager writes besides the closure is its own business", async () => {
    project("strict", leaf);
    const host = testHost(scene, "mkdir -p node_modules/leaf && touch node_modules/leaf/x readme");
    expect(await install(host)).toBe(0);
    expect(host.refused).toEqual([]);
  });
});

describe("a change of the lockfile", () => {
  /** A manager that resolves by copying what the test prepared, and marks where it installs. */
  const manager =
    'case "$1" in resolve) cp "$PREPARED" package-lock.json ;; ci) touch installed ;; *) touch ran-as-typed ;; esac';
  const change = (host: TestHost, more: Partial<LockChange> = {}): Promise<number> =>
    changeLock(host, {
      manager: "npm",
      tool: "npm",
      directory: scene.directory,
      lockfile: "package-lock.json",
      user: { args: ["install", "left-pad"] },
      strict: { args: ["ci"] },
      resolve: () => ({ args: ["resolve"], variables: { PREPARED: prepared } }),
      ...more,
    });
  let prepared = "";
  const prepare = (...packages: readonly PublishedPackage[]): string => {
    const place = join(scene.environment.home, "prepared");
    writeProject(place, { lock: "package-lock.json", packages, registry: scene.kit.npm.url });
    prepared = join(place, "package-lock.json");
    return readFileSync(prepared, "utf8");
  };

  it("strict resolves on a copy, decides, replaces the lockfile and installs it", async () => {
    project("strict", leaf);
    const other = scene.kit.npm.publish({ name: "other" });
    const lock = prepare(leaf, other);
    const host = testHost(scene, manager);
    expect(await change(host), JSON.stringify(host.refused)).toBe(0);
    expect(linesOf(host)).toEqual(["resolve", "ci"]);
    expect(host.calls()[0]?.directory).not.toBe(scene.directory);
    expect(text("package-lock.json")).toBe(lock);
    expect(existsSync(at("installed"))).toBe(true);
    expect(host.introduced).toHaveLength(1);
    expect(readdirSync(join(scene.environment.cacheDirectory, "copies"))).toEqual([]);
  });

  it("T14 D21: strict leaves the project as it was when what came of it is blocked", async () => {
    project("strict", leaf);
    const before = text("package-lock.json");
    prepare(leaf, unsigned);
    const host = testHost(scene, manager);
    expect(await change(host)).toBe(1);
    expect(linesOf(host)).toEqual(["resolve"]);
    expect(text("package-lock.json")).toBe(before);
    expect(existsSync(at("installed"))).toBe(false);
    expect(readdirSync(join(scene.environment.cacheDirectory, "copies"))).toEqual([]);
  });

  it("a lockfile of which only the approval is missing is replaced and not installed", async () => {
    project("strict", leaf);
    sealed();
    const lock = prepare(leaf, scene.kit.npm.publish({ name: "other" }));
    const host = testHost(scene, manager);
    expect(await change(host)).toBe(1);
    expect(linesOf(host)).toEqual(["resolve"]);
    expect(text("package-lock.json")).toBe(lock);
    expect(existsSync(at("installed"))).toBe(false);
    expect(host.said.join("\n")).toContain("countersign sign --approve");
  });

  it("a linked file of the closure, which no copy has, is not installed with: it was not judged", async () => {
    project("strict", leaf);
    scene.write({ "elsewhere/.npmrc": "registry=https://evil.example/\n" });
    rmSync(at(".npmrc"), { force: true });
    symlinkSync("elsewhere/.npmrc", at(".npmrc"));
    prepare(leaf, scene.kit.npm.publish({ name: "other" }));
    const host = testHost(scene, manager);
    expect(await change(host)).toBe(1);
    expect(host.refused.map(({ code }) => code)).toEqual(["lockfile/changed-during-install"]);
    expect(existsSync(at("installed"))).toBe(false);
  });

  it("one that is blocked for anything else besides is left as it was", async () => {
    project("strict", leaf);
    sealed();
    const before = text("package-lock.json");
    prepare(leaf, unsigned);
    expect(await change(testHost(scene, manager))).toBe(1);
    expect(text("package-lock.json")).toBe(before);
  });

  it("strict gives up where the manager cannot resolve, with its code and words", async () => {
    project("strict", leaf);
    prepare(leaf);
    const host = testHost(scene, "echo no such package >&2; exit 9");
    expect(await change(host)).toBe(9);
    expect(host.said.join("\n")).toContain("no such package");
    expect(host.shown).toEqual([]);
  });

  it("D21: strict says what is wrong with the lockfile also where the manager refuses it first", async () => {
    project("strict", leaf, unsigned);
    const host = testHost(scene, "echo no integrity >&2; exit 9");
    expect(await change(host)).toBe(1);
    expect(linesOf(host)).toEqual(["resolve"]);
    expect(host.said.join("\n")).toContain("no integrity");
    expect(host.shown.flatMap(({ report }) => report.findings.map(({ code }) => code))).toEqual([
      "signature/absent",
    ]);
  });

  it("strict has nothing to add where there is no lockfile yet and the manager cannot resolve", async () => {
    policy("strict");
    scene.write({ "package.json": '{"name":"new"}' });
    const host = testHost(scene, "exit 9");
    expect(await change(host)).toBe(9);
    expect(host.shown).toEqual([]);
  });

  it("T4: warn runs what was typed on the project as it is, also where the copy cannot be resolved", async () => {
    project("warn", leaf);
    const before = text("package-lock.json");
    prepare(leaf, unsigned);
    const host = testHost(scene, manager);
    expect(await change(host)).toBe(0);
    expect(linesOf(host)).toEqual(["resolve", "install left-pad"]);
    expect(host.calls()[1]?.directory).toBe(scene.directory);
    expect(text("package-lock.json")).toBe(before);
    const failing = testHost(scene, '[ "$1" = resolve ] && exit 1; exit 4');
    expect(await change(failing)).toBe(4);
    expect(failing.said).toHaveLength(1);
  });

  it("D22: disabled runs what was typed, and nothing else", async () => {
    project("disabled", leaf);
    const host = testHost(scene, "exit 0");
    expect(await change(host)).toBe(0);
    expect(linesOf(host)).toEqual(["install left-pad"]);
  });

  it("the policy of the project holds for the copy: one that is not copied decides", async () => {
    project("strict", leaf);
    prepare(leaf, unsigned);
    const host = testHost(scene, `rm -f .countersign/policy.yaml; ${manager}`);
    expect(await change(host)).toBe(1);
  });
});

describe("a copy of the closure", () => {
  it("holds the closure, workspaces and what is asked for besides, and no link", async () => {
    project("warn", leaf);
    const outside = createTestDirectory("outside");
    writeFiles(outside.path, { secret: "s" });
    scene.write({
      "packages/a/package.json": "{}",
      "patches/x/y.patch": "p",
      "notes.txt": "n",
      ".npmrc": "a=b\n",
    });
    symlinkSync(join(outside.path, "secret"), at("patches/link.patch"));
    const parent = join(scene.environment.cacheDirectory, "copies");
    const copy = await copyClosure(
      "npm",
      scene.directory,
      parent,
      ["packages/a"],
      ["notes.txt", "../escape"],
    );
    expect([...copy.files].toSorted()).toEqual([
      ".countersign/policy.yaml",
      ".npmrc",
      "notes.txt",
      "package-lock.json",
      "package.json",
      "packages/a/package.json",
      "patches/x/y.patch",
    ]);
    expect(statSync(copy.directory).mode & 0o077).toBe(0);
    writeFiles(copy.directory, { "package.json": '{"name":"new"}', "unasked.txt": "u" });
    expect(await copy.takeBack(["package-lock.json"])).toEqual(["package.json"]);
    expect(text("package.json")).toBe('{"name":"new"}');
    expect(existsSync(at("unasked.txt"))).toBe(false);
    expect(readdirSync(scene.directory).filter((name) => name.includes("countersign-"))).toEqual([]);
    await copy.remove();
    expect(existsSync(copy.directory)).toBe(false);
    outside.remove();
  });
});

describe("a command without a lockfile", () => {
  let lock = "";
  const manager = `case "$1" in
lock) cp "$PREPARED" package-lock.json ;;
install) mkdir -p node_modules/.bin && printf '#!/bin/sh\\necho ran >> "%s/ran.txt"; exit 6\\n' "$HOME_OF_TEST" > node_modules/.bin/tool && chmod +x node_modules/.bin/tool ;;
*) exit 4 ;;
esac`;
  const throwaway = (host: TestHost, more: Partial<Throwaway> = {}): Promise<number> =>
    runThrowaway(host, {
      manager: "npm",
      tool: "npm",
      key: ["tool@1"],
      files: { "package.json": "{}", ".npmrc": `registry=${scene.kit.npm.url}\n` },
      lockfile: "package-lock.json",
      resolve: () => ({ args: ["lock"], variables: { PREPARED: lock } }),
      install: () => ({ args: ["install"], variables: { HOME_OF_TEST: scene.environment.home } }),
      execute: async (place) => ({ command: join(place, "node_modules/.bin/tool"), run: { args: ["x"] } }),
      user: { args: ["exec", "tool"] },
      ...more,
    });
  const prepare = (...packages: readonly PublishedPackage[]): void => {
    const place = join(scene.environment.home, "prepared");
    writeProject(place, { lock: "package-lock.json", packages, registry: scene.kit.npm.url });
    lock = join(place, "package-lock.json");
  };
  beforeEach(() => mkdirSync(scene.environment.home, { recursive: true }));
  const kept = (): string[] => readdirSync(join(scene.environment.cacheDirectory, "throwaway"));
  const ran = (): boolean => existsSync(join(scene.environment.home, "ran.txt"));

  it("strict locks, decides by the policy of where the user stands, installs, runs, and keeps it for the next time", async () => {
    policy("strict");
    prepare(leaf);
    const host = testHost(scene, manager);
    expect(await throwaway(host), JSON.stringify(host.said)).toBe(6);
    expect(ran()).toBe(true);
    expect(linesOf(host)).toEqual(["lock", "install"]);
    expect(kept()).toHaveLength(1);
    expect(await throwaway(host)).toBe(6);
    expect(linesOf(host)).toEqual(["lock", "install"]);
    expect(host.shown).toHaveLength(2);
    expect(await throwaway(host, { key: ["tool@2"] })).toBe(6);
    expect(kept()).toHaveLength(2);
  });

  it("where lockfiles must be approved it is refused: it has none that anybody could approve", async () => {
    policy("strict");
    sealed();
    prepare(leaf);
    const host = testHost(scene, manager);
    expect(await throwaway(host)).toBe(1);
    expect(host.refused.map(({ code }) => code)).toEqual(["seal/approval-missing"]);
    expect(host.shown).toEqual([]);
    expect(ran()).toBe(false);
  });

  it("D21: strict runs and keeps nothing of what is blocked", async () => {
    policy("strict");
    prepare(leaf, unsigned);
    const host = testHost(scene, manager);
    expect(await throwaway(host)).toBe(1);
    expect(linesOf(host)).toEqual(["lock"]);
    expect(ran()).toBe(false);
    expect(kept()).toEqual([]);
  });

  it("T4: warn runs what was typed, and disabled looks at nothing", async () => {
    policy("warn");
    prepare(unsigned);
    const host = testHost(scene, manager);
    expect(await throwaway(host)).toBe(4);
    expect(linesOf(host)).toEqual(["lock", "exec tool"]);
    expect(host.shown).toHaveLength(1);
    policy("disabled");
    const disabled = testHost(scene, manager);
    expect(await throwaway(disabled)).toBe(4);
    expect(linesOf(disabled).at(-1)).toBe("exec tool");
    expect(disabled.shown).toEqual([]);
    expect(ran()).toBe(false);
  });

  it("strict says when there is no such command, and when it cannot be locked", async () => {
    policy("strict");
    prepare(leaf);
    const host = testHost(scene, manager);
    expect(await throwaway(host, { execute: async () => null })).toBe(1);
    expect(host.refused[0]?.code).toBe("command/not-found");
    const failing = testHost(scene, "echo cannot >&2; exit 8");
    expect(await throwaway(failing, { key: ["other"] })).toBe(8);
    expect(failing.said).toEqual([expect.stringContaining("cannot")]);
  });
});

describe("a command that no flow covers", () => {
  it.each([
    ["strict", 1, []],
    ["warn", 3, ["fund"]],
    ["disabled", 3, ["fund"]],
  ] as const)("D20: in %s ends %i", async (mode, exitCode, calls) => {
    project(mode, leaf);
    const host = testHost(scene, "exit 3");
    expect(await passUnknown(host, "npm", { args: ["fund"] }, "npm fund")).toBe(exitCode);
    expect(linesOf(host)).toEqual(calls);
    expect(host.refused.map(({ code }) => code)).toEqual(mode === "strict" ? ["command/uncovered"] : []);
    expect(host.said.length).toBe(mode === "warn" ? 1 : 0);
  });
});
