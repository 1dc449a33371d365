import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultBudget, readLockfile, type LockFormat, type PackageSet } from "@countersign/core";
import { createTestDirectory, writeFiles, type TestDirectory } from "@countersign/testkit";
import type { ManagerName } from "../manager/manager.ts";
import { checkInstalled, type Installed } from "./check-installed.ts";
import type { RestoreItem } from "./item.ts";
import { purgeInstalled } from "./purge.ts";

let project: TestDirectory;
beforeEach(() => {
  project = createTestDirectory("restore");
});
afterEach(() => project.remove());

const write = (files: Readonly<Record<string, string | Uint8Array>>): void =>
  void writeFiles(project.path, files);
const integrity = (seed: string): string => `sha512-${createHash("sha512").update(seed).digest("base64")}`;
const hex = (content: string | Uint8Array): string => createHash("sha512").update(content).digest("hex");
const manifest = (name: string, version: string): string => JSON.stringify({ name, version });

async function check(
  manager: ManagerName,
  format: LockFormat,
  path: string,
  lock: string,
  more: Partial<Installed> = {},
): Promise<{
  set: PackageSet;
  states: Record<string, string>;
  items: readonly RestoreItem[];
  obstacles: string[];
}> {
  write({ [path]: lock });
  const read = await readLockfile(format, path, Buffer.from(lock), defaultBudget);
  if (!read.ok) throw new Error(read.findings[0]?.why ?? "");
  const { items, obstacles } = await checkInstalled({
    directory: project.path,
    file: { path, format, manager },
    set: read.value,
    machine: { os: "linux", cpu: "x64" },
    home: join(project.path, "home"),
    variables: {},
    settled: false,
    ...more,
  });
  return {
    set: read.value,
    items,
    states: Object.fromEntries(items.map(({ location, purl, state }) => [location ?? purl, state])),
    obstacles: obstacles.map(({ location, why }) => `${location}: ${why}`),
  };
}

const npmEntry = (version: string, seed: string, more: object = {}): object => ({
  version,
  resolved: `https://npm.acme.example/x/-/x-${version}.tgz`,
  integrity: integrity(seed),
  ...more,
});
const npmLock = (packages: Readonly<Record<string, object>>): string =>
  JSON.stringify({
    name: "p",
    version: "1.0.0",
    lockfileVersion: 3,
    packages: { "": { name: "p" }, ...packages },
  });
const leaf = {
  "node_modules/leaf": npmEntry("1.0.0", "leaf", {
    resolved: "https://npm.acme.example/leaf/-/leaf-1.0.0.tgz",
  }),
};
const npm = (
  packages: Readonly<Record<string, object>> = leaf,
  more: Partial<Installed> = {},
): ReturnType<typeof check> => check("npm", "package-lock", "package-lock.json", npmLock(packages), more);
const recordOf = (packages: Readonly<Record<string, object>>): Record<string, string> => ({
  "node_modules/.package-lock.json": JSON.stringify({ lockfileVersion: 3, packages }),
});
const installLeaf = (): void =>
  write({ "node_modules/leaf/package.json": manifest("leaf", "1.0.0"), ...recordOf(leaf) });

