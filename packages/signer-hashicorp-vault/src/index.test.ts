import { sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
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
import type { KmsAlgorithm } from "../../core/src/seal/kms-signature.ts";
import { createTlsIdentity } from "../../testkit/src/http/tls.ts";
import { openKmsSigner } from "./index.ts";

const token = "hvs.token-of-the-tests";

type VaultScene = KmsScene & {
  /** Version that is the latest, and the one that signs whatever is asked; null: the one asked for. */
  latest: number;
  forced: number | null;
  type: string;
  derived: boolean;
};

async function startVault(
  algorithm: KmsAlgorithm,
  { uri = "hashivault://release", mount = "transit", tls = false } = {},
): Promise<VaultScene> {
  const keys = makeKeys(algorithm);
  const identity = tls ? createTlsIdentity([], Date.now()) : null;
  const answer = (request: KmsRequest): KmsAnswer => {
    if (request.path === `/v1/${mount}/keys/release`)
      return data({
        type: scene.type,
        derived: scene.derived,
        latest_version: scene.latest,
        keys: Object.fromEntries(
          Array.from({ length: scene.latest }, (_, index) => [
            String(index + 1),
            { public_key: publicKey(), name: scene.type, creation_time: "2026-01-01T00:00:00Z" },
          ]),
        ),
      });
    if (request.path !== `/v1/${mount}/sign/release`) return { status: 404, body: '{"errors":[]}' };
    const input = JSON.parse(request.body) as Record<string, unknown>;
    const message = Buffer.from(String(input["input"]), "base64");
    const form = [input["prehashed"], input["hash_algorithm"], input["marshaling_algorithm"]].join(" ");
    const wanted = algorithm === "ed25519" ? "  " : "true sha2-256 asn1";
    if (form !== wanted) return { status: 400, body: '{"errors":["wrong form"]}' };
    const signature =
      algorithm === "ed25519" ? sign(null, message, keys.signing) : signDigest(keys.signing, message, "der");
    const version = scene.forced ?? Number(input["key_version"]);
    return data({ key_version: version, signature: `vault:v${version}:${signature.toString("base64")}` });
  };
  const publicKey = (): string => {
    if (keys.shown.asymmetricKeyType === "ed25519")
      return keys.shown.export({ type: "spki", format: "der" }).subarray(-32).toString("base64");
    return keys.shown.export({ type: "spki", format: "pem" }) as string;
  };
  const service = await startKmsService({
    ...(identity === null ? {} : { tls: identity }),
    operationOf: ({ method, path }) => {
      if (path.includes("/keys/") && method === "GET") return "read";
      return path.includes("/sign/") && method === "POST" ? "sign" : null;
    },
    answer,
  });
  vi.stubEnv("VAULT_ADDR", `${tls ? "https" : "http"}://127.0.0.1:${service.port}`);
  if (identity !== null) {
    writeFileSync(join(home, "authority.pem"), identity.authority);
  }
  const scene: VaultScene = {
    service,
    keys,
    latest: 3,
    forced: null,
    derived: false,
    type: algorithm === "ed25519" ? "ed25519" : "ecdsa-p256",
    open: (options = {}) => openKmsSigner(uri, options),
    denied: { status: 403, body: `{"errors":["permission denied: ${token}"]}` },
    permissions: { read: '"read" on transit/keys/release', sign: '"update" on transit/sign/release' },
    secrets: [token],
    close: () => service.close(),
  };
  return scene;
}

const data = (value: object): KmsAnswer => ({
  status: 200,
  body: JSON.stringify({ request_id: "1", lease_id: "", renewable: false, data: value, warnings: null }),
});

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "vault-home-"));
  vi.stubEnv("HOME", home);
  vi.stubEnv("VAULT_TOKEN", token);
  for (const name of ["VAULT_NAMESPACE", "VAULT_CACERT", "TRANSIT_SECRET_ENGINE_PATH"])
    vi.stubEnv(name, undefined);
  for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

describeKmsSigner("Vault", ["ecdsa-p256-sha256", "ed25519"], (algorithm) => startVault(algorithm));
for (const algorithm of ["ecdsa-p256-sha256", "ed25519"] as const)
  describeConformance(`Vault, ${algorithm},`, () => startVault(algorithm));

