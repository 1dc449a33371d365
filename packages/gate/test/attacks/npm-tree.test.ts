import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { mintNpmPackage, writeProject, type NpmLockName, type PublishedPackage } from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codesOf, blocking, openScene, type Scene } from "../scene.ts";
import { cold, expectControl, expectStopped, lineOf, rewrite, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const lock = "package-lock.json";
type Entry = Record<string, unknown>;
const editPackages = (edit: (packages: Record<string, Entry>) => void): void =>
  rewrite(scene, lock, (text) => {
    const document = JSON.parse(text) as { packages: Record<string, Entry> };
    edit(document.packages);
    return `${JSON.stringify(document, null, 2)}\n`;
  });

function stage(name: NpmLockName = lock): {
  leaf: PublishedPackage;
  other: PublishedPackage;
  top: PublishedPackage;
} {
  const { kit, directory } = scene;
  const leaf = kit.npm.publish({ name: "leaf" });
  const other = kit.npm.publish({ name: "other" });
  const top = kit.npm.publish({ name: "top", dependencies: { leaf: "1.0.0" } });
  writeProject(directory, { lock: name, registry: kit.npm.url, packages: [leaf, other, top] });
  scene.policy(strictPolicy(scene));
  return { leaf, other, top };
}

/** The base is what was reviewed; the attack is the change on top of it. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync(
      "git",
      ["-c", "user.name=a", "-c", "user.email=a@acme.example", "-c", "commit.gpgsign=false", ...args],
      { cwd: scene.directory, encoding: "utf8" },
    );
  rmSync(join(scene.directory, ".git"), { recursive: true });
  git("init", "-q");
  git("add", "-A");
  git("commit", "-q", "-m", "base");
  return git("rev-parse", "HEAD").trim();
}

describe("what an npm lockfile claims of its tree", () => {
  it("inBundle on an entry with resolved is no way around the checks", async () => {
    const { leaf } = stage();
    const evil = mintNpmPackage({ name: "leaf", scripts: { install: "evil" } });
    await expectControl(scene);
    editPackages((packages) => Object.assign(packages["node_modules/leaf"] as Entry, { inBundle: true }));
    await expectStopped(scene, {
      codes: ["lockfile/bundled-with-resolved"],
      at: { path: lock, line: '"inBundle"' },
    });
    rewrite(scene, lock, (text) => text.replace(leaf.integrity, evil.integrity));
    await expectStopped(scene, {
      codes: ["lockfile/bundled-with-resolved", "listing/mismatch", "signature/invalid"],
      at: { path: lock, line: '"inBundle"' },
    });
  });

  it("an entry that only claims to be bundled is not taken at its word", async () => {
    stage();
    await expectControl(scene);
    editPackages((packages) => {
      packages["node_modules/top/node_modules/leaf"] = { version: "6.6.6", inBundle: true };
    });
    const attacked = await scene.run();
    expect(attacked.report.decision.strict).not.toBe("allow");
    expect(attacked.exitCode).not.toBe(0);
  });

  it("two entries of one artefact that disagree", async () => {
    const { leaf } = stage();
    const evil = mintNpmPackage({ name: "leaf", scripts: { install: "evil" } });
    await expectControl(scene);
    editPackages((packages) => {
      packages["node_modules/top/node_modules/leaf"] = {
        version: "1.0.0",
        resolved: leaf.tarballUrl,
        integrity: evil.integrity,
      };
    });
    await expectStopped(scene, {
      codes: ["lockfile/conflicting-entries", "listing/mismatch", "signature/invalid"],
      at: { path: lock, line: evil.integrity },
    });
  });

  it("npm-shrinkwrap.json beside package-lock.json", async () => {
    const { leaf, other, top } = stage();
    await expectControl(scene);
    const { kit, directory } = scene;
    // Genuine by itself: what stops it is that a review of the other file said nothing of this one.
    const added = kit.npm.publish({ name: "added" });
    writeProject(directory, {
      lock: "npm-shrinkwrap.json",
      registry: kit.npm.url,
      packages: [leaf, other, top, added],
    });
    await expectStopped(scene, {
      codes: ["lockfile/shadowed"],
      at: { path: "npm-shrinkwrap.json", line: "{" },
    });
  });

  it("an evil shrinkwrap that shadows a good lock is itself verified", async () => {
    const { leaf, other, top } = stage();
    await expectControl(scene);
    const { kit, directory } = scene;
    const evil = mintNpmPackage({ name: "leaf", scripts: { install: "evil" } });
    writeProject(directory, {
      lock: "npm-shrinkwrap.json",
      registry: kit.npm.url,
      packages: [{ ...leaf, integrity: evil.integrity }, other, top],
    });
    await expectStopped(scene, {
      codes: ["listing/mismatch", "lockfile/shadowed", "signature/invalid"],
      at: { path: "npm-shrinkwrap.json", line: evil.integrity },
    });
  });

  it("a link to a folder of the repository that is no workspace", async () => {
    stage();
    await expectControl(scene);
    scene.write({
      "vendor/leaf/package.json": '{"name":"leaf","version":"1.0.0"}',
      "vendor/leaf/index.js": "throw 1;",
    });
    editPackages((packages) => {
      packages["node_modules/leaf"] = { resolved: "vendor/leaf", link: true };
      packages["vendor/leaf"] = { name: "leaf", version: "1.0.0" };
    });
    await expectStopped(scene, { codes: ["lockfile/link-outside", "source/path"] });
  });

  it.each(["../outside", "/tmp/outside", "vendor/../../outside", "C:\\outside"])(
    "a link out of the project: %s",
    async (target) => {
      stage();
      await expectControl(scene);
      editPackages((packages) => {
        packages["node_modules/leaf"] = { resolved: target, link: true };
      });
      const attacked = await scene.run();
      expect(attacked).toExitWith(1);
      expect(
        attacked.report.findings.some(({ code, at }) => code === "lockfile/link-outside" && at.path === lock),
      ).toBe(true);
    },
  );

  // Each keeps name, version and digest; what changes is where npm would go, or what reads the address otherwise.
  const commitId = "5f1c9e0d3b7a48260917c2d4e8fa0b6c3d5e7f91";
  const evilTarball = "evil.example/leaf/-/leaf-1.0.0.tgz";
  const addresses: [string, (url: string) => string][] = [
    ["a user name that looks like the host", (url) => `http://${new URL(url).host}@${evilTarball}`],
    ["backslashes", () => `https:\\\\${evilTarball.replaceAll("/", "\\")}`],
    ["no scheme", () => `//${evilTarball}`],
    ["capitals", () => `HTTPS://${evilTarball.toUpperCase()}`],
    ["a tab in the scheme", () => `ht\ttps://${evilTarball}`],
    ["a blank before it", () => ` https://${evilTarball}`],
    ["dot segments to another package", (url) => url.replace("/leaf/-/leaf", "/leaf/-/../../other/-/other")],
    ["encoded dot segments", (url) => url.replace("/leaf/-/leaf", "/leaf/-/%2e%2e/%2e%2e/other/-/other")],
    ["a query", (url) => `${url}?real=https://${evilTarball}`],
    ["a fragment", (url) => `${url}#sha1`],
    ["another port", (url) => url.replace(/:\d+/, ":1")],
    ["a host that only begins like it", (url) => url.replace("127.0.0.1", "127.0.0.1.evil.example")],
    ["git", () => `git+https://evil.example/leaf.git#${commitId}`],
    ["git, by a branch", () => "git+https://evil.example/leaf.git#main"],
    ["git, by a short commit", () => `git+https://evil.example/leaf.git#${commitId.slice(0, 12)}`],
    ["a file of the repository", () => "file:vendor/leaf-1.0.0.tgz"],
    ["a folder of the repository", () => "file:vendor/leaf"],
    ["data", () => "data:application/octet-stream;base64,AAAA"],
    ["an alias", () => "npm:other@1.0.0"],
  ];
  it.each(addresses)("resolved with %s", async (_, move) => {
    const { leaf } = stage();
    await expectControl(scene);
    const moved = move(leaf.tarballUrl);
    expect(moved).not.toBe(leaf.tarballUrl);
    editPackages((packages) => Object.assign(packages["node_modules/leaf"] as Entry, { resolved: moved }));
    const before = scene.kit.requests.all.length;
    const attacked = await scene.run();
    expect(attacked).toExitWith(1);
    const first = lineOf(scene, { path: lock, line: '"node_modules/leaf"' });
    const blamed = blocking(attacked).filter(
      ({ at }) => at.path === lock && at.line >= first && at.line < first + 5,
    );
    expect(blamed.length).toBeGreaterThan(0);
    // Whatever it names, nobody is asked there.
    expect(scene.kit.requests.all.slice(before).filter(({ server }) => server === "elsewhere")).toEqual([]);
    expect(await scene.run({}, cold(scene))).toExitWith(1);
  });

  it("deno.lock: a remote module, and a redirect to one", async () => {
    stage("deno.lock");
    await expectControl(scene);
    rewrite(scene, "deno.lock", (text) =>
      JSON.stringify(
        {
          ...(JSON.parse(text) as object),
          redirects: { "https://good.example/mod.ts": "https://evil.example/mod.ts" },
          remote: { "https://evil.example/mod.ts": "0".repeat(64) },
        },
        null,
        2,
      ),
    );
    await expectStopped(scene, { codes: ["source/url"], at: { path: "deno.lock", line: "0".repeat(64) } });
  });

  // A correct signature on the wrong package says nothing, so these are for a person, or for a baseline, to judge.
  const aliasing: [NpmLockName, (text: string, cast: ReturnType<typeof stage>) => string][] = [
    [
      lock,
      (text, { leaf, other }) =>
        text
          .replace('"node_modules/leaf": {', '"node_modules/leaf": {\n      "name": "other",')
          .replace(leaf.tarballUrl, other.tarballUrl)
          .replace(leaf.integrity, other.integrity),
    ],
    ["pnpm-lock.yaml", (text) => text.replace("      leaf: 1.0.0\n", "      leaf: other@1.0.0\n")],
    [
      "yarn.lock",
      (text) =>
        text
          .replace(/leaf@1\.0\.0:\n(?: .*\n)+\n/, "")
          .replace("other@1.0.0:\n", '"leaf@npm:other@1.0.0", other@1.0.0:\n')
          .replace('    leaf "1.0.0"', '    leaf "npm:other@1.0.0"'),
    ],
    [
      "bun.lock",
      (text, { leaf, other }) =>
        text
          .replace('"leaf": ["leaf@1.0.0"', '"leaf": ["other@1.0.0"')
          .replace(leaf.tarballUrl, other.tarballUrl)
          .replace(leaf.integrity, other.integrity),
    ],
  ];
  it.each(aliasing)(
    "%s: an alias of another package is noted, and new against the base",
    async (name, edit) => {
      const cast = stage(name);
      const base = commit();
      await expectControl(scene);
      rewrite(scene, name, (text) => edit(text, cast));
      const alone = await scene.run();
      expect(alone.report.findings.map(({ code }) => code)).toContain("lockfile/alias");
      const compared = await scene.run({ base });
      const drift = compared.report.findings.find(({ code }) => code === "drift/alias");
      expect(drift).toMatchObject({ purl: "pkg:npm/other@1.0.0", effect: "note", at: { path: name } });
      expect(drift?.why).toContain("leaf");
    },
  );

  it("an invented edge is new against the base", async () => {
    const { top } = stage();
    const base = commit();
    const added = scene.kit.npm.publish({ name: "added" });
    const control = await scene.run({ base });
    expect(control.report.findings.filter(({ code }) => code.startsWith("drift/"))).toEqual([]);
    editPackages((packages) => {
      (packages["node_modules/top"] as Entry)["dependencies"] = { leaf: "1.0.0", added: "1.0.0" };
      packages["node_modules/added"] = {
        version: "1.0.0",
        resolved: added.tarballUrl,
        integrity: added.integrity,
      };
    });
    const compared = await scene.run({ base });
    const drift = compared.report.findings.filter(({ code }) => code.startsWith("drift/"));
    expect(drift.map(({ code, purl }) => [code, purl])).toEqual(
      expect.arrayContaining([
        ["drift/new-package", "pkg:npm/added@1.0.0"],
        ["drift/edge", `pkg:npm/${top.name}@1.0.0`],
      ]),
    );
    expect(drift.find(({ code }) => code === "drift/edge")?.at.line).toBe(
      lineOf(scene, { path: lock, line: '"node_modules/top"' }),
    );
  });

  const inventing: [string, (text: string, added: PublishedPackage) => string][] = [
    [
      "pnpm-lock.yaml",
      (text, added) =>
        text
          .replace(
            "\nsnapshots:\n",
            `\n  added@1.0.0:\n    resolution: {integrity: ${added.integrity}}\n\nsnapshots:\n\n  added@1.0.0: {}\n`,
          )
          .replace("      leaf: 1.0.0\n", "      added: 1.0.0\n      leaf: 1.0.0\n"),
    ],
    [
      "yarn.lock",
      (text, added) =>
        `${text.replace('    leaf "1.0.0"\n', '    added "1.0.0"\n    leaf "1.0.0"\n')}\nadded@1.0.0:\n  version "1.0.0"\n  resolved "${added.tarballUrl}#${added.shasum}"\n  integrity ${added.integrity}\n`,
    ],
    [
      "bun.lock",
      (text, added) =>
        text
          .replace(
            '{ "dependencies": { "leaf": "1.0.0" } }',
            '{ "dependencies": { "added": "1.0.0", "leaf": "1.0.0" } }',
          )
          .replace(
            '"packages": {\n',
            `"packages": {\n    "added": ["added@1.0.0", "${added.tarballUrl}", {}, "${added.integrity}"],\n\n`,
          ),
    ],
    [
      "deno.lock",
      (text, added) => {
        const document = JSON.parse(text) as {
          npm: Record<string, { integrity?: string; tarball?: string; dependencies?: string[] }>;
        };
        document.npm["added@1.0.0"] = { integrity: added.integrity, tarball: added.tarballUrl };
        document.npm["top@1.0.0"]?.dependencies?.push("added");
        return JSON.stringify(document, null, 2);
      },
    ],
  ];
  it.each(inventing)("%s: an invented edge is new against the base", async (name, edit) => {
    stage(name as NpmLockName);
    const base = commit();
    await expectControl(scene, { request: { base } });
    const added = scene.kit.npm.publish({ name: "added" });
    rewrite(scene, name, (text) => edit(text, added));
    const compared = await scene.run({ base });
    expect(compared).toExitWith(0);
    const drift = compared.report.findings.filter(({ code }) => code.startsWith("drift/"));
    expect(drift.map(({ code, purl }) => `${code} ${purl}`).toSorted()).toEqual([
      "drift/edge pkg:npm/top@1.0.0",
      "drift/new-package pkg:npm/added@1.0.0",
    ]);
  });

  it("a manager named in package.json takes no other manager's lock out of sight", async () => {
    const { leaf } = stage();
    await expectControl(scene);
    const evil = mintNpmPackage({ name: "leaf", scripts: { install: "evil" } });
    rewrite(scene, lock, (text) => text.replace(leaf.integrity, evil.integrity));
    const declare = (): void =>
      rewrite(scene, "package.json", (text) => text.replace("{", '{ "packageManager": "pnpm@10.34.9",'));
    declare();
    await expectStopped(scene, { codes: ["lockfile/unclaimed"], at: { path: lock, line: "{" } });
    // With a good lock of the named manager beside it, whoever runs npm still installs from the evil one.
    writeProject(scene.directory, { lock: "pnpm-lock.yaml", registry: scene.kit.npm.url, packages: [leaf] });
    declare();
    await expectStopped(scene, { codes: ["lockfile/unclaimed"], at: { path: lock, line: "{" } });
    await expectStopped(scene, {
      codes: ["listing/mismatch", "signature/invalid"],
      request: { lockfiles: [lock] },
    });
  });

  it("a project whose own lock is gone does not pass for the lock of another folder", async () => {
    stage();
    scene.write({ "example/package-lock.json": '{"lockfileVersion":3,"packages":{}}' });
    commit();
    await expectControl(scene);
    rmSync(join(scene.directory, lock));
    const attacked = await scene.run();
    expect(codesOf(attacked)).toEqual(["lockfile/not-found"]);
    expect(attacked).toExitWith(2);
    expect(attacked.report.decision.outcome).toBe("incomplete");
  });
});
