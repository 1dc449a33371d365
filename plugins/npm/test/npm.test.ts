import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hasManager, writeFiles, type PublishedPackage } from "@countersign/testkit";
import { wantingApproval, type Mode } from "../../test/scene.ts";
import { openScene, vendorHook, type Scene } from "./scene.ts";

const managers = ["npm-10", "npm-11", "npm-12"] as const;

/** One block for each npm; where it is not installed it is skipped under its name. */
function eachNpm(title: string, present: boolean, body: (manager: (typeof managers)[number]) => void): void {
  for (const manager of managers)
    describe.skipIf(!present || !hasManager(manager))(`${title} ${manager}`, () => body(manager));
}

eachNpm("the gate before", true, (manager) => {
  let scene: Scene;
  let leaf: PublishedPackage;
  let parser: PublishedPackage;
  let evil: PublishedPackage;

  beforeAll(async () => {
    scene = await openScene();
    const { npm } = scene.kit;
    leaf = npm.publish({ name: "leaf", mark: join(scene.scratch, "good") });
    parser = npm.publish({
      name: "parser",
      version: "4.0.2",
      dependencies: { leaf: "1.0.0" },
      manifest: { bin: { parser: "index.js" } },
      files: [],
    });
    npm.publish({ name: "unsigned", signature: false, mark: scene.mark });
    npm.publish({
      name: "tool",
      dependencies: { leaf: "1.0.0" },
      manifest: { bin: { "tool-cli": "cli.js" } },
      files: [
        {
          path: "cli.js",
          content: `#!/usr/bin/env node\nrequire("node:fs").appendFileSync(${JSON.stringify(join(scene.scratch, "tool-ran"))}, process.argv.slice(2).join(" ") + "\\n");\n`,
        },
      ],
    });
    evil = npm.publish({ name: "evil", mark: scene.mark });
  });
  afterAll(() => scene.close());
  beforeEach(() => {
    for (const path of ["node_modules", "package-lock.json", "package.json", "npm-shrinkwrap.json", ".npmrc"])
      rmSync(join(scene.directory, path), { recursive: true, force: true });
    for (const path of ["mark", "good", "tool-ran"])
      rmSync(join(scene.scratch, path), { recursive: true, force: true });
  });

  /** The lockfile of leaf, with an evil tarball and that tarball's own hash. */
  const doctor = (mode: Mode = "strict"): void => {
    scene.writeProject([leaf, parser], {}, mode);
    const lock = scene.lock();
    const doctored = lock.replace(leaf.integrity, evil.integrity).replace(leaf.tarballUrl, evil.tarballUrl);
    expect(doctored).not.toBe(lock);
    writeFileSync(join(scene.directory, "package-lock.json"), doctored);
  };
  const tarballs = (): string[] => scene.requests().filter((path) => path.endsWith(".tgz"));

  it("the control: a good lockfile is installed by ci and by install, and says so in one line", async () => {
    for (const command of ["ci", "install"]) {
      scene.writeProject([leaf, parser]);
      const lock = scene.lock();
      const ran = await scene.run(manager, "npm", command);
      expect(ran.err).toMatch(/^countersign: allowed: 3 packages pass .*\n$/);
      expect(ran).toExitWith(0);
      expect(scene.has("node_modules", "leaf", "index.js")).toBe(true);
      expect(scene.lock()).toBe(lock);
      rmSync(join(scene.directory, "node_modules"), { recursive: true });
    }
  });

  it.each([["ci"], ["install"], ["clean-install", "--ignore-scripts"]])(
    "strict: %s stops at an evil tarball with its own hash before anything is fetched",
    async (...args) => {
      doctor();
      scene.requests();
      const ran = await scene.run(manager, "npm", ...args);
      expect(ran).toExitWith(1);
      expect(ran.err).toContain("blocked");
      expect(tarballs()).toEqual([]);
      expect(scene.has("node_modules")).toBe(false);
      expect(existsSync(scene.mark)).toBe(false);
    },
  );

  it("without the gate that lockfile is installed: the attack is one", async () => {
    doctor();
    const { exitCode } = await scene.npm(manager, ["ci", "--ignore-scripts"]);
    expect(exitCode).toBe(0);
    expect(readFileSync(join(scene.directory, "node_modules/leaf/index.js"), "utf8")).toContain("evil");
  });

  it("warn: the report is shown, and the command runs", async () => {
    doctor("warn");
    const lock = scene.lock();
    const ran = await scene.run(manager, "npm", "ci", "--ignore-scripts");
    expect(ran.err).toContain("would block");
    expect(ran).toExitWith(0);
    expect(scene.has("node_modules", "leaf")).toBe(true);
    expect(scene.lock()).toBe(lock);
  });

  it("install <pkg> is decided before it is installed, and lockfile and manifest follow", async () => {
    scene.writeProject([leaf]);
    const ran = await scene.run(manager, "npm", "install", "--save-dev", "parser@4.0.2");
    expect(ran.err).toContain("parser");
    expect(ran).toExitWith(0);
    expect(scene.has("node_modules", "parser")).toBe(true);
    const manifest = JSON.parse(readFileSync(join(scene.directory, "package.json"), "utf8")) as {
      devDependencies: Record<string, string>;
    };
    expect(manifest.devDependencies["parser"]).toMatch(/4\.0\.2$/);
    expect(scene.lock()).toContain(parser.integrity);
  });

  it("install <pkg> of what the policy refuses changes nothing and fetches no tarball", async () => {
    scene.writeProject([leaf]);
    const before = [scene.lock(), readFileSync(join(scene.directory, "package.json"), "utf8")];
    scene.requests();
    const ran = await scene.run(manager, "npm", "i", "unsigned");
    expect(ran).toExitWith(1);
    expect(ran.err).toContain("unsigned");
    expect([scene.lock(), readFileSync(join(scene.directory, "package.json"), "utf8")]).toEqual(before);
    expect(tarballs()).toEqual([]);
    expect(existsSync(scene.mark)).toBe(false);
    expect(scene.has("node_modules")).toBe(false);
  });

  it("plain install with a package.json that asks for more resolves, decides and installs", async () => {
    scene.writeProject([leaf]);
    const path = join(scene.directory, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as { dependencies: Record<string, string> };
    manifest.dependencies["unsigned"] = "1.0.0";
    writeFileSync(path, JSON.stringify(manifest));
    const refused = await scene.run(manager, "npm", "install");
    expect(refused).toExitWith(1);
    expect(scene.has("node_modules")).toBe(false);
    delete manifest.dependencies["unsigned"];
    manifest.dependencies["parser"] = "4.0.2";
    writeFileSync(path, JSON.stringify(manifest));
    const allowed = await scene.run(manager, "npm", "install");
    expect(allowed).toExitWith(0);
    expect(scene.has("node_modules", "parser")).toBe(true);
  });

  it("uninstall and update go the same way", async () => {
    scene.writeProject([leaf, parser]);
    expect(await scene.run(manager, "npm", "uninstall", "parser")).toExitWith(0);
    expect(scene.lock()).not.toContain(parser.integrity);
    scene.writeProject([leaf, parser]);
    expect(await scene.run(manager, "npm", "update")).toExitWith(0);
    expect(scene.has("node_modules", "parser")).toBe(true);
  });

  it("npx runs a verified package, the second time without a request", async () => {
    scene.writeProject([leaf]);
    const first = await scene.run(manager, "npx", "-y", "tool@1.0.0", "--flag", "word");
    expect(first).toExitWith(0);
    scene.requests();
    const second = await scene.run(manager, "npx", "-y", "tool@1.0.0", "again");
    expect(second).toExitWith(0);
    expect(scene.requests()).toEqual([]);
    expect(readFileSync(join(scene.scratch, "tool-ran"), "utf8")).toBe("--flag word\nagain\n");
    expect(scene.has("node_modules")).toBe(false);
  });

  it("npx of an unverified package runs and installs nothing", async () => {
    scene.writeProject([leaf]);
    scene.requests();
    expect(await scene.run(manager, "npx", "-y", "unsigned")).toExitWith(1);
    expect(await scene.run(manager, "npm", "exec", "--yes", "unsigned")).toExitWith(1);
    expect(tarballs()).toEqual([]);
    expect(existsSync(scene.mark)).toBe(false);
  });

  it("global installs link the verified packages and refuse the others", async () => {
    scene.writeProject([leaf]);
    const prefix = join(scene.scratch, `global-${manager}`);
    const installed = await scene.run(manager, "npm", "install", "-g", `--prefix=${prefix}`, "tool");
    expect(installed).toExitWith(0);
    execFileSync(join(prefix, "bin", "tool-cli"), ["global"], {
      env: { PATH: `${join(process.execPath, "..")}:/usr/bin:/bin` },
    });
    expect(readFileSync(join(scene.scratch, "tool-ran"), "utf8")).toBe("global\n");
    const refused = await scene.run(
      manager,
      "npm",
      "i",
      "--location=global",
      `--prefix=${prefix}`,
      "unsigned",
    );
    expect(refused).toExitWith(1);
    expect(existsSync(scene.mark)).toBe(false);
    expect(existsSync(join(prefix, "lib/node_modules/unsigned"))).toBe(false);
  });

  it("a lockfile that is replaced between decision and install is not installed", async () => {
    scene.writeProject([leaf, parser]);
    rmSync(join(scene.scratch, "cache"), { recursive: true, force: true });
    scene.kit.npm.faults.add({ path: /^\/parser/, times: 1, fault: { kind: "delay", ms: 1500 } });
    const running = scene.run(manager, "npm", "ci");
    setTimeout(() => doctor(), 500);
    const ran = await running;
    expect(ran.err).toContain("lockfile/changed-during-install");
    expect(ran).toExitWith(1);
    expect(scene.has("node_modules")).toBe(false);
    expect(existsSync(scene.mark)).toBe(false);
  });

  it("a lockfile that a script changes during the install is caught afterwards", async () => {
    scene.writeProject([leaf]);
    const path = join(scene.directory, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(
      path,
      JSON.stringify({ ...manifest, scripts: { postinstall: "echo >> package-lock.json" } }),
    );
    const ran = await scene.run(manager, "npm", "ci");
    expect(ran.err).toContain("lockfile/changed-during-install");
    expect(ran).toExitWith(1);
  });

  it("another tarball than the locked one fails within seconds, not minutes", async () => {
    const swapped = scene.kit.npm.publish({ name: `swapped-${manager}` });
    scene.kit.npm.replaceTarball(swapped.name, "1.0.0", evil.tarball);
    scene.writeProject([swapped]);
    const started = Date.now();
    const ran = await scene.run(manager, "npm", "ci");
    expect(ran.exitCode).not.toBe(0);
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(scene.has("node_modules", swapped.name)).toBe(false);
  });

  it("options that weaken and commands that nothing covers are refused in strict", async () => {
    scene.writeProject([leaf]);
    for (const args of [
      ["ci", "--no-strict-ssl"],
      ["install", "--no-package-lock"],
      ["ci", "--userconfig", "x"],
    ]) {
      const ran = await scene.run(manager, "npm", ...args);
      expect(ran.err).toContain("settings/weakens");
      expect(ran).toExitWith(1);
    }
    const ran = await scene.run(manager, "npm", "rebuild");
    expect(ran.err).toContain("command/uncovered");
    expect(ran).toExitWith(1);
    expect(scene.has("node_modules")).toBe(false);
  });

  it("a lockfile that an extension of npm takes part in is not changed behind the gate", async () => {
    scene.writeProject([leaf], {
      ".npm-extension.mjs": "export const transformManifest = (manifest) => manifest;\n",
    });
    const ran = await scene.run(manager, "npm", "install", "parser");
    rmSync(join(scene.directory, ".npm-extension.mjs"));
    expect(ran.err).toContain("command/uncovered");
    expect(ran).toExitWith(1);
    expect(scene.lock()).not.toContain(parser.integrity);
  });

  it("a project's force and platform settings do not widen what is installed", async () => {
    const foreign = scene.kit.npm.publish({
      name: `foreign-${manager}`,
      signature: false,
      mark: scene.mark,
      manifest: { os: ["win32"] },
    });
    const holder = scene.kit.npm.publish({
      name: `holder-${manager}`,
      manifest: { optionalDependencies: { [foreign.name]: "1.0.0" } },
    });
    scene.writeProject([holder]);
    rmSync(join(scene.directory, "package-lock.json"));
    expect(await scene.run(manager, "npm", "install", "--package-lock-only")).toExitWith(0);
    expect(scene.lock()).toContain(foreign.integrity);
    writeFileSync(
      join(scene.directory, ".npmrc"),
      `registry=${scene.kit.npm.url}\nforce=true\nos=win32\ncpu=x64\n`,
    );
    scene.requests();
    expect(await scene.run(manager, "npm", "ci")).toExitWith(0);
    expect(tarballs().some((path) => path.includes("foreign"))).toBe(false);
    expect(existsSync(scene.mark)).toBe(false);
    expect(await scene.run(manager, "npm", "ci", "--force")).toExitWith(1);
  });

  it("a git dependency that the policy denies is looked at and changes nothing", async () => {
    scene.writeProject([leaf]);
    const repository = join(scene.scratch, `repository-${manager}`);
    writeFiles(repository, {
      "package.json": JSON.stringify({
        name: "from-git",
        version: "1.0.0",
        scripts: { prepare: `echo x >> ${scene.mark}`, preinstall: `echo x >> ${scene.mark}` },
      }),
    });
    const git = (...args: string[]): unknown =>
      execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@a.example", ...args], {
        cwd: repository,
      });
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "x");
    const ran = await scene.run(manager, "npm", "install", `git+file://${repository}`, "--allow-git=all");
    expect(ran.exitCode).not.toBe(0);
    expect(existsSync(scene.mark)).toBe(false);
    expect(scene.lock()).not.toContain("git+file");
  });
});

