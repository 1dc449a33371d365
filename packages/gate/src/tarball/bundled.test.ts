import {
  defaultBudget,
  readLockfile,
  toIntegrity,
  type Inspection,
  type PackageSet,
} from "@countersign/core";
import { afterEach, describe, expect, it } from "vitest";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import { tarballOf, type Member } from "../../test/tar-writer.ts";
import type { Client } from "../registry/client.ts";
import { createClient } from "../registry/http-client.ts";
import { inspectBundled } from "./bundled.ts";
import { digestOf } from "./npm-tarball.ts";

const open: (Loopback | Client)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const file = (path: string, content: unknown): Member => ({
  path,
  content: typeof content === "string" ? content : JSON.stringify(content),
});
const manifest = file("package/package.json", {
  name: "parent",
  version: "1.0.0",
  bundleDependencies: ["in"],
});
const inner = file("package/node_modules/in/package.json", { name: "in", version: "2.0.0" });
const deep = file("package/node_modules/in/node_modules/@scope/deep/package.json", {
  name: "@scope/deep",
  version: "3.0.0",
});
const entries = {
  "node_modules/parent/node_modules/in": { version: "2.0.0", inBundle: true },
  "node_modules/parent/node_modules/in/node_modules/@scope/deep": { version: "3.0.0", inBundle: true },
};

async function lockOf(
  bundled: Record<string, unknown>,
  locked: Uint8Array,
  more: Record<string, unknown> = {},
): Promise<PackageSet> {
  const parent = {
    version: "1.0.0",
    integrity: toIntegrity(digestOf(locked, "sha512")),
    bundleDependencies: ["in"],
    ...more,
  };
  const packages = {
    "": { name: "project", version: "1.0.0", dependencies: { parent: "1.0.0" } },
    "node_modules/parent": parent,
    ...bundled,
  };
  const read = await readLockfile(
    "package-lock",
    "package-lock.json",
    Buffer.from(JSON.stringify({ name: "project", lockfileVersion: 3, requires: true, packages })),
    defaultBudget,
  );
  if (!read.ok) throw new Error(read.findings.map(({ why }) => why).join("\n"));
  return read.value;
}

type Inspected = { found: Record<string, Inspection>; requests: number };

async function inspect(
  set: PackageSet,
  served: Uint8Array,
  registry: "known" | "none" = "known",
): Promise<Inspected> {
  const server = await startLoopback((_, response) => void response.end(served));
  const client = createClient(
    {
      allowed: [server.url],
      credentials: [],
      proxy: { https: null, http: null, noProxy: [] },
      authorities: [],
    },
    AbortSignal.timeout(20_000),
  );
  open.push(client, server);
  const result = await inspectBundled(set, {
    client,
    budget: defaultBudget,
    registryOf: () => (registry === "none" ? null : server.url),
  });
  return {
    found: Object.fromEntries([...result].map(([pkg, each]) => [pkg.purl, each])),
    requests: client.requests,
  };
}

const wholly = (word: Inspection): Record<string, Inspection> => ({
  "pkg:npm/in@2.0.0": word,
  "pkg:npm/%40scope/deep@3.0.0": word,
});

describe("bundled packages", () => {
  it("are found in their parent's tarball at every depth, with one request for all", async () => {
    const parent = tarballOf([manifest, inner, deep]);
    expect(await inspect(await lockOf(entries, parent), parent)).toEqual({
      found: wholly("found"),
      requests: 1,
    });
  });

  it("that the parent's tarball does not hold are missing: npm would fetch them from a registry, unchecked", async () => {
    const parent = tarballOf([manifest, inner]);
    expect((await inspect(await lockOf(entries, parent), parent)).found).toEqual({
      ...wholly("missing"),
      "pkg:npm/in@2.0.0": "found",
    });
  });

  it.each<[string, Member]>([
    ["another version", file(inner.path, { name: "in", version: "2.0.1" })],
    ["another name", file(inner.path, { name: "in2", version: "2.0.0" })],
    [
      "a manifest that two parsers read differently",
      file(inner.path, '{"name":"in","version":"2.0.1","version":"2.0.0"}'),
    ],
    ["a manifest that is no JSON", file(inner.path, "{")],
    ["the name in __proto__", file(inner.path, '{"__proto__":{"name":"in","version":"2.0.0"}}')],
    ["a link in the manifest's place", { path: inner.path, type: "2", link: "elsewhere" }],
    [
      "another depth",
      file("package/node_modules/x/node_modules/in/package.json", { name: "in", version: "2.0.0" }),
    ],
    [
      "a path that climbs to it",
      file("package/x/../node_modules/in/package.json", { name: "in", version: "2.0.0" }),
    ],
    [
      "a path that npm and others strip differently",
      file("./package/node_modules/in/package.json", { name: "in", version: "2.0.0" }),
    ],
    ["a folder outside node_modules", file("package/in/package.json", { name: "in", version: "2.0.0" })],
  ])("are missing where the tarball has %s", async (_, member) => {
    const parent = tarballOf([manifest, member]);
    const { "node_modules/parent/node_modules/in": only } = entries;
    expect(
      (await inspect(await lockOf({ "node_modules/parent/node_modules/in": only }, parent), parent)).found,
    ).toEqual({ "pkg:npm/in@2.0.0": "missing" });
  });

  it("count as what is written last where a manifest comes twice", async () => {
    const parent = tarballOf([manifest, inner, file(inner.path, { name: "in", version: "6.6.6" }), deep]);
    expect((await inspect(await lockOf(entries, parent), parent)).found).toEqual({
      ...wholly("found"),
      "pkg:npm/in@2.0.0": "missing",
    });
  });

  it("must be in the tarball at each place that the lockfile gives", async () => {
    const parent = tarballOf([manifest, inner, deep]);
    const invented = {
      ...entries,
      "node_modules/parent/node_modules/other": { version: "1.0.0", inBundle: true },
      "node_modules/parent/node_modules/other/node_modules/in": { version: "2.0.0", inBundle: true },
    };
    expect((await inspect(await lockOf(invented, parent), parent)).found).toMatchObject({
      "pkg:npm/in@2.0.0": "missing",
      "pkg:npm/%40scope/deep@3.0.0": "found",
    });
  });

  it("are not looked for in a tarball that is not the locked one", async () => {
    const parent = tarballOf([manifest]);
    expect((await inspect(await lockOf(entries, parent), tarballOf([manifest, inner, deep]))).found).toEqual(
      wholly("unavailable"),
    );
  });

  it("are not looked for where the parent comes from no registry, or elsewhere than anyone allowed", async () => {
    const parent = tarballOf([manifest, inner, deep]);
    expect(await inspect(await lockOf(entries, parent), parent, "none")).toEqual({
      found: wholly("unavailable"),
      requests: 0,
    });
    const foreign = await lockOf(entries, parent, {
      resolved: "https://evil.example/parent/-/parent-1.0.0.tgz",
    });
    expect(await inspect(foreign, parent)).toEqual({ found: wholly("unavailable"), requests: 0 });
  });
});