describe("Vault", () => {
  const payload = Buffer.from("{}");
  let scene: VaultScene;
  afterEach(() => scene.close());

  it("F7: Vault is asked with the token and namespace, at the mount of the engine", async () => {
    vi.stubEnv("VAULT_NAMESPACE", "team/ci");
    vi.stubEnv("TRANSIT_SECRET_ENGINE_PATH", "/keys of/ci/");
    scene = await startVault("ecdsa-p256-sha256", { mount: "keys%20of/ci" });
    await signPayload(await scene.open(), payload);
    expect(scene.service.requests.map(({ path }) => path)).toEqual([
      "/v1/keys%20of/ci/keys/release",
      "/v1/keys%20of/ci/sign/release",
    ]);
    for (const { headers } of scene.service.requests)
      expect(headers).toMatchObject({
        "x-vault-token": token,
        "x-vault-namespace": "team/ci",
        "x-vault-request": "true",
      });
  });

  it("F7: Vault's token may be in ~/.vault-token", async () => {
    vi.stubEnv("VAULT_TOKEN", undefined);
    writeFileSync(join(home, ".vault-token"), "hvs.from-the-file\n");
    scene = await startVault("ed25519");
    await scene.open();
    expect(scene.service.requests[0]?.headers["x-vault-token"]).toBe("hvs.from-the-file");
  });

  it("F7: Vault's settings may be handed in, and the process's are not mixed in", async () => {
    scene = await startVault("ed25519");
    const variables = { VAULT_ADDR: `http://127.0.0.1:${scene.service.port}`, VAULT_TOKEN: "hvs.handed-in" };
    vi.stubEnv("VAULT_ADDR", "http://127.0.0.1:9");
    vi.stubEnv("VAULT_NAMESPACE", "elsewhere");
    await signPayload(await scene.open({ variables }), payload);
    expect(scene.service.requests[0]?.headers["x-vault-token"]).toBe("hvs.handed-in");
    expect(scene.service.requests[0]?.headers).not.toHaveProperty("x-vault-namespace");
  });

  it.each([undefined, "", "two\nlines"])(
    "F7: without a usable Vault token nothing is asked: %j",
    async (value) => {
      vi.stubEnv("VAULT_TOKEN", value);
      scene = await startVault("ed25519");
      expect((await failureOf(scene, scene.open())).message).toMatch(/no Vault token; run vault login/);
      expect(scene.service.requests).toEqual([]);
    },
  );

  it("F7: a token file without end is not read", async () => {
    vi.stubEnv("VAULT_TOKEN", undefined);
    writeFileSync(join(home, ".vault-token"), "x".repeat(100_000));
    scene = await startVault("ed25519");
    expect((await failureOf(scene, scene.open())).message).toMatch(/no Vault token/);
  });

  it("F7: Vault's certificate is checked against VAULT_CACERT", async () => {
    scene = await startVault("ed25519", { tls: true });
    vi.stubEnv("VAULT_CACERT", join(home, "authority.pem"));
    await signPayload(await scene.open(), payload);
  });

  it("F7: a certificate that no known authority issued is refused", async () => {
    scene = await startVault("ed25519", { tls: true });
    expect((await failureOf(scene, scene.open())).message).toMatch(/not trusted.*VAULT_CACERT/);
    expect(scene.service.requests).toEqual([]);
  });

  it("F7: a VAULT_CACERT without certificates is an error, not no authority", async () => {
    scene = await startVault("ed25519", { tls: true });
    vi.stubEnv("VAULT_CACERT", join(home, "missing.pem"));
    expect((await failureOf(scene, scene.open())).message).toMatch(/VAULT_CACERT/);
  });

  it.each(["", "vault.example", "ftp://vault.example", "https://user:secret@vault.example"])(
    "F7: VAULT_ADDR %j is refused",
    async (address) => {
      scene = await startVault("ed25519");
      vi.stubEnv("VAULT_ADDR", address);
      const error = await failureOf(scene, scene.open());
      expect(error.message).toMatch(/VAULT_ADDR/);
      expect(error.message).not.toContain("secret");
    },
  );

  it("F7: a key rotated after it was read still signs with the version that was read", async () => {
    scene = await startVault("ecdsa-p256-sha256");
    const signer = await scene.open();
    scene.latest = 4;
    await signPayload(signer, payload);
    expect(JSON.parse(scene.service.requests.at(-1)?.body ?? "")).toMatchObject({ key_version: 3 });
  });

  it("F7: a signature by another version than asked for is refused", async () => {
    scene = await startVault("ecdsa-p256-sha256");
    const signer = await scene.open();
    scene.forced = 4;
    expect((await failureOf(scene, signPayload(signer, payload))).message).toMatch(/version 4 .* version 3/);
  });

  it.each([
    ["rsa-2048", false, /type rsa-2048/],
    ["aes256-gcm96", false, /type aes256-gcm96/],
    ["ecdsa-p384", false, /type ecdsa-p384/],
    ["ed25519", true, /derived/],
  ])("F7: a key of type %s (derived: %s) is refused", async (type, derived, message) => {
    scene = await startVault("ed25519");
    Object.assign(scene, { type, derived });
    expect((await failureOf(scene, scene.open())).message).toMatch(message);
  });

  it.each([
    { signature: "vault:v3:" },
    { signature: "vault:v3:***" },
    { signature: ["vault:v3:AAAA"] },
    { signature: "v3:AAAA" },
    {},
  ])("F7: a signature that is none is refused: %j", async (value) => {
    scene = await startVault("ed25519");
    const signer = await scene.open();
    scene.service.faults.sign.push(data(value));
    expect((await failureOf(scene, signPayload(signer, payload))).message).toMatch(/answer is wrong/);
  });

  it.each([
    { latest_version: 0 },
    { latest_version: "__proto__" },
    { latest_version: 1, type: "ed25519", keys: {} },
  ])("F7: a key that is none is refused: %j", async (value) => {
    scene = await startVault("ed25519");
    scene.service.faults.read.push(data(value));
    expect((await failureOf(scene, scene.open())).message).toMatch(/answer is wrong/);
  });

  it("F7: a key that is not there is said to be missing", async () => {
    scene = await startVault("ed25519", { uri: "hashivault://other" });
    expect((await failureOf(scene, scene.open())).message).toMatch(/no such key/);
  });

  it("F7: Vault's redirects are not followed", async () => {
    scene = await startVault("ed25519");
    scene.service.faults.read.push({
      status: 307,
      headers: { location: "/v1/transit/keys/release" },
      body: "",
    });
    expect((await failureOf(scene, scene.open())).message).toMatch(/HTTP 307/);
  });

  it.each([
    "hashivault://",
    "hashivault://a/b",
    "hashivault://../x",
    "hashivault://a?b",
    "hashivault://-a",
    "vault://a",
  ])("F7: Vault refuses the URI %j", async (uri) => {
    scene = await startVault("ed25519", { uri });
    expect((await failureOf(scene, scene.open())).message).toMatch(/hashivault:\/\/KEY/);
    expect(scene.service.requests).toEqual([]);
  });
});
