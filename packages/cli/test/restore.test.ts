import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  hasManager,
  linkManager,
  writeProject,
  type NpmLockName,
  type PublishedPackage,
  type RealManager,
} from "@countersign/testkit";
import { openScene, policyOf, type Scene } from "./scene.ts";
import type { Ran, Setting } from "./host.ts";

type Document = {
  schema: string;
  dryRun: boolean;
  lockfiles: {
    path: string;
    manager: string;
    mode: string;
    decision: string;
    action: string;
    outcome: string;
    items: {
      purl: string;
      location: string | null;
      locked: { version: string; digest: string | null } | null;
      installed: { version: string | null; digest: string | null } | null;
      state: string;
      why: string | null;
    }[];
    obstacles: unknown[];
  }[];
};

let scene: Scene;
let widget: PublishedPackage;
let leaf: PublishedPackage;
beforeEach(async () => {
  scene = await openScene();
  leaf = scene.kit.npm.publish({ name: "leaf" });
  widget = scene.kit.npm.publish({ name: "@acme/widget", dependencies: { leaf: "1.0.0" } });
});
afterEach(() => scene.close());

/** A machine of its own: one real manager on PATH, home and caches below the scene's scratch directory. */
function settingOf(manager: RealManager): Partial<Setting> {
  const bin = join(scene.setting.scratch, "bin");
  const home = join(scene.setting.scratch, "home");
  mkdirSync(home, { recursive: true });
  if (!existsSync(bin)) linkManager(manager, bin);
  return {
    variables: {
      PATH: `${bin}:/usr/bin:/bin`,
      HOME: home,
      CI: "1",
      COUNTERSIGN_CACHE_DIR: join(scene.setting.scratch, "cache"),
      npm_config_update_notifier: "false",
      npm_config_fetch_retries: "0",
      pnpm_config_fetch_retries: "0",
    },
  };
}

const path = (name: string): string => join(scene.directory, name);
const write = (
  lock: NpmLockName,
  mode: string,
  packages: readonly PublishedPackage[] = [widget, leaf],
): void => {
  writeProject(scene.directory, { lock, packages, registry: scene.kit.npm.url });
  scene.write({ ".countersign/policy.yaml": policyOf(scene, mode) });
  scene.kit.writeTrust(scene.directory);
};
const trust = ["--trusted-root", "trusted_root.json", "--npm-keys", "npm-keys.json"];
const restore = (manager: RealManager, ...args: readonly string[]): Promise<Ran> =>
  scene.runWith(settingOf(manager), "restore", ...trust, ...args);
const documentOf = ({ out, err }: Ran): Document => {
  try {
    return JSON.parse(out) as Document;
  } catch {
    throw new Error(`no JSON: ${out}\n${err}`);
  }
};
const states = (document: Document): string[] =>
  document.lockfiles.flatMap(({ items }) => items.map(({ state }) => state));

const npm = hasManager("npm-12");
if (!npm) console.warn("SKIPPED: restore with npm 12: e2e/managers is not installed");
const pnpm = hasManager("pnpm-12");
if (!pnpm) console.warn("SKIPPED: restore with pnpm 12: e2e/managers is not installed");

