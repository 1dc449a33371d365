import { gunzipSync } from "node:zlib";
import {
  defaultBudget,
  digestFromHex,
  noMarkers,
  readLockfile,
  startOf,
  verifyPackage,
  noEvidence,
  type Artefact,
  type Digest,
  type Evidence,
  type LockedPackage,
  type Seen,
} from "@countersign/core";
import { afterEach, describe, expect, it } from "vitest";
import { startLoopback, type Loopback } from "../../test/loopback.ts";
import { tarballOf } from "../../test/tar-writer.ts";
import type { Client } from "../registry/client.ts";
import { createClient } from "../registry/http-client.ts";
import { Binder } from "./binding.ts";
import { digestOf } from "./npm-tarball.ts";
import { yarnZipDigest } from "./yarn-zip.ts";

const open: (Loopback | Client)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const good = tarballOf([
  { path: "package/package.json", content: '{"name":"leaf","version":"1.0.0"}' },
  { path: "package/index.js", content: "good" },
]);
const evil = tarballOf([
  { path: "package/package.json", content: '{"name":"leaf","version":"1.0.0"}' },
  { path: "package/index.js", content: "evil" },
]);
const zipOf = async (tarball: Uint8Array, cacheKey = "10c0"): Promise<Digest> => {
  const made = await yarnZipDigest(tarball, "leaf", cacheKey);
  if (made.state !== "found") throw new Error(made.detail);
  return made.digest;
};
const tarOf = (tarball: Uint8Array): Digest => digestOf(gunzipSync(tarball), "sha512");
const listed = (...tarballs: Uint8Array[]): Evidence["listing"] => ({
  state: "found",
  value: {
    digests: tarballs.map((each) => digestOf(each, "sha512")),
    file: null,
    yanked: null,
    repository: null,
  },
  origin: "test",
});

const at = startOf("yarn.lock");
const packageOf = (artefact: Artefact): LockedPackage => ({
  purl: "pkg:npm/leaf@1.0.0",
  name: "leaf",
  version: "1.0.0",
  source: { kind: "registry", ecosystem: "npm", registry: null },
  artefacts: [artefact],
  aliases: [],
  requires: [],
  markers: noMarkers,
  at,
});
const zip = (digest: Digest, change: Partial<Artefact> = {}): Artefact => ({
  form: "yarn-zip",
  file: null,
  url: null,
  digest,
  cacheKey: "10c0",
  at,
  ...change,
});
const tar = (digest: Digest): Artefact => ({ form: "unpacked-tar", file: null, url: null, digest, at });

type Bound = { binding: Seen<Digest>; requests: number; paths: string[]; outcome: string };

/** Binds against a registry that serves one tarball, and judges the package with what came of it. */
async function bind(
  artefact: Artefact,
  served: Uint8Array | null,
  listing: Evidence["listing"],
): Promise<Bound> {
  const server = await startLoopback(
    (_, response) => void (served === null ? response.writeHead(404).end() : response.end(served)),
  );
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
  const pkg = packageOf(artefact);
  const binding = await new Binder(client).bind({ pkg, artefact, registry: server.url, listing });
  const trust = {
    bundles: { state: "unavailable" as const, code: "root/unavailable" as const, detail: "" },
    registryKeys: new Map(),
  };
  const [verdict] = verifyPackage(pkg, [{ ...noEvidence, listing, binding }], trust, 0);
  return {
    binding,
    requests: client.requests,
    paths: server.seen.map(({ path }) => path),
    outcome: `${verdict?.outcome} ${verdict?.level}`,
  };
}