describe("what npm left", () => {
  it("T15: is installed with the locked version and the locked digest", async () => {
    installLeaf();
    expect((await npm()).states).toEqual({ "node_modules/leaf": "installed" });
  });

  it("T15 F12: differs with the same version from another tarball, and both digests are said", async () => {
    installLeaf();
    write(recordOf({ "node_modules/leaf": npmEntry("1.0.0", "evil") }));
    const { items } = await npm();
    expect(items[0]).toMatchObject({ state: "differs" });
    for (const seed of ["leaf", "evil"])
      expect(items[0]?.why).toContain(createHash("sha512").update(seed).digest("hex"));
  });

  it("T15: differs in version, in name, and where npm has no record of it or none of its digest", async () => {
    installLeaf();
    for (const other of [manifest("leaf", "1.0.1"), manifest("evil", "1.0.0")]) {
      write({ "node_modules/leaf/package.json": other });
      expect((await npm()).states).toEqual({ "node_modules/leaf": "differs" });
    }
    installLeaf();
    write(recordOf({}));
    expect((await npm()).states).toEqual({ "node_modules/leaf": "differs" });
    write(recordOf({ "node_modules/leaf": { version: "1.0.0" } }));
    expect((await npm()).states).toEqual({ "node_modules/leaf": "differs" });
    rmSync(join(project.path, "node_modules/.package-lock.json"));
    expect((await npm()).states).toEqual({ "node_modules/leaf": "differs" });
  });

  it("T12: is missing, or lies where nothing is locked", async () => {
    expect((await npm()).states).toEqual({ "node_modules/leaf": "missing" });
    installLeaf();
    write({ "node_modules/leaf/node_modules/extra/package.json": manifest("extra", "1.0.0") });
    expect((await npm()).states).toEqual({
      "node_modules/leaf": "installed",
      "node_modules/leaf/node_modules/extra": "unlocked",
    });
  });

  it("T23: a git package is the locked commit, by what npm recorded", async () => {
    const git = (commit: string): Record<string, object> => ({
      "node_modules/leaf": {
        version: "1.0.0",
        resolved: `git+ssh://git@forge.example/a/leaf.git#${commit.repeat(40)}`,
      },
    });
    write({ "node_modules/leaf/package.json": manifest("leaf", "1.0.0"), ...recordOf(git("a")) });
    expect((await npm(git("a"))).states).toEqual({ "node_modules/leaf": "installed" });
    expect((await npm(git("b"))).states).toEqual({ "node_modules/leaf": "differs" });
  });

  it("may lack what is for other machines and what only that requires, and nothing else", async () => {
    const packages = {
      "node_modules/mac": npmEntry("1.0.0", "mac", {
        os: ["darwin"],
        optional: true,
        dependencies: { only: "1" },
        resolved: "https://npm.acme.example/mac/-/mac-1.0.0.tgz",
      }),
      "node_modules/only": npmEntry("1.0.0", "only", {
        optional: true,
        resolved: "https://npm.acme.example/only/-/only-1.0.0.tgz",
      }),
      "node_modules/plain": npmEntry("1.0.0", "plain", {
        optional: true,
        dev: true,
        resolved: "https://npm.acme.example/plain/-/plain-1.0.0.tgz",
      }),
    };
    expect((await npm(packages)).states).toEqual({
      "node_modules/mac": "not-needed",
      "node_modules/only": "not-needed",
      "node_modules/plain": "missing",
    });
    expect(
      (await npm(packages, { variables: { NODE_ENV: "production" } })).states["node_modules/plain"],
    ).toBe("not-needed");
    expect(
      (await npm(packages, { machine: { os: "darwin", cpu: "arm64" } })).states["node_modules/only"],
    ).toBe("missing");
  });

  it("is not looked for through links out of the project, and hostile manifests are no manifests", async () => {
    const outside = createTestDirectory("outside");
    writeFiles(outside.path, { "leaf/package.json": manifest("leaf", "1.0.0") });
    mkdirSync(join(project.path, "node_modules"));
    symlinkSync(join(outside.path, "leaf"), join(project.path, "node_modules/leaf"));
    write(recordOf(leaf));
    const linked = await npm();
    expect(linked.states).toEqual({ "node_modules/leaf": "differs" });
    expect(linked.obstacles).toEqual([expect.stringContaining("leads out of the project")]);
    rmSync(join(project.path, "node_modules/leaf"));
    mkdirSync(join(project.path, "node_modules/leaf"));
    symlinkSync(
      join(outside.path, "leaf/package.json"),
      join(project.path, "node_modules/leaf/package.json"),
    );
    expect((await npm()).obstacles).toEqual([expect.stringContaining("leads out of the project")]);
    rmSync(join(project.path, "node_modules/leaf/package.json"));
    for (const hostile of [
      "{",
      "[]",
      '{"name":1,"version":"1"}',
      '{"name":"leaf","name":"x","version":"1"}',
      "[".repeat(100_000),
    ]) {
      write({ "node_modules/leaf/package.json": hostile });
      expect((await npm()).obstacles).toHaveLength(1);
    }
    rmSync(join(project.path, "node_modules"), { recursive: true });
    symlinkSync(outside.path, join(project.path, "node_modules"));
    expect((await npm()).obstacles).toEqual([expect.stringContaining("link where a folder belongs")]);
    outside.remove();
  });
});