describe.skipIf(!npm)("restore with npm", () => {
  it("T13 T16 T22: installs exactly what is locked, proves it, and does not install it again", async () => {
    write("package-lock.json", "strict");
    const lock = readFileSync(path("package-lock.json"), "utf8");
    const planned = await restore("npm-12", "--dry-run", "--json");
    expect(planned).toExitWith(0);
    expect(documentOf(planned)).toMatchObject({
      schema: "countersign/restore/1",
      dryRun: true,
      lockfiles: [
        {
          path: "package-lock.json",
          manager: "npm",
          mode: "strict",
          decision: "allow",
          action: "install",
          outcome: "would-install",
        },
      ],
    });
    expect(states(documentOf(planned))).toEqual(["missing", "missing"]);
    expect(existsSync(path("node_modules"))).toBe(false);

    const restored = await restore("npm-12", "--json");
    expect(restored).toExitWith(0);
    const document = documentOf(restored);
    expect(document.lockfiles[0]).toMatchObject({ action: "install", outcome: "restored", obstacles: [] });
    const digest = `sha512:${createHash("sha512").update(leaf.tarball).digest("hex")}`;
    expect(document.lockfiles[0]?.items).toContainEqual({
      purl: "pkg:npm/leaf@1.0.0",
      location: "node_modules/leaf",
      locked: { version: "1.0.0", digest },
      installed: { version: "1.0.0", digest },
      state: "installed",
      why: null,
    });
    expect(readFileSync(path("package-lock.json"), "utf8")).toBe(lock);

    const tarballs = scene.kit.requests.count({ path: /\.tgz$/ });
    expect(tarballs).toBe(2);
    const again = await restore("npm-12");
    expect(again).toMatchObject({
      exitCode: 0,
      err: "",
      out: "as locked: package-lock.json: 2 as locked\n",
    });
    expect(scene.kit.requests.count({ path: /\.tgz$/ })).toBe(tarballs);
  });

  it("T12: a dry run sees what differs, and changes nothing", async () => {
    write("package-lock.json", "strict");
    await restore("npm-12");
    const manifest = path("node_modules/leaf/package.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace("1.0.0", "6.6.6"));
    const before = readFileSync(manifest, "utf8");
    const ran = await restore("npm-12", "--dry-run");
    expect(ran).toExitWith(0);
    expect(ran.out).toContain("would install: package-lock.json: 1 as locked, 1 different");
    expect(ran.out).toContain("leaf@6.6.6 lies there, leaf@1.0.0 is locked.");
    expect(readFileSync(manifest, "utf8")).toBe(before);
    const restored = await restore("npm-12");
    expect(restored).toExitWith(0);
    expect(readFileSync(manifest, "utf8")).not.toContain("6.6.6");
  });

  it("T15 F12: the locked version from another tarball is installed again, and both digests are shown", async () => {
    write("package-lock.json", "strict");
    await restore("npm-12");
    const record = path("node_modules/.package-lock.json");
    const other = `sha512-${createHash("sha512").update("other").digest("base64")}`;
    writeFileSync(record, readFileSync(record, "utf8").replace(leaf.integrity, other));
    const planned = await restore("npm-12", "--dry-run");
    for (const seed of [leaf.tarball, "other"])
      expect(planned.out).toContain(createHash("sha512").update(seed).digest("hex"));
    expect(await restore("npm-12")).toExitWith(0);
    expect(readFileSync(record, "utf8")).toContain(leaf.integrity);
  });

  it("T3 T14: strict, by policy or flag, installs nothing where one of several packages is blocked", async () => {
    const unsigned = scene.kit.npm.publish({ name: "unsigned", signature: false });
    for (const [mode, args] of [
      ["strict", []],
      ["warn", ["--mode", "strict"]],
    ] as const) {
      write("package-lock.json", mode, [widget, leaf, unsigned]);
      const ran = await restore("npm-12", ...args);
      expect(ran).toExitWith(1);
      expect(ran.err).toContain("signature/absent");
      expect(ran.out).toContain("blocked: package-lock.json: 3 missing");
      expect(existsSync(path("node_modules"))).toBe(false);
    }
  });

  it("T6: missing and invalid provenance block a strict restore", async () => {
    const forged = scene.kit.npm.publish({ name: "forged", provenance: { defects: ["broken-signature"] } });
    for (const pkg of [leaf, forged]) {
      write("package-lock.json", "strict", [pkg]);
      scene.write({ ".countersign/policy.yaml": policyOf(scene, "strict", "provenance") });
      const ran = await restore("npm-12");
      expect(ran).toExitWith(1);
      expect(ran.err).toMatch(pkg === leaf ? /attestation\/absent/ : /bundle\/signature-invalid/);
      expect(existsSync(path("node_modules"))).toBe(false);
    }
  });

  it("T4 T17: warn says what strict would do, and installs", async () => {
    const unsigned = scene.kit.npm.publish({ name: "unsigned", signature: false });
    write("package-lock.json", "warn", [leaf, unsigned]);
    const lock = JSON.parse(readFileSync(path("package-lock.json"), "utf8")) as {
      packages: Record<string, { integrity?: string }>;
    };
    delete lock.packages["node_modules/leaf"]?.integrity;
    scene.write({ "package-lock.json": JSON.stringify(lock) });
    const strict = await restore("npm-12", "--mode", "strict");
    expect(strict).toExitWith(1);
    expect(strict.err).toContain("artefact/digest-missing");
    const ran = await restore("npm-12");
    expect(ran).toExitWith(0);
    for (const code of ["signature/absent", "artefact/digest-missing"]) expect(ran.err).toContain(code);
    expect(existsSync(path("node_modules/unsigned/package.json"))).toBe(true);
    expect(JSON.parse(readFileSync(path("package-lock.json"), "utf8"))).toEqual(lock);
  });

  it("T14: fails when the manager leaves something else than what is locked", async () => {
    write("package-lock.json", "warn");
    // A manager that says 0 and leaves another version behind.
    const setting = settingOf("npm-12");
    const bin = join(scene.setting.scratch, "bin/npm");
    const real = readFileSync(bin, "utf8")
      .trim()
      .replace(/^#!.*\nexec /, "");
    writeFileSync(
      bin,
      `#!/bin/sh\n${real} || exit $?\nsed -i s/1.0.0/6.6.6/ node_modules/leaf/package.json\n`,
    );
    const ran = await scene.runWith(setting, "restore", ...trust, "--json");
    expect(ran).toExitWith(1);
    const document = documentOf(ran);
    expect(document.lockfiles[0]).toMatchObject({ action: "install", outcome: "failed" });
    expect(states(document).toSorted()).toEqual(["differs", "installed"]);
  });

  it("T23: a git source is for the policy to decide", async () => {
    write("package-lock.json", "strict");
    const lock = JSON.parse(readFileSync(path("package-lock.json"), "utf8")) as {
      packages: Record<string, object>;
    };
    lock.packages["node_modules/leaf"] = {
      version: "1.0.0",
      resolved: `git+ssh://git@forge.example/acme/leaf.git#${"a".repeat(40)}`,
    };
    scene.write({ "package-lock.json": JSON.stringify(lock) });
    const ran = await restore("npm-12");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("source/git");
    expect(existsSync(path("node_modules"))).toBe(false);
  });

  it("T13: takes the lockfile that is named, and says where there is none", async () => {
    write("package-lock.json", "warn");
    const other = scene.kit.npm.publish({ name: "other" });
    writeProject(path("inner"), {
      lock: "package-lock.json",
      packages: [other],
      registry: scene.kit.npm.url,
    });
    const ran = await restore("npm-12", "--lockfile", "inner/package-lock.json");
    expect(ran).toExitWith(0);
    expect(existsSync(path("inner/node_modules/other/package.json"))).toBe(true);
    expect(existsSync(path("node_modules"))).toBe(false);
    expect(await restore("npm-12", "--lockfile", "nowhere/package-lock.json")).toExitWith(2);
  });
});

describe.skipIf(!pnpm)("restore with pnpm", () => {
  it("T13 T15 T16: installs, proves, skips, and installs anew what differs", async () => {
    write("pnpm-lock.yaml", "strict");
    const first = await restore("pnpm-12", "--json");
    expect(first).toExitWith(0);
    expect(documentOf(first).lockfiles[0]).toMatchObject({ action: "install", outcome: "restored" });
    const again = await restore("pnpm-12", "--json");
    expect(documentOf(again).lockfiles[0]).toMatchObject({ action: "none", outcome: "as-locked" });
    const manifest = path("node_modules/.pnpm/leaf@1.0.0/node_modules/leaf/package.json");
    const good = readFileSync(manifest, "utf8");
    // pnpm itself takes this for up to date. A file of its own, as the store has it by a hard link.
    rmSync(manifest);
    writeFileSync(manifest, good.replace("1.0.0", "6.6.6"));
    const repaired = await restore("pnpm-12", "--json");
    expect(repaired).toExitWith(0);
    expect(documentOf(repaired).lockfiles[0]).toMatchObject({ action: "install", outcome: "restored" });
    expect(readFileSync(manifest, "utf8")).toBe(good);
  });

  it("T14: fails where pnpm's store is poisoned, and says how to be rid of it", async () => {
    write("pnpm-lock.yaml", "strict");
    await restore("pnpm-12");
    const manifest = path("node_modules/.pnpm/leaf@1.0.0/node_modules/leaf/package.json");
    const good = readFileSync(manifest, "utf8");
    writeFileSync(manifest, good.replace("1.0.0", "6.6.6"));
    const ran = await restore("pnpm-12", "--json");
    // What counts is that neither the edited file nor exit code 0 beside it is left.
    if (readFileSync(manifest, "utf8") === good) expect(ran).toExitWith(0);
    else {
      expect(ran).toExitWith(1);
      expect(ran.err).toContain("pnpm store path");
    }
  });
});

const others: readonly [RealManager, NpmLockName | "uv.lock", string][] = [
  ["bun-1", "bun.lock", "node_modules/leaf/package.json"],
  ["uv-0", "uv.lock", ".venv"],
];

describe.each(others)("restore with %s", (real, lock, installed) => {
  const there = hasManager(real);
  if (!there) console.warn(`SKIPPED: restore with ${real}: e2e/managers is not installed`);

  it.skipIf(!there)("T13 T15 T16: installs, proves, and skips what is as locked", async () => {
    if (lock === "uv.lock") {
      const wheel = scene.kit.pypi.publish({ name: "thing", version: "1.0.0" });
      writeProject(scene.directory, { lock, files: [wheel], index: scene.kit.pypi.simpleUrl });
    } else write(lock, "warn");
    const first = await restore(real, "--json");
    expect(first).toExitWith(0);
    expect(documentOf(first).lockfiles[0]).toMatchObject({
      action: "install",
      outcome: "restored",
      obstacles: [],
    });
    expect(existsSync(path(installed))).toBe(true);
    const again = await restore(real, "--json");
    expect(again).toExitWith(0);
    expect(documentOf(again).lockfiles[0]).toMatchObject({ action: "none", outcome: "as-locked" });
  });
});