describe("a digest that is not over the registry's bytes", () => {
  it.each(["10c0", "10"])(
    "of a Yarn zip (%s) is bound to the tarball that makes it, with one request",
    async (cacheKey) => {
      const bound = await bind(zip(await zipOf(good, cacheKey), { cacheKey }), good, listed(good));
      expect(bound).toMatchObject({
        binding: { state: "found", value: digestOf(good, "sha512") },
        requests: 1,
        outcome: "verified locked",
      });
      expect(bound.paths).toEqual(["/leaf/-/leaf-1.0.0.tgz"]);
    },
  );

  it("of an unpacked tar is bound to the tarball that holds it", async () => {
    expect(await bind(tar(tarOf(good)), good, listed(good))).toMatchObject({
      binding: { state: "found", value: digestOf(good, "sha512") },
      outcome: "verified locked",
    });
  });

  it("is refused when the lock names an archive that the genuine tarball does not make", async () => {
    for (const artefact of [zip(await zipOf(evil)), tar(tarOf(evil))]) {
      expect(await bind(artefact, good, listed(good))).toMatchObject({
        binding: { code: "artefact/zip-mismatch" },
        outcome: "refused unlocked",
      });
    }
  });

  it("is refused when the registry serves another tarball than it lists, even one that makes the locked archive", async () => {
    for (const artefact of [zip(await zipOf(evil)), tar(tarOf(evil)), zip(await zipOf(good))]) {
      expect(await bind(artefact, evil, listed(good))).toMatchObject({
        binding: { code: "listing/mismatch" },
        outcome: "refused unlocked",
      });
    }
  });

  it("stays unbound without a listing, and costs no request", async () => {
    for (const listing of [noEvidence.listing, { state: "absent", origin: "test" } as const]) {
      expect(await bind(zip(await zipOf(good)), good, listing)).toMatchObject({
        requests: 0,
        outcome: "unknown unlocked",
      });
    }
    expect(await bind(zip(await zipOf(good)), good, listed())).toMatchObject({
      requests: 0,
      outcome: "unknown unlocked",
    });
  });

  it("stays unbound for what cannot be made again: patches, other cache formats", async () => {
    for (const change of [{ url: "patch:leaf@npm%3A1.0.0#./leaf.patch" }, { cacheKey: "9" }]) {
      expect(await bind(zip(await zipOf(good), change), good, listed(good))).toMatchObject({
        binding: { code: "artefact/digest-unbound" },
        requests: 0,
        outcome: "unknown unlocked",
      });
    }
  });

  it("stays unbound when the tarball is not served", async () => {
    expect(await bind(zip(await zipOf(good)), null, listed(good))).toMatchObject({
      binding: { code: "evidence/http-status" },
      outcome: "unknown unlocked",
    });
  });

  it("D29: does not make the lockfile's own address one that is asked", async () => {
    const artefact = zip(await zipOf(good), { url: "https://evil.example/leaf/-/leaf-1.0.0.tgz" });
    expect(await bind(artefact, good, listed(good))).toMatchObject({
      binding: { code: "evidence/address-refused" },
      requests: 0,
    });
  });

  it("binds nothing for a tarball", async () => {
    const artefact: Artefact = {
      form: "tarball",
      file: null,
      url: null,
      digest: digestOf(evil, "sha512"),
      at,
    };
    expect(await bind(artefact, good, listed(good))).toMatchObject({
      requests: 0,
      outcome: "refused unlocked",
    });
  });

  it("binds what the reader of yarn.lock gives", async () => {
    const { hex } = await zipOf(good);
    const text = `__metadata:\n  version: 8\n  cacheKey: 10c0\n\n"leaf@npm:^1.0.0":\n  version: 1.0.0\n  resolution: "leaf@npm:1.0.0"\n  checksum: 10c0/${hex}\n  languageName: node\n  linkType: hard\n`;
    const read = await readLockfile("yarn-berry", "yarn.lock", Buffer.from(text), defaultBudget);
    const artefact = read.ok ? read.value.packages[0]?.artefacts[0] : undefined;
    expect(artefact).toMatchObject({ form: "yarn-zip", url: null });
    expect(await bind(artefact as Artefact, good, listed(good))).toMatchObject({
      outcome: "verified locked",
    });
  });

  it("keeps few archives under way at a time, and all come back", async () => {
    let now = 0;
    let most = 0;
    const server = await startLoopback((_, response) => {
      most = Math.max(most, (now += 1));
      setTimeout(() => {
        now -= 1;
        response.end(good);
      }, 5);
    });
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
    const binder = new Binder(client);
    const artefact = zip(digestFromHex("sha512", (await zipOf(good)).hex) as Digest);
    const all = await Promise.all(
      Array.from({ length: 40 }, () =>
        binder.bind({ pkg: packageOf(artefact), artefact, registry: server.url, listing: listed(good) }),
      ),
    );
    expect(all.every(({ state }) => state === "found")).toBe(true);
    expect(most).toBeLessThanOrEqual(8);
  });
});