const pnpmLock = (name: string, seed: string): string =>
  `lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      ${name}:\n        specifier: 1.0.0\n        version: 1.0.0\n\npackages:\n\n  ${name}@1.0.0:\n    resolution: {integrity: ${integrity(seed)}}\n\nsnapshots:\n\n  ${name}@1.0.0: {}\n`;

describe("what pnpm left", () => {
  const pnpm = (): ReturnType<typeof check> =>
    check("pnpm", "pnpm-lock", "pnpm-lock.yaml", pnpmLock("leaf", "leaf"));
  const place = "node_modules/.pnpm/leaf@1.0.0/node_modules/leaf";
  const install = (): void => {
    write({
      [`${place}/package.json`]: manifest("leaf", "1.0.0"),
      "node_modules/.pnpm/lock.yaml": pnpmLock("leaf", "leaf"),
    });
    if (!existsSync(join(project.path, "node_modules/leaf")))
      symlinkSync(".pnpm/leaf@1.0.0/node_modules/leaf", join(project.path, "node_modules/leaf"));
  };

  it("T15: is installed with the locked version and digest, and differs with either", async () => {
    install();
    expect(await pnpm()).toMatchObject({ states: { [place]: "installed" }, obstacles: [] });
    write({ "node_modules/.pnpm/lock.yaml": pnpmLock("leaf", "evil") });
    expect((await pnpm()).states).toEqual({ [place]: "differs" });
    rmSync(join(project.path, "node_modules/.pnpm/lock.yaml"));
    expect((await pnpm()).states).toEqual({ [place]: "differs" });
    install();
    write({ [`${place}/package.json`]: manifest("leaf", "2.0.0") });
    const { states, items } = await pnpm();
    expect(states[place]).toBe("differs");
    expect(items.map(({ state }) => state).toSorted()).toEqual(["differs", "missing"]);
  });

  it("does not count a leftover in the virtual store, and counts what lies outside of it", async () => {
    install();
    write({ "node_modules/.pnpm/old@3.0.0/node_modules/old/package.json": manifest("old", "3.0.0") });
    expect((await pnpm()).states).toEqual({ [place]: "installed" });
    write({ "node_modules/@evil/one/package.json": manifest("@evil/one", "1.0.0") });
    expect((await pnpm()).states["node_modules/@evil/one"]).toBe("unlocked");
  });
});

