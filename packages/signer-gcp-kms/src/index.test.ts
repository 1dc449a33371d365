import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  describeConformance,
  describeKmsSigner,
  failureOf,
  makeKeys,
  many,
  signDigest,
  signPayload,
  startKmsService,
  type KmsAnswer,
  type KmsRequest,
  type KmsScene,
} from "../../core/test/kms-service.ts";
import type { KmsAlgorithm } from "../../core/src/seal/kms-signature.ts";
import { crc32c } from "./crc32c.ts";
import { openKmsSigner } from "./index.ts";
import { openWithOptions } from "./open.ts";

const key = "projects/p/locations/global/keyRings/r/cryptoKeys/release";
const name = `${key}/cryptoKeyVersions/2`;

type GcpScene = KmsScene & {
  /** What is laid over the answers. */
  showKey: object;
  showSignature: object;
};

async function startGcp(algorithm: KmsAlgorithm, uri = `gcpkms://${name}`): Promise<GcpScene> {
  const keys = makeKeys(algorithm);
  const answer = (request: KmsRequest): KmsAnswer => {
    const path = new URL(request.path, "https://kms.example").pathname;
    if (path === `/v1/${name}/publicKey`) {
      const pem = keys.shown.export({ type: "spki", format: "pem" }) as string;
      return ok({ pem, pemCrc32c: String(crc32c(Buffer.from(pem))), name, ...scene.showKey });
    }
    if (path !== `/v1/${name}:asymmetricSign`) return failed(404, 5, "NOT_FOUND");
    const input = JSON.parse(request.body) as {
      data?: string;
      dataCrc32c?: string | number;
      digest?: { sha256?: string };
      digestCrc32c?: string | number;
    };
    const bytes = Buffer.from((algorithm === "ed25519" ? input.data : input.digest?.sha256) ?? "", "base64");
    const checksum = algorithm === "ed25519" ? input.dataCrc32c : input.digestCrc32c;
    if (String(checksum) !== String(crc32c(bytes))) return failed(400, 3, "INVALID_ARGUMENT");
    const signature =
      algorithm === "ed25519" ? sign(null, bytes, keys.signing) : signDigest(keys.signing, bytes, "der");
    return ok({
      name,
      signature: signature.toString("base64"),
      signatureCrc32c: String(crc32c(signature)),
      [algorithm === "ed25519" ? "verifiedDataCrc32c" : "verifiedDigestCrc32c"]: true,
      ...scene.showSignature,
    });
  };
  const service = await startKmsService({
    operationOf: ({ method, path }) => {
      if (method === "GET" && path.includes("/publicKey")) return "read";
      return method === "POST" && path.includes(":asymmetricSign") ? "sign" : null;
    },
    answer,
  });
  const scene: GcpScene = {
    service,
    keys,
    showKey: {},
    showSignature: {},
    open: (options = {}) => openWithOptions(uri, options, loopback(service.port)),
    denied: failed(403, 7, "PERMISSION_DENIED"),
    permissions: {
      read: "cloudkms.cryptoKeyVersions.viewPublicKey",
      sign: "cloudkms.cryptoKeyVersions.useToSign",
    },
    secrets: [secret],
    close: () => service.close(),
  };
  return scene;
}

const secret = "signer@project.example";
// `protocol` is an option of the client that its types leave out.
const loopback = (port: number): { apiEndpoint: string; port: number } => {
  const options = { apiEndpoint: "127.0.0.1", port, protocol: "http" };
  return options;
};
const ok = (body: object): KmsAnswer => ({ status: 200, body: JSON.stringify(body) });
const failed = (status: number, code: number, text: string): KmsAnswer => ({
  status,
  body: JSON.stringify({ error: { code: status, status: text, message: `${secret} ${code}`, details: [] } }),
});

