import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mintNpmPackage } from "@countersign/testkit";
import { wantingApproval, type Ended, type Mode } from "../../test/scene.ts";
import { canRun, evil, openScene, plugin, type Scene } from "./scene.ts";

let scene: Scene;
const open = async (mode: Mode): Promise<void> => {
  scene = await openScene(mode);
};
afterEach(() => scene?.close());

const evilTarball = (name: string): Buffer =>
  mintNpmPackage({ name, mark: scene.mark, files: [{ path: "evil.js", content: evil }] }).tarball;

/** What the real Yarn makes of the evil package: the checksum that an attacker would write into the lockfile. */
async function evilChecksum(): Promise<string> {
  const lock = scene.read("yarn.lock");
  scene.kit.npm.replaceTarball("leaf", "1.0.0", evilTarball("leaf"));
  scene.edit(".countersign/policy.yaml", (text) => text.replace("mode: strict", "mode: disabled"));
  scene.edit("yarn.lock", (text) => text.replace(/ {2}checksum: .*\n/, ""));
  expect(await scene.yarn("install")).toExitWith(0);
  const checksum = /checksum: (\S+)/.exec(scene.read("yarn.lock"))?.[1] ?? "";
  scene.edit(".countersign/policy.yaml", (text) => text.replace("mode: disabled", "mode: strict"));
  scene.write({ "yarn.lock": lock });
  scene.forget();
  return checksum;
}

/** Installs without an attack, then leaves nothing but the lockfile. */
async function control(): Promise<void> {
  const first = await scene.yarn("install");
  expect(first).toExitWith(0);
  expect(first.output).toContain("countersign: allowed");
  expect(scene.linked()).toEqual(expect.arrayContaining(["leaf", "native"]));
  expect(scene.linked()).not.toContain("foreign");
  expect(existsSync(scene.mark)).toBe(true);
  scene.forget();
}

function expectBlocked({ exitCode, output }: Ended, code: string): void {
  expect(output).toContain(code);
  expect(exitCode).toBe(1);
  expect(scene.linked()).toEqual([]);
  expect(existsSync(scene.mark)).toBe(false);
  expect(scene.holds(evil)).toBe(false);
}