describe("what Yarn left", () => {
  const zip = "PK zip of leaf";
  const lock = (content: string): string =>
    `__metadata:\n  version: 8\n  cacheKey: 10c0\n\n"leaf@npm:1.0.0":\n  version: 1.0.0\n  resolution: "leaf@npm:1.0.0"\n  checksum: 10c0/${hex(content)}\n  languageName: node\n  linkType: hard\n\n"p@workspace:.":\n  version: 0.0.0-use.local\n  resolution: "p@workspace:."\n  dependencies:\n    leaf: "npm:1.0.0"\n  languageName: unknown\n  linkType: soft\n`;
  const yarn = (content = zip, more: Partial<Installed> = {}): ReturnType<typeof check> =>
    check("yarn", "yarn-berry", "yarn.lock", lock(content), more);
  const purl = "pkg:npm/leaf@1.0.0";

  it("T15: Plug'n'Play runs the locked zip, hashed, of the project or of the user", async () => {
    write({ ".pnp.cjs": "" });
    expect((await yarn()).states).toEqual({ [purl]: "missing" });
    const local = `.yarn/cache/leaf-npm-1.0.0-0123456789-${hex(zip).slice(0, 10)}.zip`;
    write({ [local]: zip });
    expect((await yarn()).states).toEqual({ [purl]: "installed" });
    write({ [local]: `${zip} edited` });
    const { items } = await yarn();
    expect(items[0]).toMatchObject({ state: "differs", why: expect.stringContaining(hex(`${zip} edited`)) });
    rmSync(join(project.path, ".yarn"), { recursive: true });
    write({ "home/.yarn/berry/cache/leaf-npm-1.0.0-0123456789-10c0.zip": zip });
    expect((await yarn()).states).toEqual({ [purl]: "installed" });
    expect((await yarn("other")).states).toEqual({ [purl]: "differs" });
  });

  it("T15: node_modules have the locked version, and an edited zip of theirs is seen", async () => {
    write({ "node_modules/leaf/package.json": manifest("leaf", "1.0.0") });
    expect((await yarn()).states).toEqual({ "node_modules/leaf": "installed" });
    write({ "home/cache/leaf-npm-1.0.0-0123456789-10c0.zip": "evil" });
    const variables = { YARN_CACHE_FOLDER: join(project.path, "home/cache") };
    expect((await yarn(zip, { variables })).states).toEqual({ "node_modules/leaf": "differs" });
  });
});

describe("what Bun and Deno left", () => {
  it("T15: is compared by version, in plain and in virtual stores", async () => {
    const lock = JSON.stringify({
      lockfileVersion: 1,
      workspaces: { "": { name: "p", dependencies: { leaf: "1.0.0" } } },
      packages: { leaf: ["leaf@1.0.0", "", {}, integrity("leaf")] },
    });
    const bun = (): ReturnType<typeof check> => check("bun", "bun-lock", "bun.lock", lock);
    expect((await bun()).states).toEqual({ "pkg:npm/leaf@1.0.0": "missing" });
    write({ "node_modules/.bun/leaf@1.0.0/node_modules/leaf/package.json": manifest("leaf", "v1.0.0") });
    expect(Object.values((await bun()).states)).toEqual(["installed"]);
    rmSync(join(project.path, "node_modules"), { recursive: true });
    write({ "node_modules/leaf/package.json": manifest("leaf", "1.0.1") });
    expect(Object.values((await bun()).states)).toEqual(["missing", "unlocked"]);
  });

  it("says of Deno's own cache that it is not looked into", async () => {
    const lock = JSON.stringify({
      version: "5",
      specifiers: { "npm:leaf@1.0.0": "1.0.0" },
      npm: { "leaf@1.0.0": { integrity: integrity("leaf") } },
    });
    expect(Object.values((await check("deno", "deno-lock", "deno.lock", lock)).states)).toEqual([
      "unchecked",
    ]);
  });
});

