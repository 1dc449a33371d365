import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PublishedPackage } from "../npm/registry.ts";
import { bunLock, packageLock } from "./npm-lockfiles.ts";
import type { PublishedDistribution } from "../pypi/package-index.ts";
import { startTestkit, type Testkit } from "../testkit.ts";
import {
  npmProjectFiles,
  createTestDirectory,
  pythonProjectFiles,
  writeProject,
  type TestDirectory,
} from "./project.ts";

/** Other people's readers, resolved from core, which has them for its own tests. */
const oracle = createRequire(import.meta.url);

let kit: Testkit;
let directory: TestDirectory;
let packages: PublishedPackage[];
let files: PublishedDistribution[];
beforeAll(async () => {
  kit = await startTestkit();
  directory = createTestDirectory("lockfiles");
  packages = [
    kit.npm.publish({ name: "twice", version: "2.0.0" }),
    kit.npm.publish({ name: "twice", version: "1.0.0" }),
    kit.npm.publish({
      name: "@acme/leaf",
      scripts: { install: "true" },
      manifest: { os: ["linux"], cpu: ["x64", "arm64"], engines: { node: ">=20" } },
    }),
    kit.npm.publish({ name: "top", dependencies: { "@acme/leaf": "^1.0.0", twice: "1.0.0" } }),
  ];
  files = [
    kit.pypi.publish({ name: "Lib_Two", kind: "sdist" }),
    kit.pypi.publish({ name: "Lib_Two" }),
    kit.pypi.publish({ name: "app", requires: ["lib-two>=1; python_version > '3'"] }),
  ];
});
afterAll(async () => {
  await kit.close();
  directory.remove();
});

const locked = (): Record<string, string> =>
  Object.fromEntries(packages.map(({ name, version, integrity }) => [`${name}@${version}`, integrity]));
const text = (lock: Parameters<typeof npmProjectFiles>[0]): string =>
  npmProjectFiles(lock, { packages, registry: kit.npm.url })[lock] ?? "";

describe("npm lockfiles hold every package with its digest, as their own readers see it", () => {
  it("package-lock.json (arborist)", async () => {
    const Arborist = oracle("@npmcli/arborist");
    const path = writeProject(join(directory.path, "npm"), {
      lock: "package-lock.json",
      packages,
      registry: kit.npm.url,
    });
    const tree = await new Arborist({ path }).loadVirtual();
    const nodes = [...tree.inventory.values()].filter((node) => !node.isProjectRoot);
    expect(Object.fromEntries(nodes.map((node) => [`${node.name}@${node.version}`, node.integrity]))).toEqual(
      locked(),
    );
    const edges = [...tree.inventory.values()].flatMap((node) => [...node.edgesOut.values()]);
    expect(edges.map((edge) => edge.error)).toEqual(edges.map(() => null));
  });

  it("package-lock.json without resolved", () => {
    expect(packageLock({ packages }, { resolved: false })).not.toContain("resolved");
  });

  it("pnpm-lock.yaml (@pnpm/lockfile.fs)", async () => {
    const { readWantedLockfile } = oracle("@pnpm/lockfile.fs") as {
      readWantedLockfile: (path: string, options: object) => Promise<PnpmLock>;
    };
    const path = writeProject(join(directory.path, "pnpm"), {
      lock: "pnpm-lock.yaml",
      packages,
      registry: kit.npm.url,
    });
    const lock = await readWantedLockfile(path, { ignoreIncompatible: false });
    expect(
      Object.fromEntries(
        Object.entries(lock.packages).map(([key, { resolution }]) => [key, resolution.integrity]),
      ),
    ).toEqual(locked());
    expect(lock.packages["top@1.0.0"]?.dependencies).toEqual({ "@acme/leaf": "1.0.0", twice: "1.0.0" });
    expect(lock.packages["@acme/leaf@1.0.0"]).toMatchObject({
      os: ["linux"],
      cpu: ["x64", "arm64"],
      engines: { node: ">=20" },
    });
  });

  it("yarn.lock (@yarnpkg/parsers)", () => {
    const { parseSyml } = oracle("@yarnpkg/parsers") as {
      parseSyml: (text: string) => Record<string, { version: string; integrity: string }>;
    };
    const entries = Object.entries(parseSyml(text("yarn.lock")));
    expect(
      Object.fromEntries(
        entries.map(([key, entry]) => [`${key.replace(/(.)@.*/, "$1")}@${entry.version}`, entry.integrity]),
      ),
    ).toEqual(locked());
  });

  it("bun.lock (jsonc-parser)", () => {
    const { parse } = oracle("jsonc-parser") as {
      parse: (text: string, errors: unknown[], options: object) => { packages: Record<string, string[]> };
    };
    const errors: unknown[] = [];
    const newer = bunLock({ packages }, { version: 2 });
    expect(parse(newer, errors, { allowTrailingComma: true })).toMatchObject({
      lockfileVersion: 2,
      configVersion: 1,
    });
    const lock = parse(text("bun.lock"), errors, { allowTrailingComma: true });
    expect(errors).toEqual([]);
    expect(Object.fromEntries(Object.values(lock.packages).map((row) => [row[0], row[3]]))).toEqual(locked());
  });

  it("deno.lock", () => {
    const lock = JSON.parse(text("deno.lock")) as {
      npm: Record<string, { integrity: string; dependencies?: string[] }>;
    };
    expect(
      Object.fromEntries(Object.entries(lock.npm).map(([key, entry]) => [key, entry.integrity])),
    ).toEqual(locked());
    expect(lock.npm["top@1.0.0"]?.dependencies).toEqual(["@acme/leaf", "twice@1.0.0"]);
  });

  it("refuse a project that lacks what it requires", () => {
    const [, , , top] = packages as [PublishedPackage, PublishedPackage, PublishedPackage, PublishedPackage];
    expect(() => npmProjectFiles("pnpm-lock.yaml", { packages: [top], registry: kit.npm.url })).toThrow(
      "@acme/leaf is required",
    );
  });
});