describe.skipIf(!canRun)("a strict install with Yarn 4", () => {
  beforeEach(() => open("strict"));

  it("passes, cold, warm and offline, and fetches every tarball once", async () => {
    const { kit } = scene;
    await control();
    expect(scene.read("yarn.lock")).toMatch(/"native@npm:1.0.0":\n.*\n.*\n {2}conditions:/);
    kit.requests.clear();
    expect(await scene.yarn("install", "--immutable")).toExitWith(0);
    for (const name of ["leaf", "native"])
      expect([
        name,
        kit.requests.all.filter(({ path }) => path === `/${name}/-/${name}-1.0.0.tgz`).length,
      ]).toEqual([name, 1]);
    kit.requests.clear();
    const warm = await scene.yarn("install");
    expect(warm.output).toContain("countersign: allowed");
    expect([warm.exitCode, kit.requests.all]).toEqual([0, []]);
    await kit.close();
    scene.variables["YARN_ENABLE_NETWORK"] = "0";
    const offline = await scene.yarn("install", "--immutable");
    expect(offline.output).toContain("countersign: allowed");
    expect(offline).toExitWith(0);
  });

  it("refuses a lockfile without the approval that the policy wants", async () => {
    await control();
    scene.edit(".countersign/policy.yaml", wantingApproval);
    for (const flow of ["install", "install --immutable"])
      expectBlocked(await scene.yarn(...flow.split(" ")), "seal/approval-missing");
  });

  it("refuses an evil archive that the lockfile vouches for, in every flow", async () => {
    await control();
    const checksum = await evilChecksum();
    scene.edit("yarn.lock", (text) => text.replace(/(checksum: )\S+/, `$1${checksum}`));
    const lock = scene.read("yarn.lock");
    const flows = [
      "install",
      "install --immutable",
      "install --mode=update-lockfile",
      "add other",
      "up leaf",
      "dedupe",
      "workspaces focus",
      "rebuild",
    ];
    for (const flow of flows) {
      expectBlocked(await scene.yarn(...flow.split(" ")), "listing/mismatch");
      expect([flow, scene.read("yarn.lock")]).toEqual([flow, lock]);
    }
  });

  it("says that the lockfile is to blame where Yarn holds the good archive of its cache against an evil checksum", async () => {
    await control();
    const checksum = await evilChecksum();
    scene.kit.npm.replaceTarball("leaf", "1.0.0", scene.leaf.tarball);
    expect(await scene.yarn("install")).toExitWith(0);
    rmSync(join(scene.directory, "node_modules"), { recursive: true });
    rmSync(scene.mark);
    scene.edit("yarn.lock", (text) => text.replace(/(checksum: )\S+/, `$1${checksum}`));
    const stopped = await scene.yarn("install", "--immutable");
    expect(stopped.output).toContain("YN0018");
    expectBlocked(stopped, "artefact/zip-mismatch");
    scene.kit.npm.replaceTarball("leaf", "1.0.0", evilTarball("leaf"));
    expectBlocked(await scene.yarn("install", "--immutable"), "listing/mismatch");
  });

  it("leaves it to Yarn to refuse a tampered cache under a good lockfile", async () => {
    await control();
    expect(await scene.yarn("install")).toExitWith(0);
    const zip = scene.cached().find((path) => basename(path).startsWith("leaf-")) ?? "";
    writeFileSync(zip, readFileSync(zip, "latin1").replace("leaf@1.0.0", "evil@1.0.0"), "latin1");
    const { exitCode, output } = await scene.yarn("install", "--immutable");
    expect(output).toContain("YN0018");
    expect(output).not.toContain("YN7001");
    expect(exitCode).toBe(1);
  });

  it("refuses a tampered tarball of an entry without a checksum", async () => {
    await control();
    scene.kit.npm.replaceTarball("native", "1.0.0", evilTarball("native"));
    expectBlocked(await scene.yarn("install", "--immutable"), "listing/mismatch");
    expect(scene.cached()).toEqual([]);
    scene.edit(".yarnrc.yml", (text) => text.replace(/plugins:\n(?: .*\n)*/, ""));
    expect(await scene.yarn("install", "--immutable")).toExitWith(0);
    expect([scene.holds(evil), existsSync(scene.mark)]).toEqual([true, true]);
  });

  it("refuses a tampered zip in the cache of an entry without a checksum, online and offline", async () => {
    await control();
    expect(await scene.yarn("install")).toExitWith(0);
    const zip = scene.cached().find((path) => basename(path).startsWith("native-")) ?? "";
    const bytes = readFileSync(zip, "latin1");
    const tampered = bytes.replace("native@1.0.0", "tampered!!!!");
    expect(tampered).not.toBe(bytes);
    writeFileSync(zip, tampered, "latin1");
    const linked = readFileSync(join(scene.directory, "node_modules/native/index.js"), "utf8");
    const online = await scene.yarn("install");
    expect(online.output).toContain("artefact/zip-mismatch");
    expect(online).toExitWith(1);
    scene.variables["YARN_ENABLE_NETWORK"] = "0";
    await scene.kit.close();
    const offline = await scene.yarn("install");
    expect(offline.output).toMatch(/YN7001.*(?:evidence|artefact)\//);
    expect(offline).toExitWith(1);
    expect(readFileSync(join(scene.directory, "node_modules/native/index.js"), "utf8")).toBe(linked);
  });

  it("refuses what no signature binds where the lockfile has no checksum", async () => {
    scene.edit("package.json", (text) =>
      text.replace('"native":"1.0.0"', '"native":"1.0.0","listed":"1.0.0"'),
    );
    scene.edit(".countersign/policy.yaml", (text) => text.replace("level: signed", "level: locked"));
    scene.kit.npm.publish({ name: "listed", manifest: { os: [process.platform] }, signature: false });
    expectBlocked(await scene.yarn("install"), "artefact/digest-missing");
  });

  it("takes no registry's word for an entry that was made to look like one of a platform", async () => {
    scene.edit(".countersign/policy.yaml", (text) => text.replace("level: signed", "level: locked"));
    await control();
    const evilFiles = [{ path: "evil.js", content: evil }];
    scene.kit.npm.publish({ name: "leaf", mark: scene.mark, files: evilFiles, signature: false });
    scene.edit("yarn.lock", (text) =>
      text.replace(/ {2}checksum: .*/, `  conditions: os=${process.platform}`),
    );
    expectBlocked(await scene.yarn("install"), "artefact/digest-missing");
  });

  it.each([
    ["a deleted checksum", / {2}checksum: .*\n/, "", "artefact/digest-missing"],
    ["a checksum of another cache", "checksum: 10c0/", "checksum: 9/", "artefact/cache-key-mismatch"],
    [
      "another package behind a name",
      'resolution: "leaf@npm:1.0.0"',
      'resolution: "other@npm:1.0.0"',
      "lockfile/resolved-mismatch",
    ],
  ] as const)("refuses %s", async (_, before, after, code) => {
    await control();
    scene.kit.npm.replaceTarball("leaf", "1.0.0", evilTarball("leaf"));
    scene.edit("yarn.lock", (text) => text.replace(before, after));
    const lock = scene.read("yarn.lock");
    expectBlocked(await scene.yarn("install"), code);
    expect(scene.read("yarn.lock")).toBe(lock);
  });

  it.each(["checksumBehavior: ignore", "checksumBehavior: update"])("refuses %s", async (setting) => {
    await control();
    scene.kit.npm.replaceTarball("leaf", "1.0.0", evilTarball("leaf"));
    scene.edit(".yarnrc.yml", (text) => `${text}${setting}\n`);
    expectBlocked(await scene.yarn("install"), "settings/weakens");
  });

  it("is not silenced, and keeps its exit code, where a filter discards its messages", async () => {
    await control();
    scene.edit(".yarnrc.yml", (text) => `${text}logFilters: [{ code: YN7001, level: discard }]\n`);
    expectBlocked(await scene.yarn("install", "--immutable"), "settings/weakens");
  });

  it("decides on what `add` brings in before the lockfile is written or anything is linked", async () => {
    await control();
    const [lock, manifest] = [scene.read("yarn.lock"), scene.read("package.json")];
    expectBlocked(await scene.yarn("add", "unsigned"), "signature/absent");
    expect([scene.read("yarn.lock"), scene.read("package.json")]).toEqual([lock, manifest]);
    expect(scene.cached()).toEqual([]);
    expect(await scene.yarn("add", "other")).toExitWith(0);
    expect(scene.linked()).toContain("other");
  });

  it("shows all findings at once", async () => {
    scene.edit("package.json", (text) => text.replace('"leaf":"1.0.0"', '"leaf":"1.0.0","unsigned":"1.0.0"'));
    scene.kit.npm.publish({ name: "bare", signature: false });
    scene.edit("package.json", (text) => text.replace('"unsigned"', '"bare":"1.0.0","unsigned"'));
    const { output } = await scene.yarn("install");
    expect(output.match(/YN7001.*signature\/absent/g)).toHaveLength(2);
  });

  it("stands where only the environment names it", async () => {
    await control();
    scene.edit(".yarnrc.yml", (text) => text.replace(/plugins:\n(?: .*\n)*/, ""));
    scene.variables["YARN_PLUGINS"] = plugin;
    expect(await scene.yarn("install", "--immutable")).toExitWith(0);
    scene.forget();
    scene.kit.npm.replaceTarball("native", "1.0.0", evilTarball("native"));
    expectBlocked(await scene.yarn("install", "--immutable"), "listing/mismatch");
  });
});

describe.skipIf(!canRun)("other modes with Yarn 4", () => {
  it("warn reports, and Yarn does what it would have done", async () => {
    await open("warn");
    scene.edit("package.json", (text) => text.replace('"leaf"', '"unsigned":"1.0.0","leaf"'));
    scene.kit.npm.replaceTarball("native", "1.0.0", evilTarball("native"));
    const told = await scene.yarn("install");
    expect(told.output).toContain("listing/mismatch");
    expect(told.output).toContain("signature/absent");
    const written = [scene.read("yarn.lock"), scene.linked()];
    scene.forget();
    scene.write({ "yarn.lock": "" });
    scene.edit(".yarnrc.yml", (text) => text.replace(/plugins:\n(?: .*\n)*/, ""));
    const plain = await scene.yarn("install");
    expect([told.exitCode, written]).toEqual([plain.exitCode, [scene.read("yarn.lock"), scene.linked()]]);
    expect(scene.linked()).toContain("unsigned");
  });

  it("disabled says nothing and asks nothing", async () => {
    await open("disabled");
    const { output, exitCode } = await scene.yarn("install");
    expect([output.includes("countersign"), exitCode]).toEqual([false, 0]);
    expect(scene.kit.requests.all.filter(({ path }) => path.includes("/1.0.0"))).toEqual([]);
  });
});
