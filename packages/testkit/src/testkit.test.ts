import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { createVerify } from "node:crypto";
import {
  DSSEBundleBuilder,
  FulcioSigner,
  MessageSignatureBundleBuilder,
  RekorWitness,
  TSAWitness,
} from "@sigstore/sign";
import { bundleToJSON } from "@sigstore/bundle";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createJudge } from "../test/sigstore-verifier.ts";
import { createTestDirectory, type TestDirectory } from "./lockfiles/project.ts";
import { mintProvenance } from "./npm/attestation.ts";
import type { PublishedPackage } from "./npm/registry.ts";
import { gitlabBuild, personBuild } from "./sigstore/build.ts";
import { statementDefects, type StatementDefect } from "./sigstore/defect.ts";
import { toPem } from "./sigstore/key.ts";
import type { SigstoreBundle } from "./sigstore/bundle.ts";
import { otherRegistry, startTestkit, type Testkit } from "./testkit.ts";

let kit: Testkit;
let directory: TestDirectory;
beforeAll(async () => {
  kit = await startTestkit();
  directory = createTestDirectory("testkit");
});
afterAll(async () => {
  await kit.close();
  directory.remove();
});

// oxlint-disable-next-line typescript/no-explicit-any -- documents of every shape, looked into by tests only
type Document = any;

