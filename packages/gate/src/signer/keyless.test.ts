import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createSigstoreVerifier,
  pae,
  sealTypes,
  type BundleVerifier,
  type KeylessIdentity,
  type Signed,
} from "@countersign/core";
import {
  actionsClaims,
  createTestDirectory,
  signingConfigOf,
  startOidcIssuer,
  startTestkit,
  type OidcIssuer,
  type Testkit,
} from "@countersign/testkit";
import { verifyWithLibrary } from "../../../core/test/sigstore-library.ts";
import { describeSigner } from "../../test/signer-conformance.ts";
import { signerContext } from "../../test/signer-context.ts";
import { openKeyless } from "./keyless.ts";
import type { KeylessChoice, SignerContext } from "./signer-context.ts";

const scratch = createTestDirectory("keyless");
let kit: Testkit;
let issuer: OidcIssuer;
let bundles: BundleVerifier;
let choice: KeylessChoice;
beforeAll(async () => {
  [kit, issuer] = await Promise.all([startTestkit(), startOidcIssuer()]);
  const verifier = createSigstoreVerifier([kit.sigstore.trustedRoot], { sct: 1, log: 1, time: 1 });
  if (verifier.state !== "available") throw new Error(verifier.detail);
  bundles = verifier.value;
  choice = { ...none, signingConfig: configuration("rekor-v1") };
});
afterAll(async () => {
  await Promise.all([kit.close(), issuer.close()]);
  scratch.remove();
});

const none: KeylessChoice = {
  signingConfig: null,
  fulcioUrl: null,
  rekorUrl: null,
  tsaUrl: null,
  identityTokenFile: null,
  oidcIssuer: null,
};
const write = (name: string, content: string, mode = 0o600): string => {
  writeFileSync(join(scratch.path, name), content);
  chmodSync(join(scratch.path, name), mode);
  return name;
};
const configuration = (log: "rekor-v1" | "rekor-v2"): string =>
  write(`${log}.json`, JSON.stringify(signingConfigOf(kit.sigstore.url, log, issuer.url)));
const bytes = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');
const content = { type: sealTypes.payload, bytes };

async function sign(wanted: KeylessChoice, changes: Partial<SignerContext> = {}): Promise<Signed> {
  const signer = await openKeyless(wanted, signerContext(scratch.path, changes));
  return signer.sign(pae(content.type, bytes), content);
}
const withToken = (token: string): Partial<SignerContext> => ({ variables: { SIGSTORE_ID_TOKEN: token } });
function bundleOf({ material }: Signed): Record<string, unknown> {
  if (material.kind !== "sigstore") throw new Error(material.kind);
  return material.bundle as Record<string, unknown>;
}
/** Whom our own verifier says the bundle is of, after our verifier and Sigstore's library have both taken it. */
function verified(signed: Signed): { san: string; time: string | undefined } {
  const bundle = bundleOf(signed);
  verifyWithLibrary(bundle, kit.sigstore.trustedRoot);
  const result = bundles.verify(bundle, { keys: [], digests: [] });
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  const { signer, time } = result.value;
  if (signer.kind !== "certificate") throw new Error("it is signed by a key");
  return { san: signer.certificate.subjectAltName ?? "", time: time?.source };
}

const alice: KeylessIdentity = { issuer: "", san: "alice@acme.example", repositoryId: null, ownerId: null };
for (const log of ["rekor-v1", "rekor-v2"] as const)
  describeSigner(`a keyless signature with ${log}`, async (signal) => ({
    signer: await openKeyless(
      { ...choice, signingConfig: configuration(log) },
      signerContext(scratch.path, { signal, ...withToken(issuer.token()) }),
    ),
    half: { identity: { ...alice, issuer: issuer.url }, bundles },
  }));

describe("a keyless signer", () => {
  it("F7: makes a Sigstore bundle v0.3 around the payload", async () => {
    const bundle = bundleOf(await sign(choice, withToken(issuer.token())));
    expect(bundle).toMatchObject({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      dsseEnvelope: { payloadType: sealTypes.payload, payload: bytes.toString("base64") },
      verificationMaterial: { certificate: { rawBytes: expect.any(String) } },
    });
  });

  it.each(["rekor-v1", "rekor-v2"] as const)(
    "F7: verifies with our verifier and with Sigstore's library (%s)",
    async (log) => {
      const wanted = { ...choice, signingConfig: configuration(log) };
      expect(verified(await sign(wanted, withToken(issuer.token())))).toMatchObject({
        san: "alice@acme.example",
      });
    },
  );

  it("logs an envelope in a v2 log as the digest of its encoding", async () => {
    const wanted = { ...choice, signingConfig: configuration("rekor-v2") };
    expect(bundleOf(await sign(wanted, withToken(issuer.token())))).toMatchObject({
      verificationMaterial: { tlogEntries: [{ kindVersion: { kind: "hashedrekord", version: "0.0.2" } }] },
    });
  });

  it("F8: does not verify once its payload is another", async () => {
    const bundle = structuredClone(bundleOf(await sign(choice, withToken(issuer.token()))));
    (bundle["dsseEnvelope"] as { payload: string }).payload = Buffer.from("{}").toString("base64");
    expect(bundles.verify(bundle, { keys: [], digests: [] })).toMatchObject({ ok: false });
    expect(() => verifyWithLibrary(bundle, kit.sigstore.trustedRoot)).toThrow();
  });

  it("takes addresses instead of a configuration, and asks those services alone", async () => {
    kit.requests.clear();
    const url = kit.sigstore.url;
    const wanted = { ...none, fulcioUrl: `${url}/`, rekorUrl: url };
    expect(verified(await sign(wanted, withToken(issuer.token())))).toMatchObject({ time: "log" });
    expect(kit.requests.all.map(({ path }) => path)).toEqual(["/api/v2/signingCert", "/api/v1/log/entries"]);
  });

  it.each([
    ["Fulcio alone", { fulcioUrl: "https://fulcio.example" }, /name no whole instance/],
    ["a log alone", { rekorUrl: "https://rekor.example" }, /name no whole instance/],
    [
      "plain http",
      { fulcioUrl: "http://fulcio.example", rekorUrl: "https://rekor.example" },
      /is no https address/,
    ],
    ["no address", { fulcioUrl: "fulcio", rekorUrl: "https://rekor.example" }, /is no https address/],
    ["both", { signingConfig: "rekor-v1.json", tsaUrl: "https://tsa.example" }, /are both given/],
    ["no configuration", { signingConfig: "nowhere.json" }, /there is no such file/],
  ])("refuses %s, before anything leaves the machine", async (_what, wanted, expected) => {
    await expect(openKeyless({ ...none, ...wanted }, signerContext(scratch.path))).rejects.toThrow(expected);
  });

  it("asks no public instance when only some of a private one's addresses are given", async () => {
    kit.requests.clear();
    await sign({ ...none, fulcioUrl: kit.sigstore.url, tsaUrl: kit.sigstore.url }, withToken(issuer.token()));
    expect(kit.requests.count({ path: "/api/v1/log/entries" })).toBe(0);
    expect(kit.requests.count({ path: "/api/v1/timestamp" })).toBe(1);
  });
});