describe("a wrapped npm", () => {
  it.each(["warn", "disabled"] as const)(
    "in %s gets the same arguments, environment and files",
    async (mode) => {
      const scene = await openScene();
      try {
        const leaf = scene.kit.npm.publish({ name: "leaf" });
        scene.writeProject([leaf], {}, mode);
        const bin = join(scene.scratch, "fake");
        const seen = join(scene.scratch, "seen");
        writeFiles(bin, {
          npm: `#!/bin/sh\nfor each in "$@"; do printf '%s\\n' "$each" >> "${seen}"; done\nenv | grep -i -e '^npm_config_' -e NODE_OPTIONS | sort > "${seen}-env"\nexit 7\n`,
        });
        chmodSync(join(bin, "npm"), 0o755);
        const files = ["package.json", "package-lock.json", ".npmrc"].map((name) =>
          join(scene.directory, name),
        );
        const before = files.map((path) => readFileSync(path, "utf8"));
        const args = ["ci", "--omit", "dev", "--no-strict-ssl", "a b"];
        const ran = await scene.run(bin, "npm", ...args);
        expect(ran).toExitWith(7);
        expect(readFileSync(seen, "utf8")).toBe(`${args.join("\n")}\n`);
        expect(readFileSync(`${seen}-env`, "utf8")).not.toMatch(/NODE_OPTIONS|ignore_scripts|fetch/);
        expect(files.map((path) => readFileSync(path, "utf8"))).toEqual(before);
        if (mode === "disabled") expect(scene.requests()).toEqual([]);
      } finally {
        await scene.close();
      }
    },
  );
});