const get = async (
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Document }> => {
  const response = await fetch(url, { headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text.startsWith("{") ? JSON.parse(text) : text,
  };
};

const statementOf = (bundle: SigstoreBundle) =>
  JSON.parse(Buffer.from(bundle.dsseEnvelope?.payload ?? "", "base64").toString()) as {
    _type: string;
    subject: { name: string; digest: Record<string, string> }[];
    predicateType: string;
    predicate: Record<string, never>;
  };

describe("TUF repository", () => {
  const { initTUF, getTrustedRoot } = createRequire(import.meta.url)("@sigstore/tuf");
  const options = (name: string) => {
    const rootPath = join(directory.path, `${name}.json`);
    writeFileSync(rootPath, kit.sigstore.tufRoot);
    return { mirrorURL: kit.sigstore.tufUrl, rootPath, cachePath: join(directory.path, name), retry: 0 };
  };

  it("serves the trusted root and the keys of both registries to @sigstore/tuf", async () => {
    const tuf = await initTUF(options("good"));
    expect(JSON.parse(await tuf.getTarget(kit.npm.keysTargetName))).toEqual(kit.npmKeysDocument);
    expect(JSON.parse(await tuf.getTarget(`${otherRegistry}/keys.json`)).keys).toHaveLength(2);
    expect(await getTrustedRoot(options("root"))).toMatchObject({ tlogs: [{}, {}], ctlogs: [{}] });
  });

  it("follows a change of a target, and expires", async () => {
    const other = await startTestkit();
    const setup = { ...options("change"), mirrorURL: other.sigstore.tufUrl };
    writeFileSync(setup.rootPath, other.sigstore.tufRoot);
    await initTUF(setup);
    other.sigstore.tuf.publish("trusted_root.json", '{"changed":true}');
    expect(await (await initTUF(setup)).getTarget("trusted_root.json")).toContain("changed");
    other.sigstore.tuf.expireAt(Date.now() - 1000);
    await expect(initTUF(setup)).rejects.toThrow(/refreshing TUF metadata|expired/i);
    await other.close();
  });
});

it("writes its trust as files", () => {
  const files = kit.writeTrust(join(directory.path, "trust"));
  expect(JSON.parse(readFileSync(files.trustedRoot, "utf8"))).toEqual(kit.sigstore.trustedRoot);
  expect(JSON.parse(readFileSync(files.npmKeys, "utf8"))).toEqual(kit.npmKeysDocument);
  expect(files.tlsAuthority).toBeNull();
});

describe("npm registry", () => {
  let widget: PublishedPackage;
  beforeAll(() => {
    widget = kit.npm.publish({
      name: "@acme/widget",
      version: "1.2.3",
      provenance: true,
      scripts: { postinstall: "true" },
    });
  });

  const verifySignature = (signature: { keyid: string; sig: string }, message: string): boolean =>
    createVerify("sha256")
      .update(message)
      .verify(toPem("PUBLIC KEY", kit.npm.keys.current.spki), Buffer.from(signature.sig, "base64"));

  it.each(["@acme%2fwidget", "@acme/widget", "%40acme%2Fwidget"])(
    "serves the packument of %s, full and abbreviated",
    async (path) => {
      const full = await get(`${kit.npm.url}${path}`);
      expect(full.body.versions["1.2.3"].dist).toMatchObject({
        integrity: widget.integrity,
        tarball: widget.tarballUrl,
      });
      expect(full.body.time["1.2.3"]).toBe(new Date(kit.mintedAt).toISOString());
      const short = await get(`${kit.npm.url}${path}`, { accept: "application/vnd.npm.install-v1+json" });
      expect(short.headers.get("content-type")).toBe("application/vnd.npm.install-v1+json");
      expect(short.body.time).toBeUndefined();
      expect(short.body.versions["1.2.3"]).toMatchObject({
        hasInstallScript: true,
        dist: { signatures: widget.signatures },
      });
    },
  );

  it("serves manifest, tarball and keys, and 304 to whoever has them", async () => {
    const manifest = await get(`${kit.npm.url}@acme%2fwidget/1.2.3`);
    const [signature] = manifest.body.dist.signatures;
    expect(verifySignature(signature, `@acme/widget@1.2.3:${widget.integrity}`)).toBe(true);
    const again = await fetch(`${kit.npm.url}@acme%2fwidget/1.2.3`, {
      headers: { "if-none-match": manifest.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
    const tarball = Buffer.from(await (await fetch(widget.tarballUrl)).arrayBuffer());
    expect(tarball.equals(widget.tarball)).toBe(true);
    const keys = await get(`${kit.npm.url}-/npm/v1/keys`);
    expect(keys.body.keys.map((key: { keyid: string }) => key.keyid)).toEqual([
      kit.npm.keys.expired.keyid,
      kit.npm.keys.current.keyid,
    ]);
  });

  it("serves a publish attestation and a provenance that verify", async () => {
    const { body } = await get((await get(`${kit.npm.url}@acme%2fwidget/1.2.3`)).body.dist.attestations.url);
    const judge = createJudge(kit.sigstore.trustedRoot);
    const keys = new Map([[kit.npm.keys.current.keyid, toPem("PUBLIC KEY", kit.npm.keys.current.spki)]]);
    expect(body.attestations.map((one: { bundle: unknown }) => judge(one.bundle, { keys }))).toEqual([
      null,
      null,
    ]);
    for (const { bundle } of body.attestations) {
      expect(statementOf(bundle).subject).toEqual([
        { name: "pkg:npm/%40acme/widget@1.2.3", digest: { sha512: widget.sha512 } },
      ]);
    }
  });

  it("writes GitLab's provenance as predicate 0.2", () => {
    const { attestations } = kit.npm.publish({
      name: "lab",
      provenance: { build: gitlabBuild() },
      publishAttestation: false,
    });
    expect(attestations.map(({ predicateType }) => predicateType)).toEqual([
      "https://slsa.dev/provenance/v0.2",
    ]);
  });

  const member: Record<StatementDefect, string> = {
    "wrong-subject": "subject",
    "wrong-digest": "subject",
    "weak-digest": "subject",
    "no-subject": "subject",
    "extra-subject": "subject",
    "wrong-predicate-type": "predicateType",
    "wrong-statement-type": "_type",
  };
  it.each(Object.keys(statementDefects) as StatementDefect[])(
    "puts %s into the statement, under a good signature",
    (defect) => {
      const good = mintProvenance(kit.sigstore, widget, kit.mintedAt);
      const bad = mintProvenance(kit.sigstore, widget, kit.mintedAt, { defects: [defect] });
      expect(bad.predicateType).toBe(good.predicateType);
      expect(createJudge(kit.sigstore.trustedRoot)(bad.bundle)).toBeNull();
      const [expected, actual] = [statementOf(good.bundle), statementOf(bad.bundle)] as Record<
        string,
        unknown
      >[];
      const differing = Object.keys(expected ?? {}).filter(
        (name) => !isDeepStrictEqual(expected?.[name], actual?.[name]),
      );
      expect(differing).toEqual([member[defect]]);
    },
  );

  it("signs with any defect", () => {
    const message = `signed@1.0.0:${kit.npm.publish({ name: "signed" }).integrity}`;
    const signatureWith = (defects: Parameters<typeof kit.npm.sign>[1]) =>
      kit.npm.sign(
        { name: "signed", version: "1.0.0", integrity: message.slice("signed@1.0.0:".length) },
        defects,
      )[0] as { keyid: string; sig: string };
    expect(verifySignature(signatureWith({}), message)).toBe(true);
    for (const defect of [
      "broken-signature",
      "wrong-integrity",
      "wrong-name",
      "wrong-version",
      "unknown-key",
    ] as const) {
      expect(verifySignature(signatureWith({ defects: [defect] }), message)).toBe(false);
    }
    expect(signatureWith({ defects: ["wrong-keyid"] }).keyid).not.toBe(kit.npm.keys.current.keyid);
    expect(signatureWith({ key: kit.npm.keys.foreign }).keyid).toBe(kit.npm.keys.foreign.keyid);
    expect(signatureWith({ defects: ["non-canonical-base64"] }).sig).toContain("\n");
  });

  it("serves an empty attestation list as such, and 404 where there is none", async () => {
    kit.npm.publish({ name: "empty", attestations: [] });
    kit.npm.publish({ name: "none" });
    expect((await get(`${kit.npm.url}-/npm/v1/attestations/empty@1.0.0`)).body).toEqual({ attestations: [] });
    expect((await get(`${kit.npm.url}-/npm/v1/attestations/none@1.0.0`)).status).toBe(404);
    expect((await get(`${kit.npm.url}none/1.0.0`)).body.dist.attestations).toBeUndefined();
  });

  it("serves other bytes than it listed when told to", async () => {
    const good = kit.npm.publish({ name: "swapped" });
    kit.npm.replaceTarball("swapped", "1.0.0", Buffer.from("evil"));
    expect(await (await fetch(good.tarballUrl)).text()).toBe("evil");
  });

  it("mirrors below a prefix, behind a token, without what it strips", async () => {
    const mirror = await kit.addNpmRegistry({
      name: "mirror",
      mirrorOf: kit.npm,
      prefix: "/repository/npm",
      token: "secret",
      strip: ["signatures", "attestations", "keys"],
    });
    expect((await get(`${mirror.url}@acme%2fwidget`)).status).toBe(401);
    const headers = { authorization: "Bearer secret" };
    const { body } = await get(`${mirror.url}@acme%2fwidget/1.2.3`, headers);
    expect(body.dist.tarball.startsWith(mirror.url)).toBe(true);
    expect([body.dist.signatures, body.dist.attestations]).toEqual([undefined, undefined]);
    expect((await get(`${mirror.url}-/npm/v1/keys`, headers)).status).toBe(404);
    expect(kit.requests.credentials()).toContainEqual({ server: "mirror", authorization: "Bearer secret" });
    expect(mirror.keysTargetName).toBe(`${mirror.host}/repository/npm/keys.json`);
  });
});

describe("Python index", () => {
  const simple = { accept: "application/vnd.pypi.simple.v1+json" };

  it("serves JSON with provenance, HTML to others, files and the Integrity API", async () => {
    const wheel = kit.pypi.publish({ name: "Acme.Widget", provenance: { predicates: ["publish", "slsa"] } });
    const sdist = kit.pypi.publish({ name: "Acme.Widget", kind: "sdist" });
    const { body, headers } = await get(`${kit.pypi.simpleUrl}acme-widget/`, simple);
    expect(headers.get("content-type")).toBe(simple.accept);
    expect(body.meta["api-version"]).toBe("1.3");
    expect(body.files.map((file: { hashes: { sha256: string } }) => file.hashes.sha256)).toEqual([
      wheel.sha256,
      sdist.sha256,
    ]);
    expect(body.files[1].provenance).toBeNull();
    const provenance = await get(body.files[0].provenance);
    expect(provenance.headers.get("content-type")).toBe("application/vnd.pypi.integrity.v1+json");
    expect(provenance.body.attestation_bundles[0].attestations).toHaveLength(2);
    expect(
      (await get(`${kit.pypi.url}integrity/acme-widget/1.0.0/${sdist.filename}/provenance`)).status,
    ).toBe(404);
    const html = await get(`${kit.pypi.simpleUrl}acme-widget/`);
    expect(html.body).toContain(`${wheel.url}#sha256=${wheel.sha256}`);
    const bytes = Buffer.from(await (await fetch(wheel.url)).arrayBuffer());
    expect(bytes.equals(wheel.bytes)).toBe(true);
    expect(new URL(wheel.url).host).not.toBe(kit.pypi.host);
  });

  it.each(["rekor-v1", "rekor-v2"] as const)("mints provenance that verifies as a bundle (%s)", (log) => {
    const { provenance, filename, sha256 } = kit.pypi.publish({
      name: "verified",
      version: log.slice(-1),
      provenance: { log },
    });
    const [attestation] = provenance?.attestation_bundles[0]?.attestations ?? [];
    const bundle: SigstoreBundle = {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        certificate: { rawBytes: attestation?.verification_material.certificate ?? "" },
        tlogEntries: attestation?.verification_material.transparency_entries ?? [],
        timestampVerificationData: {
          rfc3161Timestamps: (attestation?.verification_material.timestamps ?? []).map((signedTimestamp) => ({
            signedTimestamp,
          })),
        },
      },
      dsseEnvelope: {
        payload: attestation?.envelope.statement ?? "",
        payloadType: "application/vnd.in-toto+json",
        signatures: [{ sig: attestation?.envelope.signature ?? "" }],
      },
    };
    expect(createJudge(kit.sigstore.trustedRoot)(bundle)).toBeNull();
    expect(statementOf(bundle).subject).toEqual([{ name: filename, digest: { sha256 } }]);
  });

  it("forges publishers, offers HTML alone, or no Integrity API", async () => {
    const { provenance } = kit.pypi.publish({
      name: "forged",
      provenance: { build: personBuild(), publisher: { repository: "acme/widgets" } },
    });
    expect(provenance?.attestation_bundles[0]?.publisher).toMatchObject({
      kind: "GitHub",
      repository: "acme/widgets",
    });
    const plain = await kit.addPackageIndex({
      name: "plain",
      mirrorOf: kit.pypi,
      jsonApi: false,
      integrityApi: "disabled",
    });
    expect((await get(`${plain.simpleUrl}forged/`, simple)).headers.get("content-type")).toContain("html");
    expect(
      (await get(`${plain.url}integrity/forged/1.0.0/forged-1.0.0-py3-none-any.whl/provenance`)).status,
    ).toBe(403);
  });
});

describe("faults", () => {
  const path = "/faulty/1.0.0";
  let url: string;
  beforeAll(() => {
    kit.npm.publish({ name: "faulty" });
    url = `${kit.npm.url}faulty/1.0.0`;
  });
  const withFault = async <T>(
    fault: Parameters<typeof kit.npm.faults.add>[0]["fault"],
    use: () => Promise<T>,
    times?: number,
  ): Promise<T> => {
    const remove = kit.npm.faults.add({ path, fault, ...(times === undefined ? {} : { times }) });
    try {
      return await use();
    } finally {
      remove();
    }
  };

  it("stalls", async () => {
    await withFault({ kind: "stall" }, () =>
      expect(fetch(url, { signal: AbortSignal.timeout(50) })).rejects.toThrow(/aborted due to timeout/),
    );
  });
  it("stalls after the headers", async () => {
    await withFault({ kind: "stall", after: "headers" }, async () => {
      const response = await fetch(url, { signal: AbortSignal.timeout(200) });
      await expect(response.text()).rejects.toThrow(/aborted due to timeout/);
    });
  });
  it("cuts the body", async () => {
    await withFault({ kind: "cut" }, async () => {
      const response = await fetch(url);
      expect(Number(response.headers.get("content-length"))).toBeGreaterThan(10);
      await expect(response.text()).rejects.toThrow("terminated");
    });
  });
  it("fails as often as told, then recovers", async () => {
    const before = kit.requests.count({ server: "npm", path });
    const statuses = await withFault(
      { kind: "status", status: 503 },
      async () => [(await get(url)).status, (await get(url)).status, (await get(url)).status],
      2,
    );
    expect(statuses).toEqual([503, 503, 200]);
    expect(kit.requests.count({ server: "npm", path }) - before).toBe(3);
  });
  it("redirects to another host", async () => {
    await withFault({ kind: "redirect", to: `${kit.elsewhere.url}/stolen` }, () => get(url));
    expect(kit.requests.count({ server: "elsewhere", path: "/stolen" })).toBe(1);
  });
  it("sends a body of any size, and stops when nobody listens", async () => {
    await withFault({ kind: "oversize", bytes: 5_000_000 }, async () => {
      expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(5_000_000);
    });
    await withFault({ kind: "oversize", bytes: 1e12, length: "declared" }, async () => {
      const response = await fetch(url);
      await response.body?.cancel();
      expect(response.headers.get("content-length")).toBe("1000000000000");
    });
  });
  it("sends a decompression bomb", async () => {
    await withFault({ kind: "oversize", bytes: 2_000_000, encoding: "gzip" }, async () => {
      expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(2_000_000);
    });
  });
  it("says another content type, another body, an edited one, or drips", async () => {
    expect(
      (await withFault({ kind: "type", contentType: "text/html" }, () => get(url))).headers.get(
        "content-type",
      ),
    ).toBe("text/html");
    expect((await withFault({ kind: "body", body: "[[[" }, () => get(url))).body).toBe("[[[");
    const edit = (document: { dist: { tarball: string } }) => ({
      ...document,
      dist: { ...document.dist, tarball: "edited" },
    });
    expect((await withFault({ kind: "edit", edit }, () => get(url))).body.dist.tarball).toBe("edited");
    expect((await withFault({ kind: "drip", bytes: 100, everyMs: 1 }, () => get(url))).body.name).toBe(
      "faulty",
    );
  });
});

describe("signing over HTTP", () => {
  const claims = {
    iss: "https://token.actions.githubusercontent.com",
    sub: "repo:acme/widgets:ref:refs/heads/main",
    aud: "sigstore",
    repository: "acme/widgets",
    repository_id: "1",
    repository_owner_id: "2",
    repository_visibility: "public",
    workflow_ref: "acme/widgets/.github/workflows/release.yml@refs/heads/main",
    job_workflow_ref: "acme/widgets/.github/workflows/release.yml@refs/heads/main",
    ref: "refs/heads/main",
    sha: "a".repeat(40),
    event_name: "push",
    runner_environment: "github-hosted",
    run_id: "7",
  };
  const token = ["{}", JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
  const signer = () =>
    new FulcioSigner({ fulcioBaseURL: kit.sigstore.url, identityProvider: { getToken: async () => token } });
  const data = Buffer.from("{}");

  it.each([1, 2] as const)("works with @sigstore/sign and Rekor v%i", async (majorApiVersion) => {
    const witnesses = [
      new RekorWitness({ rekorBaseURL: kit.sigstore.url, majorApiVersion, entryType: "dsse" }),
      new TSAWitness({ tsaBaseURL: kit.sigstore.url }),
    ];
    const dsse = await new DSSEBundleBuilder({ signer: signer(), witnesses }).create({
      data,
      type: "application/vnd.in-toto+json",
    });
    const message = await new MessageSignatureBundleBuilder({ signer: signer(), witnesses }).create({ data });
    const judge = createJudge(kit.sigstore.trustedRoot);
    expect([judge(bundleToJSON(dsse)), judge(bundleToJSON(message), { artefact: data })]).toEqual([
      null,
      null,
    ]);
  });

  it("is never asked by minting in the process", () => {
    const before = kit.requests.count({ server: "sigstore" });
    kit.npm.publish({ name: "offline", provenance: true });
    expect(kit.requests.count({ server: "sigstore" })).toBe(before);
  });
});

describe("HTTPS", () => {
  it("serves everything under its own authority", async () => {
    const secure = await startTestkit({ tls: { hosts: ["tuf.sigstore.example"] } });
    const { request } = await import("node:https");
    const status = await new Promise((resolve, reject) => {
      request(
        `${secure.npm.url}-/ping`,
        { ca: secure.tlsAuthority ?? "", servername: "tuf.sigstore.example" },
        (response) => resolve(response.resume().statusCode),
      )
        .on("error", reject)
        .end();
    });
    expect(status).toBe(200);
    await expect(fetch(`${secure.npm.url}-/ping`)).rejects.toThrow("fetch failed");
    await secure.close();
  });
});