describe("an identity to sign with", () => {
  it("comes from a file before everything else", async () => {
    const identityTokenFile = write(
      "token",
      `${issuer.token({ sub: "1", email: "file@acme.example", email_verified: true })}\n`,
    );
    const signed = await sign({ ...choice, identityTokenFile }, withToken(issuer.token()));
    expect(verified(signed).san).toBe("file@acme.example");
  });

  it("comes from GitHub Actions, made out to Sigstore", async () => {
    const job = await startOidcIssuer({ claims: actionsClaims() });
    const variables = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${job.url}/actions/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: job.actionsSecret,
    };
    const { san } = verified(await sign(choice, { variables }));
    expect(san).toBe("https://github.com/acme/widgets/.github/workflows/seal.yml@refs/heads/main");
    expect(job.requests.all.map(({ path }) => path)).toEqual([
      "/actions/token?api-version=2.0&audience=sigstore",
    ]);
    const refused = sign(choice, { variables: { ...variables, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "other" } });
    await expect(refused).rejects.toThrow(/gave no token \(status 403\); add to the job: permissions/);
    await job.close();
  });

  it.each([
    ["nothing at all", {}, /there is no identity to sign with; set SIGSTORE_ID_TOKEN/],
    ["a job without the permission", { GITHUB_ACTIONS: "true" }, /permissions: \{ id-token: write \}/],
    ["a text", { SIGSTORE_ID_TOKEN: "hello" }, /SIGSTORE_ID_TOKEN holds no identity token/],
    ["no subject", { SIGSTORE_ID_TOKEN: "e30.e30.e30" }, /holds no identity token/],
    [
      "a token service elsewhere over plain http",
      { ACTIONS_ID_TOKEN_REQUEST_URL: "http://evil.example/", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "s" },
      /neither https nor on this machine/,
    ],
  ])("is refused when there is %s", async (_what, variables, expected) => {
    const wanted = { ...none, fulcioUrl: kit.sigstore.url, rekorUrl: kit.sigstore.url };
    await expect(sign(wanted, { variables })).rejects.toThrow(expected);
  });

  it("never stands in a message, whatever fails and whatever a server says", async () => {
    const token = issuer.token();
    const unverified = issuer.token({ sub: "1", email: "mallory@acme.example", email_verified: false });
    const body = JSON.stringify({ message: `your token ${token} is bad` });
    kit.sigstore.faults.add({
      path: "/api/v2/signingCert",
      times: 1,
      fault: { kind: "status", status: 400, body, headers: { "content-type": "application/json" } },
    });
    const first = await sign(choice, withToken(token)).then(() => "signed", String);
    expect(first).toMatch(/the certificate authority gave no certificate at .*: .*your token … is bad/);
    const second = await sign(choice, withToken(unverified)).then(() => "signed", String);
    expect(second).toMatch(/^SignerError: /);
    for (const said of [first, second])
      for (const secret of [token, unverified]) expect(said).not.toContain(secret.slice(0, 60));
  });

  it.each([
    [
      "/api/v2/signingCert",
      /the certificate authority gave no certificate at http.*; get a fresh identity token/,
    ],
    ["/api/v1/log/entries", /the transparency log took no entry at http.*; run the command again later/],
    ["/api/v1/timestamp", /the timestamp authority gave no timestamp at http/],
  ])("says which service failed: %s", async (path, expected) => {
    kit.sigstore.faults.add({ path, times: 9, fault: { kind: "status", status: 400 } });
    await expect(sign(choice, withToken(issuer.token()))).rejects.toThrow(expected);
    kit.sigstore.faults.clear();
  });

  it("stops at once on Ctrl-C while a service hangs", async () => {
    const controller = new AbortController();
    kit.sigstore.faults.add({ path: "/api/v2/signingCert", times: 1, fault: { kind: "stall" } });
    setTimeout(() => controller.abort(new Error("stopped")), 100);
    const signing = sign(choice, { ...withToken(issuer.token()), signal: controller.signal });
    await expect(signing).rejects.toThrow("stopped");
    kit.sigstore.faults.clear();
  });
});
