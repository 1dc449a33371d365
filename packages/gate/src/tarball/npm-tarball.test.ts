import { gzipSync } from "node:zlib";
import {
  digestFromHex,
  noMarkers,
  startOf,
  type Artefact,
  type Digest,
  type LockedPackage,
} from "@countersign/core";
import { afterEach, describe, expect, it } from "vitest";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import { tarballOf } from "../../test/tar-writer.ts";
import type { Client } from "../registry/client.ts";
import { createClient } from "../registry/http-client.ts";
import { defaultTarballLimits } from "./limits.ts";
import { digestOf, fetchTarball, listTarball, strippedPath, tarballAddress, unpack } from "./npm-tarball.ts";

const open: (Loopback | Client)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function serve(bytes: Uint8Array): Promise<{ server: Loopback; client: Client }> {
  const server = await startLoopback((_, response) => response.end(bytes));
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
  return { server, client };
}

const tarball = tarballOf([{ path: "package/package.json", content: "{}" }]);
const digest = digestOf(tarball, "sha512");
const other = digestFromHex("sha512", "e1".repeat(64)) as Digest;

describe("fetching a tarball", () => {
  it("gives bytes that every expected digest names, and the strongest of them", async () => {
    const { server, client } = await serve(tarball);
    const fetched = await fetchTarball(client, `${server.url}a.tgz`, [digestOf(tarball, "sha256"), digest]);
    expect(fetched).toMatchObject({ state: "found", value: { digest } });
    expect(client.requests).toBe(1);
  });

  it("refuses other bytes than the expected ones", async () => {
    const { server, client } = await serve(tarball);
    for (const expected of [[other], [digest, other]]) {
      expect(await fetchTarball(client, `${server.url}a.tgz`, expected)).toMatchObject({
        state: "unavailable",
        code: "listing/mismatch",
      });
    }
  });

  it("fetches nothing that no digest binds, and nothing from a host that nobody named", async () => {
    const { server, client } = await serve(tarball);
    expect(await fetchTarball(client, `${server.url}a.tgz`, [])).toMatchObject({
      code: "listing/unavailable",
    });
    expect(await fetchTarball(client, "https://elsewhere.example/a.tgz", [digest])).toMatchObject({
      code: "evidence/address-refused",
    });
    expect(server.seen).toEqual([]);
  });

  it("D30: stops at its bound", async () => {
    const { server, client } = await serve(tarball);
    const limits = { ...defaultTarballLimits, compressedBytes: tarball.length - 1 };
    expect(await fetchTarball(client, `${server.url}a.tgz`, [digest], limits)).toMatchObject({
      code: "evidence/too-large",
    });
  });
});

describe("the address of a tarball", () => {
  const at = startOf("yarn.lock");
  const pkg: LockedPackage = {
    purl: "pkg:npm/%40scope/leaf@1.0.0-rc.1+build",
    name: "@scope/leaf",
    version: "1.0.0-rc.1+build",
    source: { kind: "registry", ecosystem: "npm", registry: null },
    artefacts: [],
    aliases: [],
    requires: [],
    markers: noMarkers,
    at,
  };
  const artefact = (url: string | null): Artefact => ({ form: "yarn-zip", file: null, url, digest, at });

  it("is the one that npm registries serve, or the lockfile's own", () => {
    expect(tarballAddress(pkg, artefact(null), "https://npm.example/r/")).toBe(
      "https://npm.example/r/@scope/leaf/-/leaf-1.0.0-rc.1+build.tgz",
    );
    expect(tarballAddress(pkg, artefact("https://npm.example/leaf.tgz"), "https://npm.example/")).toBe(
      "https://npm.example/leaf.tgz",
    );
  });

  it.each(["patch:leaf@npm%3A1.0.0#./leaf.patch", "file:./leaf.tgz", "//npm.example/leaf.tgz"])(
    "is none where the lockfile says %s",
    (url) => {
      expect(tarballAddress(pkg, artefact(url), "https://npm.example/")).toBeNull();
    },
  );
});

describe("unpacking a tarball", () => {
  it("D30: a bomb is cut at the ratio that no honest package has, long before it is in memory", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
    expect(bomb.length).toBeLessThan(70_000);
    expect(await unpack(bomb)).toMatchObject({ code: "evidence/too-large" });
  });

  it("D30: is cut at its bound whatever the ratio", async () => {
    expect(await unpack(tarball, { ...defaultTarballLimits, unpackedBytes: 1024 })).toMatchObject({
      code: "evidence/too-large",
    });
  });

  it("D30: lists no more members than its bound", async () => {
    const many = tarballOf(Array.from({ length: 6 }, (_, index) => ({ path: `package/${index}` })));
    expect(await listTarball(many, { ...defaultTarballLimits, entries: 5 })).toMatchObject({
      code: "evidence/too-large",
    });
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["a tar that is not compressed", Buffer.alloc(1024)],
    ["gzip that is cut short", tarball.subarray(0, -12)],
    ["gzip with a wrong checksum", Buffer.concat([tarball.subarray(0, -8), Buffer.alloc(8)])],
    ["gzip inside gzip, which extractors unpack again", gzipSync(tarball)],
    ["gzip of no archive", gzipSync("hello")],
  ])("of %s says that it cannot be read", async (_, bytes) => {
    expect(await listTarball(bytes)).toMatchObject({ state: "unavailable", code: "evidence/malformed" });
  });
});

describe("the path that a member is written to", () => {
  it.each([
    ["package/lib/a.js", "lib/a.js"],
    ["./package//lib/./a.js", "lib/a.js"],
    ["package/", null],
    ["a.js", null],
    ["/etc/passwd", null],
    ["package/../../etc/passwd", null],
    ["package/..", null],
  ])("of %s is %s", (path, expected) => {
    expect(strippedPath(path)).toBe(expected);
  });
});