let folder: string;
let credentials: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gcp-"));
  credentials = join(folder, "credentials.json");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(
    credentials,
    JSON.stringify({
      type: "service_account",
      project_id: "p",
      private_key_id: "1",
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      client_email: secret,
      client_id: "1",
      token_uri: "http://127.0.0.1:9/token",
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", credentials);
  for (const variable of [
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
  ])
    vi.stubEnv(variable, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describeKmsSigner("Google Cloud KMS", ["ecdsa-p256-sha256", "ed25519"], (algorithm) => startGcp(algorithm));
for (const algorithm of ["ecdsa-p256-sha256", "ed25519"] as const)
  describeConformance(`Google Cloud KMS, ${algorithm},`, () => startGcp(algorithm));

describe("Google Cloud KMS", () => {
  const payload = Buffer.from("{}");
  let scene: GcpScene;
  afterEach(() => scene.close());

  it("F7: Google Cloud KMS is asked with the application's default credentials", async () => {
    scene = await startGcp("ed25519");
    await signPayload(await scene.open(), payload);
    expect(scene.service.requests.map(({ operation }) => operation)).toEqual(["read", "sign"]);
    for (const { headers } of scene.service.requests)
      expect(headers.authorization).toMatch(/^Bearer [\w-]+\./);
  });

  it.each([
    [{ signatureCrc32c: "1" }, /checksum is wrong/],
    [{ signatureCrc32c: undefined }, /checksum is wrong/],
    [{ verifiedDigestCrc32c: false }, /did not check/],
    [{ verifiedDigestCrc32c: undefined, verifiedDataCrc32c: true }, /did not check/],
    [{ name: `${key}/cryptoKeyVersions/3` }, /by another key/],
    [{ signature: "" }, /no signature/],
  ])("F7: Google Cloud KMS's answer must have arrived whole: %j", async (show, message) => {
    scene = await startGcp("ecdsa-p256-sha256");
    const signer = await scene.open();
    scene.showSignature = show;
    expect((await failureOf(scene, signPayload(signer, payload))).message).toMatch(message);
  });

  it.each([
    [{ pemCrc32c: "1" }, /checksum is wrong/],
    [{ pemCrc32c: undefined }, /checksum is wrong/],
    [{ name: `${key}/cryptoKeyVersions/3` }, /about another key/],
    [{ pem: "" }, /no public key/],
    [{ pem: "x", pemCrc32c: String(crc32c(Buffer.from("x"))) }, /cannot be read/],
  ])("F7: Google Cloud KMS's public key must have arrived whole: %j", async (show, message) => {
    scene = await startGcp("ecdsa-p256-sha256");
    scene.showKey = show;
    expect((await failureOf(scene, scene.open())).message).toMatch(message);
  });

  it("F7: Google Cloud KMS signs at most 65536 bytes with Ed25519", async () => {
    scene = await startGcp("ed25519");
    const signer = await scene.open();
    const error = await failureOf(scene, signPayload(signer, Buffer.alloc(65_536)));
    expect(error.message).toMatch(/at most 65536 bytes.*EC_SIGN_P256_SHA256/);
    expect(scene.service.requests.some(({ operation }) => operation === "sign")).toBe(false);
  });

  it.each([
    [failed(400, 9, "FAILED_PRECONDITION"), /enable the key version/],
    [failed(401, 16, "UNAUTHENTICATED"), /no valid credentials/],
    [failed(404, 5, "NOT_FOUND"), /no such key/],
  ])("F7: Google Cloud KMS: %j has its own fix", async (answer, message) => {
    scene = await startGcp("ed25519");
    scene.service.faults.read.push(...many(answer));
    expect((await failureOf(scene, scene.open())).message).toMatch(message);
  });

  it("F7: Google Cloud KMS's redirects are not followed", async () => {
    scene = await startGcp("ed25519");
    const answer = { status: 307, headers: { location: "/v1/elsewhere" }, body: "" };
    scene.service.faults.read.push(...many(answer));
    await failureOf(scene, scene.open());
    expect(scene.service.requests.some(({ path }) => path.includes("elsewhere"))).toBe(false);
  });

  it("F7: Google Cloud KMS says so when the credentials cannot be read", async () => {
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", join(folder, "missing.json"));
    scene = await startGcp("ed25519");
    expect((await failureOf(scene, scene.open())).message).toMatch(/no valid credentials/);
    expect(scene.service.requests).toEqual([]);
  });

  it.each([
    "gcpkms://",
    `gcpkms://${key}`,
    `gcpkms://${key}/cryptoKeyVersions/latest`,
    "gcpkms://projects/../locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    `gcpkms://user:password@${name}`,
    `gcpkms://${name}?x`,
    `gcpkms:///${name}`,
    `awskms://${name}`,
  ])("F7: Google Cloud KMS refuses the URI %j", async (uri) => {
    scene = await startGcp("ed25519");
    const error = await failureOf(scene, openKmsSigner(uri, {}));
    expect(error.message).toMatch(/gcpkms:\/\/projects\/P/);
    expect(error.message).not.toContain("password");
  });
});