describe("what uv left", () => {
  const hash = `sha256:${"ab".repeat(32)}`;
  const lock = `version = 1\nrevision = 3\nrequires-python = ">=3.9"\n\n[[package]]\nname = "p"\nversion = "0.1.0"\nsource = { virtual = "." }\ndependencies = [{ name = "thing-one" }]\n\n[[package]]\nname = "thing-one"\nversion = "1.0.0"\nsource = { registry = "https://pypi.acme.example/simple" }\nwheels = [{ url = "https://pypi.acme.example/thing_one-1.0.0-py3-none-any.whl", hash = "${hash}" }]\n`;
  const uv = (more: Partial<Installed> = {}): ReturnType<typeof check> =>
    check("uv", "uv-lock", "uv.lock", lock, more);
  const site = ".venv/lib/python3.12/site-packages";
  const info = `${site}/thing_one-1.0.0.dist-info`;
  const row = (path: string, content: string): string =>
    `${path},sha256=${createHash("sha256").update(content).digest("base64url")},${content.length}\n`;
  const install = (version = "1.0.0"): void =>
    write({
      [`${info}/METADATA`]: `Metadata-Version: 2.3\nName: Thing.One\nVersion: ${version}\n\nName: other\n`,
      [`${info}/RECORD`]: `${row("thing.py", "x = 1\n")}"a,b.py",sha256=${createHash("sha256").update("y").digest("base64url")},1\nthing_one-1.0.0.dist-info/RECORD,,\n`,
      [`${site}/thing.py`]: "x = 1\n",
      [`${site}/a,b.py`]: "y",
    });

  it("T15: is the locked version, and its files are those of RECORD", async () => {
    expect((await uv()).states).toEqual({ "pkg:pypi/thing-one@1.0.0": "missing" });
    expect((await uv({ settled: true })).states).toEqual({ "pkg:pypi/thing-one@1.0.0": "not-needed" });
    install();
    expect((await uv()).states).toEqual({ [info]: "installed" });
    install("2.0.0");
    expect((await uv()).states).toEqual({ [info]: "differs" });
    install();
    write({ [`${site}/thing.py`]: "import os\n" });
    expect((await uv()).items[0]).toMatchObject({
      state: "differs",
      why: expect.stringContaining("thing.py was changed"),
    });
    rmSync(join(project.path, site, "thing.py"));
    expect((await uv()).items[0]?.why).toContain("thing.py is gone");
  });

  it("T12: finds what is not locked, and reads nothing outside the environment", async () => {
    install();
    write({ [`${site}/evil-1.dist-info/METADATA`]: "Name: evil\nVersion: 1\n\n", "secret.txt": "s" });
    expect((await uv()).states[`${site}/evil-1.dist-info`]).toBe("unlocked");
    rmSync(join(project.path, `${site}/evil-1.dist-info`), { recursive: true });
    for (const path of ["../../../../secret.txt", "/etc/passwd"]) {
      write({ [`${info}/RECORD`]: row(path, "s") });
      expect((await uv()).items[0]?.why).toContain("lies outside");
    }
    install();
    rmSync(join(project.path, site, "thing.py"));
    symlinkSync(join(project.path, "secret.txt"), join(project.path, site, "thing.py"));
    expect((await uv()).items[0]?.why).toContain("cannot be read");
    rmSync(join(project.path, ".venv"), { recursive: true });
    symlinkSync(project.path, join(project.path, ".venv"));
    expect((await uv()).obstacles).toEqual([expect.stringContaining("link or a file")]);
  });
});

describe("purging", () => {
  it("T15: removes what is installed, of links the link alone, and nothing behind one", async () => {
    const outside = createTestDirectory("outside");
    writeFiles(outside.path, { "node_modules/keep/package.json": "{}", "kept/file": "" });
    const { set } = await npm({
      "packages/a": { name: "a", version: "1.0.0" },
      "node_modules/a": { resolved: "packages/a", link: true },
    });
    write({ "node_modules/leaf/package.json": "{}" });
    mkdirSync(join(project.path, "packages"));
    symlinkSync(outside.path, join(project.path, "packages/a"));
    await purgeInstalled(project.path, "npm", set);
    expect(existsSync(join(project.path, "node_modules"))).toBe(false);
    expect(existsSync(join(outside.path, "node_modules/keep/package.json"))).toBe(true);
    symlinkSync(join(outside.path, "kept"), join(project.path, "node_modules"));
    await purgeInstalled(project.path, "npm", set);
    expect(existsSync(join(project.path, "node_modules"))).toBe(false);
    expect(existsSync(join(outside.path, "kept/file"))).toBe(true);
    outside.remove();
  });
});
