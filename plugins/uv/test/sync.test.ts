import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mintDistribution, type Distribution, type PublishedDistribution } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { missing, openScene, type Scene } from "./scene.ts";

let scene: Scene;
let leaf: PublishedDistribution;
let widget: PublishedDistribution;

beforeEach(async () => {
  if (missing !== null) return;
  scene = await openScene();
  leaf = scene.publish({ name: "leaf" });
  widget = scene.publish({ name: "widget", requires: ["leaf"] });
});
afterEach(async () => {
  if (missing === null) await scene.close();
});

describe.skipIf(missing !== null)("uv sync", () => {
  it("installs what was verified, and its packages can be imported", async () => {
    scene.writeProject([leaf, widget]);
    const ran = await scene.run("uv", "sync", "--quiet");
    expect(ran.err).toMatch(/^countersign: .*\n$/);
    expect(ran).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
    const calls = scene.called();
    expect(calls.map(({ args }) => args.slice(0, 2))).toEqual([
      ["lock", "--check"],
      ["sync", "--frozen"],
    ]);
    expect(calls[1]?.args).toEqual(
      expect.arrayContaining(["--no-build", "--binary", "--no-config", "--no-install-local"]),
    );
    expect(scene.marked()).toBe("");
    expect(await scene.run("uv", "run", "--quiet", "python", "-c", "import widget")).toExitWith(0);
    expect(scene.marked()).toContain("widget");
  });

  it("installs offline what is in the cache", async () => {
    scene.writeProject([leaf, widget]);
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    await scene.kit.pypi.close();
    expect(await scene.run("--offline", "uv", "sync", "-q", "--offline", "--reinstall")).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
  });

  it("resolves on a copy and decides on that where the lock no longer says what the manifest does", async () => {
    const extra = scene.publish({ name: "extra" });
    scene.writeProject([leaf]);
    const lock = scene.read("uv.lock");
    scene.edit("pyproject.toml", (text) => text.replace('"leaf==1.0.0"', '"leaf==1.0.0", "extra"'));
    expect(await scene.run("uv", "sync", "--locked")).toExitWith(1);
    expect(scene.read("uv.lock")).toBe(lock);
    const ran = await scene.run("uv", "sync", "-q");
    expect(ran).toExitWith(0);
    expect(scene.read("uv.lock")).toContain(extra.sha256);
    expect(scene.installed()).toEqual(["extra", "leaf"]);
  });

  it("asks uv nothing where the user says --frozen", async () => {
    scene.writeProject([leaf]);
    expect(await scene.run("uv", "sync", "--frozen", "-q")).toExitWith(0);
    expect(scene.called().map(({ args }) => args[0])).toEqual(["sync"]);
  });

  type Cast = { evil: Distribution; other: PublishedDistribution };
  const foreign = "https://evil.example/leaf-1.0.0-py3-none-any.whl";
  const attacks: readonly (readonly [string, (text: string, cast: Cast) => string, string])[] = [
    [
      "address and hash of another host",
      (text, { evil }) => text.replace(leaf.url, foreign).replace(leaf.sha256, evil.sha256),
      "lockfile/resolved-foreign",
    ],
    [
      "another project's wheel and its hash",
      (text, { other }) => text.replace(leaf.url, other.url).replace(leaf.sha256, other.sha256),
      "lockfile/wheel-mismatch",
    ],
    [
      "the hash removed",
      (text) => text.replace(`hash = "sha256:${leaf.sha256}", `, ""),
      "artefact/digest-missing",
    ],
    [
      "only an MD5",
      (text) => text.replace(`sha256:${leaf.sha256}`, "md5:0123456789abcdef0123456789abcdef"),
      "artefact/digest-weak",
    ],
    [
      "a wheel with a build tag, which outranks the good one",
      (text, { evil }) =>
        text.replace(
          /(wheels = \[\n)(.*leaf-1\.0\.0)/,
          `$1    { url = "${leaf.url.replace("leaf-1.0.0-py3", "leaf-1.0.0-1-py3")}", hash = "sha256:${evil.sha256}" },\n$2`,
        ),
      "lockfile/file-duplicate",
    ],
    ["an evil file's hash", (text, { evil }) => text.replace(leaf.sha256, evil.sha256), "listing/mismatch"],
  ];

  it.each(attacks)("T22: stops %s before uv is called", async (_, edit, code) => {
    const other = scene.publish({ name: "other" });
    const evil = mintDistribution({
      name: "leaf",
      code: `open(${JSON.stringify(scene.mark)}, "a").write("evil")`,
    });
    scene.kit.pypi.replaceFile("leaf", leaf.filename, evil.bytes);
    scene.writeProject([leaf, widget]);
    scene.edit("uv.lock", (text) => edit(text, { evil, other }));
    for (const args of [["sync"], ["sync", "--frozen"], ["run", "python", "-c", "import leaf"]]) {
      const ran = await scene.run("uv", ...args);
      expect(ran).toExitWith(1);
      expect(ran.err).toContain(code);
    }
    expect(scene.called()).toEqual([]);
    expect(scene.has(".venv")).toBe(false);
    expect(scene.marked()).toBe("");
  });

  it("T12: a file host that serves other bytes to uv ends in uv's own hash check", async () => {
    scene.writeProject([leaf]);
    const evil = mintDistribution({
      name: "leaf",
      code: `open(${JSON.stringify(scene.mark)}, "a").write("evil")`,
    });
    scene.kit.pypi.replaceFile("leaf", leaf.filename, evil.bytes);
    expect(await scene.run("uv", "sync", "-q")).toExitWith(1);
    expect(scene.installed()).toEqual([]);
    expect(scene.marked()).toBe("");
  });
});

describe.skipIf(missing !== null)("what runs before or around the gate", () => {
  const plant = (): string => {
    const planted = join(scene.scratch, "planted");
    mkdirSync(join(scene.directory, ".venv", "bin"), { recursive: true });
    writeFileSync(join(scene.directory, ".venv", "pyvenv.cfg"), "home = /usr/bin\nversion_info = 3.11.2\n");
    writeFileSync(join(scene.directory, ".venv", "bin", "python"), `#!/bin/sh\ntouch '${planted}'\nexit 1\n`);
    chmodSync(join(scene.directory, ".venv", "bin", "python"), 0o755);
    return planted;
  };

  it("a planted .venv/bin/python never runs: the environment is made anew", async () => {
    scene.writeProject([leaf]);
    const planted = plant();
    const control = await scene.uv("sync", "--frozen");
    expect(existsSync(planted)).toBe(true);
    expect(control.exitCode).not.toBe(0);
    rmSync(planted);
    for (const args of [
      ["lock"],
      ["lock", "--check"],
      ["tree"],
      ["export"],
      ["add", "widget", "--no-sync"],
    ]) {
      const { exitCode } = await scene.run("uv", ...args, "--quiet");
      expect([args, exitCode]).toEqual([args, 0]);
      expect(existsSync(planted)).toBe(false);
    }
    for (const args of [
      ["pip", "list"],
      ["pip", "install", "leaf"],
      ["python", "find"],
      ["run", "--no-sync", "true"],
    ]) {
      const ran = await scene.run("uv", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toContain("environment/preexisting");
      expect(existsSync(planted)).toBe(false);
    }
    const ran = await scene.run("uv", "sync", "-q");
    expect(ran).toExitWith(0);
    expect(ran.err).toContain(".venv was not made by a verified install");
    expect(scene.installed()).toEqual(["leaf", "widget"]);
    expect(existsSync(planted)).toBe(false);
  });

  it("T14: a file edited or added in the environment makes it preexisting; bytecode is thrown away", async () => {
    scene.writeProject([leaf]);
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    expect((await scene.run("uv", "sync", "-q")).err).not.toContain("anew");
    const library = join(scene.directory, ".venv/lib");
    const packages = join(library, readdirSync(library)[0] as string, "site-packages");
    writeFileSync(join(packages, "evil.pth"), "import os\n");
    const ran = await scene.run("uv", "sync", "-q");
    expect(ran.err).toContain("anew");
    expect(existsSync(join(packages, "evil.pth"))).toBe(false);
    mkdirSync(join(packages, "leaf/__pycache__"), { recursive: true });
    const compiled = join(packages, "leaf/__pycache__/__init__.cpython-311.pyc");
    writeFileSync(compiled, "evil");
    const again = await scene.run("uv", "sync", "-q");
    expect(again.err).not.toContain("anew");
    expect(existsSync(compiled)).toBe(false);
    rmSync(join(scene.directory, ".venv"), { recursive: true });
    symlinkSync(join(scene.scratch, "home"), join(scene.directory, ".venv"));
    const linked = await scene.run("uv", "sync", "-q");
    expect(linked).toExitWith(1);
    expect(linked.err).toContain("environment/preexisting");
    expect(existsSync(join(scene.scratch, "home", ".config"))).toBe(true);
  });

  it("a .python-version that names a program is refused, a version is taken", async () => {
    const planted = join(scene.scratch, "planted");
    scene.writeProject([leaf], { ".python-version": "./evil\n", evil: `#!/bin/sh\ntouch '${planted}'\n` });
    chmodSync(join(scene.directory, "evil"), 0o755);
    for (const args of [["sync"], ["lock"], ["run", "true"], ["add", "widget"], ["venv"]]) {
      const ran = await scene.run("uv", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toContain("settings/weakens");
    }
    expect(scene.called()).toEqual([]);
    expect(existsSync(planted)).toBe(false);
    writeFileSync(join(scene.directory, ".python-version"), "3\n");
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    expect(scene.called().every(({ args }) => args.join(" ").includes("--python 3"))).toBe(true);
  });

  it("source archives are never built, whatever the project or the environment says", async () => {
    const built = join(scene.scratch, "built");
    const made = scene.publish({ name: "made", kind: "sdist", code: "", mark: built });
    const weakened = (text: string): string => `${text}\n[tool.uv]\nno-binary-package = ["made", "leaf"]\n`;
    scene.writeProject([leaf]);
    scene.edit("pyproject.toml", weakened);
    scene.variables["UV_NO_BUILD"] = "0";
    scene.variables["UV_NO_BINARY"] = "1";
    scene.variables["UV_NO_BINARY_PACKAGE"] = "made";
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    expect(scene.installed()).toEqual(["leaf"]);
    const lock = scene.read("uv.lock");
    const added = await scene.run("uv", "add", "made");
    expect(added.exitCode).not.toBe(0);
    expect(scene.read("uv.lock")).toBe(lock);
    scene.writeProject([leaf, made]);
    expect((await scene.run("uv", "sync", "--frozen", "-q")).exitCode).not.toBe(0);
    expect((await scene.run("uvx", "made")).exitCode).not.toBe(0);
    expect((await scene.run("uv", "pip", "install", "made")).exitCode).not.toBe(0);
    expect(existsSync(built)).toBe(false);
    delete scene.variables["UV_NO_BINARY"];
    await scene.uv("sync", "--frozen");
    expect(existsSync(built)).toBe(true);
  });

  it("T15: a cache that the project names is refused, and one that the environment names is not used", async () => {
    scene.writeProject([leaf]);
    const cache = join(scene.directory, "cache");
    await scene.uv("sync", "--frozen", "--cache-dir", cache);
    rmSync(join(scene.directory, ".venv"), { recursive: true });
    const [archived] = globSync(join(cache, "archive-v*/*/leaf/__init__.py"));
    writeFileSync(archived as string, `open(${JSON.stringify(scene.mark)}, "a").write("poison")\n`);
    scene.variables["UV_CACHE_DIR"] = cache;
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    await scene.run("uv", "run", "-q", "python", "-c", "import leaf");
    expect(scene.marked()).not.toContain("poison");
    delete scene.variables["UV_CACHE_DIR"];
    scene.edit("pyproject.toml", (text) => `${text}\n[tool.uv]\ncache-dir = "cache"\n`);
    const ran = await scene.run("uv", "sync");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("settings/weakens");
  });

  it("an index from the environment decides nothing that is not judged", async () => {
    const evil = await scene.kit.addPackageIndex({ name: "evil" });
    evil.publish({ name: "leaf", requires: ["evil"] });
    evil.publish({ name: "evil" });
    scene.writeProject([leaf]);
    scene.variables["UV_DEFAULT_INDEX"] = evil.simpleUrl;
    expect(await scene.run("uv", "sync", "--frozen", "-q")).toExitWith(0);
    expect(scene.called().some(({ variables }) => "UV_DEFAULT_INDEX" in variables)).toBe(false);
    const lock = scene.read("uv.lock");
    for (const args of [["sync"], ["lock", "--upgrade"]]) {
      const ran = await scene.run("uv", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toContain("source/registry");
    }
    expect(scene.read("uv.lock")).toBe(lock);
  });

  it("metadata that a build back-end would compute is never locked from", async () => {
    scene.writeProject([leaf]);
    scene.edit(
      "pyproject.toml",
      (text) =>
        `${text.replace(/dependencies = .*/, 'dynamic = ["dependencies"]')}\n[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`,
    );
    writeFileSync(
      join(scene.directory, "backend.py"),
      `open(${JSON.stringify(scene.mark)}, "a").write("backend")\n`,
    );
    for (const args of [["lock"], ["lock", "--check"], ["add", "widget"]]) {
      const ran = await scene.run("uv", ...args);
      expect([args, ran.exitCode]).toEqual([args, 1]);
      expect(ran.err).toContain("command/uncovered");
    }
    expect(scene.marked()).toBe("");
  });

  it("programs of the project on PATH are not taken for an interpreter", async () => {
    scene.writeProject([leaf]);
    const planted = join(scene.scratch, "planted");
    for (const name of ["python", "python3", "python3.11"]) {
      mkdirSync(join(scene.directory, "tools"), { recursive: true });
      writeFileSync(join(scene.directory, "tools", name), `#!/bin/sh\ntouch '${planted}'\n`);
      chmodSync(join(scene.directory, "tools", name), 0o755);
    }
    scene.variables["PATH"] = `${join(scene.directory, "tools")}:${scene.variables["PATH"] ?? ""}`;
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    expect(existsSync(planted)).toBe(false);
  });
});

describe.skipIf(missing !== null)("the project itself", () => {
  const built = (backend: string): void => {
    scene.writeProject([leaf]);
    scene.edit("pyproject.toml", (text) => `${text}\n[build-system]\n${backend}\n`);
    mkdirSync(join(scene.directory, "src/project"), { recursive: true });
    writeFileSync(join(scene.directory, "src/project/__init__.py"), "");
    scene.edit("uv.lock", (text) => text.replace('{ virtual = "." }', '{ editable = "." }'));
  };

  it("is installed by the back-end that uv brings along, and stays on a second run", async () => {
    built('requires = ["uv_build>=0.13,<0.14"]\nbuild-backend = "uv_build"');
    expect(await scene.run("uv", "sync", "-q")).toExitWith(0);
    const install = (): boolean =>
      globSync(join(scene.directory, ".venv/lib/*/site-packages/project-*.dist-info")).length === 1;
    expect(install()).toBe(true);
    scene.called();
    const ran = await scene.run("uv", "run", "-q", "python", "-c", "import project, leaf");
    expect(ran).toExitWith(0);
    expect(ran.err).not.toContain("anew");
    expect(scene.called().filter(({ args }) => args.includes("--no-index")).length).toBe(1);
  });

  it("is left out where its back-end would be fetched unlocked", async () => {
    const backend = scene.publish({ name: "backend" });
    built('requires = ["backend"]\nbuild-backend = "backend"');
    const ran = await scene.run("uv", "sync", "-q");
    expect(ran).toExitWith(0);
    expect(ran.err).toContain("the project itself is not installed");
    expect(scene.installed()).toEqual(["leaf"]);
    expect(scene.kit.requests.count({ path: new RegExp(backend.filename) })).toBe(0);
    expect(scene.marked()).not.toContain("backend");
  });

  it("a back-end of another version than uv's own is not fetched either", async () => {
    scene.publish({ name: "uv-build", version: "0.1.0" });
    built('requires = ["uv_build==0.1.0"]\nbuild-backend = "uv_build"');
    expect((await scene.run("uv", "sync", "-q")).exitCode).not.toBe(0);
    expect(scene.marked()).not.toContain("uv-build");
  });
});

const settings = (variables: object): string[] =>
  Object.keys(variables)
    .filter((name) => name.startsWith("UV_"))
    .toSorted();

describe.skipIf(missing !== null)("warn and disabled", () => {
  it("warn verifies, reports and runs the command as it was typed", async () => {
    scene.writeProject([leaf], {}, "warn");
    scene.edit("uv.lock", (text) => text.replace(`hash = "sha256:${leaf.sha256}", `, ""));
    scene.variables["UV_LINK_MODE"] = "copy";
    const lock = scene.read("uv.lock");
    const args = ["sync", "--frozen", "-q"];
    const ran = await scene.run("uv", ...args);
    expect(ran).toExitWith(0);
    expect(ran.err).toContain("artefact/digest-missing");
    const calls = scene.called();
    expect(calls.map((call) => call.args)).toEqual([args]);
    for (const [name, value] of Object.entries(scene.variables))
      expect(calls[0]?.variables[name]).toBe(value);
    expect(settings(calls[0]?.variables ?? {})).toEqual(settings(scene.variables));
    expect(scene.read("uv.lock")).toBe(lock);
  });

  it("warn shows what a command would lock and then runs it as it was typed", async () => {
    scene.writeProject([leaf], {}, "warn");
    expect(await scene.run("uv", "add", "-q", "widget")).toExitWith(0);
    const calls = scene.called().map(({ args }) => args);
    expect(calls.at(-1)).toEqual(["add", "-q", "widget"]);
    expect(scene.installed()).toEqual(["leaf", "widget"]);
  });

  it("D20: disabled runs the command and asks nobody", async () => {
    scene.writeProject([leaf], {}, "disabled");
    const before = scene.kit.requests.all.length;
    const ran = await scene.run("uv", "sync", "--frozen", "-q", "--offline");
    expect(ran.err).toBe("");
    expect(scene.called().map(({ args }) => args)).toEqual([["sync", "--frozen", "-q", "--offline"]]);
    expect(scene.kit.requests.all.length).toBe(before);
  });
});