const built = existsSync(join(import.meta.dirname, "../dist/hook.mjs"));

eachNpm("the guard in", built, (manager) => {
  let scene: Scene;
  let leaf: PublishedPackage;
  let evil: PublishedPackage;

  beforeAll(async () => {
    scene = await openScene();
    leaf = scene.kit.npm.publish({ name: "leaf" });
    evil = scene.kit.npm.publish({ name: "evil", mark: scene.mark });
  });
  afterAll(() => scene.close());

  const guarded = (packages: readonly PublishedPackage[], mode: Mode): void => {
    rmSync(join(scene.directory, "node_modules"), { recursive: true, force: true });
    scene.writeProject(packages, {}, mode);
    const path = join(scene.directory, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    writeFileSync(
      path,
      JSON.stringify({ ...manifest, scripts: { preinstall: "node .countersign/hooks/npm.mjs" } }),
    );
    vendorHook(scene.directory);
  };
  const doctor = (): void => {
    const path = join(scene.directory, "package-lock.json");
    writeFileSync(
      path,
      scene.lock().replace(leaf.integrity, evil.integrity).replace(leaf.tarballUrl, evil.tarballUrl),
    );
  };

  if (manager === "npm-12") {
    it("lets a good lockfile through, with one line", async () => {
      for (const command of ["ci", "install"]) {
        guarded([leaf], "strict");
        const ran = await scene.npm(manager, [command]);
        expect(ran.output).toContain("countersign: allowed: 2 packages pass");
        expect(ran).toExitWith(0);
        expect(scene.has("node_modules", "leaf")).toBe(true);
      }
    });

    it.each(["ci", "install"])("stops %s before anything is fetched", async (command) => {
      guarded([leaf], "strict");
      doctor();
      scene.requests();
      const ran = await scene.npm(manager, [command]);
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("blocked");
      expect(ran.output.includes("had emptied node_modules")).toBe(command === "ci");
      expect(scene.requests().filter((path) => path.endsWith(".tgz"))).toEqual([]);
      expect(scene.has("node_modules", "leaf")).toBe(false);
      expect(existsSync(scene.mark)).toBe(false);
    });

    it("stops a lockfile without the approval that the policy wants, before anything is fetched", async () => {
      guarded([leaf], "strict");
      const policy = join(scene.directory, ".countersign/policy.yaml");
      writeFileSync(policy, wantingApproval(readFileSync(policy, "utf8")));
      scene.requests();
      const ran = await scene.npm(manager, ["ci"]);
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("seal/approval-missing");
      expect(scene.requests().filter((path) => path.endsWith(".tgz"))).toEqual([]);
      expect(existsSync(scene.mark)).toBe(false);
    });

    it("stops an install whose package.json asks for more than the lockfile holds", async () => {
      guarded([leaf], "strict");
      const path = join(scene.directory, "package.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('"leaf"', '"evil":"1.0.0","leaf"'));
      const ran = await scene.npm(manager, ["install"]);
      expect(ran).toExitWith(1);
      expect(ran.output).toContain("countersign npm install");
      expect(scene.has("node_modules", "evil")).toBe(false);
    });
  } else {
    it("says that it comes too late, and stops in strict", async () => {
      guarded([leaf], "strict");
      const ran = await scene.npm(manager, ["ci"]);
      expect(ran.output).toContain("only `countersign npm` or CI protects");
      expect(ran).toExitWith(1);
    });

    it("leaves it at the verdict behind the wrapper", async () => {
      guarded([leaf], "strict");
      const ran = await scene.run(manager, "npm", "ci");
      expect(ran).toExitWith(0);
    });
  }

  it("warns and lets the install go on in warn", async () => {
    guarded([leaf], "warn");
    doctor();
    const ran = await scene.npm(manager, ["ci", "--ignore-scripts=false"]);
    expect(ran.output).toContain("would block");
    expect(ran).toExitWith(0);
    expect(scene.has("node_modules", "leaf")).toBe(true);
  });

  it("is silent in disabled, and asks nobody", async () => {
    guarded([leaf], "disabled");
    scene.requests();
    const ran = await scene.npm(manager, ["ci"]);
    expect(ran.output).not.toContain("countersign:");
    expect(ran).toExitWith(0);
    expect(scene.requests().every((path) => path.endsWith(".tgz"))).toBe(true);
  });
});
