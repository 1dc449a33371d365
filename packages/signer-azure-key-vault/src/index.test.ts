import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { DefaultAzureCredential } from "@azure/identity";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  describeConformance,
  describeKmsSigner,
  failureOf,
  makeKeys,
  signDigest,
  signPayload,
  startKmsService,
  type KmsAnswer,
  type KmsRequest,
  type KmsScene,
} from "../../core/test/kms-service.ts";
import type { KmsOptions, KmsSigner } from "../../core/src/seal/kms-signature.ts";
import { createTlsIdentity } from "../../testkit/src/http/tls.ts";
import { openKmsSigner } from "./index.ts";
import { openWithCredential } from "./open.ts";

const token = "token.of.the.tests";
const identity = createTlsIdentity([], Date.now());

type AzureScene = KmsScene & {
  latest: string;
  /** Origin in the id of the key; null: the service's own. */
  origin: string | null;
  /** What is laid over the public key. */
  show: object;
  /** Scopes that tokens were asked for. */
  scopes: string[];
  openAs(options: KmsOptions, verify: boolean): Promise<KmsSigner>;
};

async function startAzure(uri = "azurekms://127.0.0.1:PORT/release"): Promise<AzureScene> {
  const keys = makeKeys("ecdsa-p256-sha256");
  const answer = (request: KmsRequest): KmsAnswer => {
    if (request.headers.authorization !== `Bearer ${token}`)
      return {
        status: 401,
        headers: {
          "www-authenticate": `Bearer authorization="https://login.example/tenant", resource="https://vault.example"`,
        },
        body: "{}",
      };
    const path = new URL(request.path, "https://vault.example").pathname;
    const [, , name, version = scene.latest, verb] = path.split("/");
    if (name !== "release") return { status: 404, body: '{"error":{"code":"KeyNotFound"}}' };
    const kid = `${scene.origin ?? `https://127.0.0.1:${service.port}`}/keys/release/${version || scene.latest}`;
    if (request.method === "GET")
      return ok({
        key: { kid, key_ops: ["sign", "verify"], ...keys.shown.export({ format: "jwk" }), ...scene.show },
        attributes: { enabled: true },
      });
    const input = JSON.parse(request.body) as { alg: string; value: string };
    if (verb !== "sign" || input.alg !== "ES256") return { status: 400, body: "{}" };
    const digest = Buffer.from(input.value, "base64url");
    return ok({ kid, value: signDigest(keys.signing, digest, "ieee-p1363").toString("base64url") });
  };
  const service = await startKmsService({
    tls: identity,
    // The first request of a client carries no token, only to be told which one is wanted.
    operationOf: ({ method, headers }) => {
      if (headers.authorization === undefined) return null;
      return method === "GET" ? "read" : "sign";
    },
    answer,
  });
  const credential = {
    getToken: (scope: string | string[]): Promise<{ token: string; expiresOnTimestamp: number }> => {
      scene.scopes.push(...[scope].flat());
      return Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3600e3 });
    },
  };
  const scene: AzureScene = {
    service,
    keys,
    latest: "0a1b2c",
    origin: null,
    show: {},
    scopes: [],
    openAs: (options, verify) =>
      openWithCredential(
        uri.replace("PORT", String(service.port)),
        options,
        () => Promise.resolve(credential),
        {
          disableChallengeResourceVerification: !verify,
        },
      ),
    open: (options = {}) => scene.openAs(options, false),
    denied: { status: 403, body: JSON.stringify({ error: { code: "Forbidden", message: token } }) },
    permissions: { read: "keys/get", sign: "keys/sign" },
    secrets: [token],
    close: () => service.close(),
  };
  return scene;
}

const ok = (body: object): KmsAnswer => ({ status: 200, body: JSON.stringify(body) });

let trusted: string[];
beforeAll(() => {
  trusted = getCACertificates("default");
  setDefaultCACertificates([identity.authority]);
});
afterAll(() => setDefaultCACertificates(trusted));

describeKmsSigner("Azure Key Vault", ["ecdsa-p256-sha256"], () => startAzure());
describeConformance("Azure Key Vault", () => startAzure());