type PnpmLock = {
  packages: Record<string, { resolution: { integrity: string }; dependencies?: Record<string, string> }>;
};

describe("Python lockfiles hold every file with its digest", () => {
  const { parse } = oracle("smol-toml") as { parse: (text: string) => TomlLock };
  const python = (lock: Parameters<typeof pythonProjectFiles>[0]): string =>
    pythonProjectFiles(lock, { files, index: kit.pypi.simpleUrl })[lock] ?? "";
  const digests = () => new Map(files.map(({ url, sha256 }) => [url, sha256]));

  it("uv.lock", () => {
    const lock = parse(python("uv.lock"));
    const artefacts =
      lock.package?.flatMap(({ sdist, wheels = [] }) => [
        ...(sdist === undefined ? [] : [sdist]),
        ...wheels,
      ]) ?? [];
    expect(new Map(artefacts.map(({ url, hash }) => [url, hash?.replace("sha256:", "")]))).toEqual(digests());
    expect(lock.package?.find(({ name }) => name === "app")?.dependencies).toEqual([{ name: "lib-two" }]);
  });

  it("pylock.toml", () => {
    const lock = parse(python("pylock.toml"));
    const artefacts =
      lock.packages?.flatMap(({ sdist, wheels = [] }) => [
        ...(sdist === undefined ? [] : [sdist]),
        ...wheels,
      ]) ?? [];
    expect(new Map(artefacts.map(({ url, hashes }) => [url, hashes?.sha256]))).toEqual(digests());
  });

  it("requirements.txt", () => {
    const hashes = [...python("requirements.txt").matchAll(/--hash=sha256:(\w+)/g)].map(([, hash]) => hash);
    expect(hashes.toSorted()).toEqual(files.map(({ sha256 }) => sha256).toSorted());
  });

  it("come with the project they belong to", () => {
    const path = writeProject(join(directory.path, "uv"), {
      lock: "uv.lock",
      files,
      index: kit.pypi.simpleUrl,
      extraFiles: { "a/b.txt": "more" },
    });
    expect(readFileSync(join(path, "pyproject.toml"), "utf8")).toContain('dependencies = ["app==1.0.0"]');
    expect(readFileSync(join(path, "a/b.txt"), "utf8")).toBe("more");
  });
});

type TomlFile = { url: string; hash?: string; hashes?: { sha256: string } };
type TomlPackage = { name: string; dependencies?: unknown; sdist?: TomlFile; wheels?: TomlFile[] };
type TomlLock = { package?: TomlPackage[]; packages?: TomlPackage[] };