describe("Azure Key Vault", () => {
  const payload = Buffer.from("{}");
  let scene: AzureScene;
  afterEach(() => scene.close());

  it("F7: Azure Key Vault gets the token that its challenge asks for", async () => {
    scene = await startAzure();
    await signPayload(await scene.open(), payload);
    expect(new Set(scene.scopes)).toEqual(new Set(["https://vault.example/.default"]));
  });

  it("F7: Azure Key Vault gets no token for a domain that is not its own", async () => {
    scene = await startAzure();
    const error = await failureOf(scene, scene.openAs({}, true));
    expect(error.message).toMatch(/token of somebody else's/);
    expect(scene.scopes).toEqual([]);
    expect(scene.service.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it("F7: Azure Key Vault signs with the version that was read, rotated or not", async () => {
    scene = await startAzure();
    const signer = await scene.open();
    scene.latest = "ffffff";
    await signPayload(signer, payload);
    expect(scene.service.requests.at(-1)?.path).toMatch(/^\/keys\/release\/0a1b2c\/sign\?/);
  });

  it("F7: Azure Key Vault signs with the version that the URI names", async () => {
    scene = await startAzure("azurekms://127.0.0.1:PORT/release/abcdef");
    await signPayload(await scene.open(), payload);
    for (const { path } of scene.service.requests) expect(path).toContain("/keys/release/abcdef");
  });

  it("F7: Azure Key Vault cannot send the token elsewhere by the id of a key", async () => {
    scene = await startAzure();
    scene.origin = "https://elsewhere.example";
    expect((await failureOf(scene, scene.open())).message).toMatch(/about another key/);
  });

  it("F7: Azure Key Vault's redirects are not followed", async () => {
    scene = await startAzure();
    scene.service.faults.read.push({ status: 307, headers: { location: "/keys/release/0a1b2c" }, body: "" });
    await failureOf(scene, scene.open());
    expect(scene.service.requests).toHaveLength(2);
  });

  it.each([
    [{ kty: "oct" }, /the key is oct/],
    [{ crv: "P-256K" }, /the key is P-256K/],
    [{ x: undefined }, /no public key/],
    [{ key_ops: ["verify"] }, /may sign/],
  ])("F7: Azure Key Vault refuses a key that is none to sign with: %j", async (show, message) => {
    scene = await startAzure();
    scene.show = show;
    const error = await failureOf(
      scene,
      scene.open().then((signer) => signPayload(signer, payload)),
    );
    expect(error.message).toMatch(message);
  });

  it("F7: Azure Key Vault takes a key in an HSM", async () => {
    scene = await startAzure();
    scene.show = { kty: "EC-HSM" };
    await signPayload(await scene.open(), payload);
  });

  it.each(["AAAA", "", Buffer.alloc(96, 1).toString("base64url")])(
    "F7: Azure Key Vault's signature must be 64 bytes: %j",
    async (value) => {
      scene = await startAzure();
      const signer = await scene.open();
      scene.service.faults.sign.push(ok({ kid: "x", value }));
      expect((await failureOf(scene, signPayload(signer, payload))).message).toMatch(/64 bytes/);
    },
  );

  it("F7: a key that is not there is said to be missing", async () => {
    scene = await startAzure("azurekms://127.0.0.1:PORT/other");
    expect((await failureOf(scene, scene.open())).message).toMatch(/no such key/);
  });

  describe("without credentials", () => {
    beforeEach(() => {
      vi.stubEnv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
      for (const name of ["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_USERNAME"])
        vi.stubEnv(name, undefined);
    });
    afterEach(() => {
      vi.unstubAllEnvs();
    });

    it("F7: Azure Key Vault says so when its own chain finds nobody", async () => {
      scene = await startAzure();
      const error = await failureOf(
        scene,
        openWithCredential(
          `azurekms://127.0.0.1:${scene.service.port}/release`,
          {},
          () => Promise.resolve(new DefaultAzureCredential()),
          { disableChallengeResourceVerification: true },
        ),
      );
      expect(error.message).toMatch(/no valid credentials; sign in \(az login\)/);
    });

    it("F7: Azure Key Vault is not asked for a token that its host may not ask for", async () => {
      scene = await startAzure();
      const error = await failureOf(
        scene,
        openKmsSigner(`azurekms://127.0.0.1:${scene.service.port}/release`, {}),
      );
      expect(error.message).toMatch(/token of somebody else's/);
    });
  });

  it.each([
    "azurekms://",
    "azurekms://vault.example",
    "azurekms://vault.example/",
    "azurekms://vault.example/a/b/c",
    "azurekms://user:password@vault.example/a",
    "azurekms://vault.example/a?b",
    "azurekms://vault.example/../a",
    "awskms://vault.example/a",
  ])("F7: Azure Key Vault refuses the URI %j", async (uri) => {
    scene = await startAzure(uri);
    const error = await failureOf(scene, scene.open());
    expect(error.message).toMatch(/azurekms:\/\/VAULT-HOST\/KEY/);
    expect(error.message).not.toContain("password");
    expect(scene.service.requests).toEqual([]);
  });
});
