import { sign } from "node:crypto";
import { setDefaultCACertificates, getCACertificates } from "node:tls";
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

const keyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const otherArn = "arn:aws:kms:eu-central-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab";
const accessKey = "AKIATESTONLY12345678";
const secretKey = "secret/of+the+tests/and/of+nothing+else0";

type AwsScene = KmsScene & { arn: string; usage: string; show: object };

async function startAws(
  algorithm: KmsAlgorithm,
  uri = "awskms:///alias/release",
  tls = false,
): Promise<AwsScene> {
  const keys = makeKeys(algorithm);
  const identity = tls ? createTlsIdentity([], Date.now()) : null;
  const answer = (request: KmsRequest): KmsAnswer => {
    const input = JSON.parse(request.body) as Record<string, string>;
    if (request.headers["x-amz-target"] === "TrentService.GetPublicKey")
      return ok({
        KeyId: scene.arn,
        KeyUsage: scene.usage,
        KeySpec: algorithm === "ed25519" ? "ECC_NIST_EDWARDS25519" : "ECC_NIST_P256",
        PublicKey: keys.shown.export({ type: "spki", format: "der" }).toString("base64"),
        ...scene.show,
      });
    const message = Buffer.from(input["Message"] ?? "", "base64");
    const asked = `${input["MessageType"]} ${input["SigningAlgorithm"]}`;
    if (asked !== (algorithm === "ed25519" ? "RAW ED25519_SHA_512" : "DIGEST ECDSA_SHA_256"))
      return { status: 400, body: JSON.stringify({ __type: "InvalidKeyUsageException" }) };
    const signature =
      algorithm === "ed25519" ? sign(null, message, keys.signing) : signDigest(keys.signing, message, "der");
    return ok({
      KeyId: scene.arn,
      Signature: signature.toString("base64"),
      SigningAlgorithm: asked.split(" ")[1],
    });
  };
  const service = await startKmsService({
    ...(identity === null ? {} : { tls: identity }),
    operationOf: ({ headers }) => {
      const target = headers["x-amz-target"];
      if (target === "TrentService.GetPublicKey") return "read";
      return target === "TrentService.Sign" ? "sign" : null;
    },
    answer,
  });
  if (identity === null) vi.stubEnv("AWS_ENDPOINT_URL_KMS", `http://127.0.0.1:${service.port}`);
  else setDefaultCACertificates([identity.authority]);
  const scene: AwsScene = {
    service,
    keys,
    arn: keyArn,
    usage: "SIGN_VERIFY",
    show: {},
    open: (options = {}) => openKmsSigner(uri.replace("PORT", String(service.port)), options),
    denied: {
      status: 400,
      body: JSON.stringify({
        __type: "AccessDeniedException",
        message: `User: arn:aws:iam::111122223333:user/${accessKey} is not authorized`,
      }),
    },
    permissions: { read: "kms:GetPublicKey", sign: "kms:Sign" },
    secrets: [accessKey, secretKey],
    close: () => service.close(),
  };
  return scene;
}

const ok = (body: object): KmsAnswer => ({
  status: 200,
  headers: { "content-type": "application/x-amz-json-1.1" },
  body: JSON.stringify(body),
});

beforeEach(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", accessKey);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretKey);
  vi.stubEnv("AWS_SESSION_TOKEN", undefined);
  vi.stubEnv("AWS_PROFILE", undefined);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent/config");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials");
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describeKmsSigner("AWS KMS", ["ecdsa-p256-sha256", "ed25519"], (algorithm) => startAws(algorithm));
// Not Ed25519: AWS KMS takes 4096 bytes of it, and any signer must take more.
describeConformance("AWS KMS", () => startAws("ecdsa-p256-sha256"));

describe("AWS KMS", () => {
  const payload = Buffer.from("{}");
  let scene: AwsScene;
  afterEach(() => scene.close());

  it("F7: AWS KMS requests carry a SigV4 signature and the key as it was named", async () => {
    scene = await startAws("ecdsa-p256-sha256");
    await signPayload(await scene.open(), payload);
    expect(scene.service.requests.map(({ operation }) => operation)).toEqual(["read", "sign"]);
    for (const { headers, body } of scene.service.requests) {
      expect(headers.authorization).toMatch(
        new RegExp(
          `^AWS4-HMAC-SHA256 Credential=${accessKey}/\\d{8}/eu-central-1/kms/aws4_request, SignedHeaders=`,
        ),
      );
      expect(headers["content-type"]).toBe("application/x-amz-json-1.1");
      expect((JSON.parse(body) as { KeyId: string }).KeyId).toBe("alias/release");
    }
  });

  it("F7: AWS KMS takes the region from an ARN", async () => {
    scene = await startAws("ecdsa-p256-sha256", `awskms:///${keyArn.replace("eu-central-1", "ap-south-2")}`);
    await scene.open();
    expect(scene.service.requests[0]?.headers.authorization).toContain("/ap-south-2/kms/");
  });

  it("F7: AWS KMS asks the host of the URI, over TLS", async () => {
    const trusted = getCACertificates("default");
    try {
      scene = await startAws("ed25519", "awskms://localhost:PORT/alias/release", true);
      await signPayload(await scene.open(), payload);
      expect(scene.service.requests.map(({ operation }) => operation)).toEqual(["read", "sign"]);
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it("F7: AWS KMS refuses an alias that moved to another key between reading and signing", async () => {
    scene = await startAws("ecdsa-p256-sha256");
    const signer = await scene.open();
    Object.assign(scene.keys, makeKeys("ecdsa-p256-sha256"));
    scene.arn = otherArn;
    const error = await failureOf(scene, signPayload(signer, payload));
    expect(error.message).toMatch(/alias leads to another key/);
  });

  it("F7: AWS KMS refuses more than 4096 bytes with Ed25519 before it asks", async () => {
    scene = await startAws("ed25519");
    const signer = await scene.open();
    const error = await failureOf(scene, signPayload(signer, Buffer.alloc(4096)));
    expect(error.message).toMatch(/at most 4096 bytes.*ECC_NIST_P256/);
    expect(scene.service.requests.some(({ operation }) => operation === "sign")).toBe(false);
  });

  it("F7: AWS KMS refuses a key that is not for signing", async () => {
    scene = await startAws("ecdsa-p256-sha256");
    scene.usage = "KEY_AGREEMENT";
    expect((await failureOf(scene, scene.open())).message).toMatch(/not for signing.*SIGN_VERIFY/);
  });

  it("F7: AWS KMS says so when parts of an answer are missing", async () => {
    scene = await startAws("ecdsa-p256-sha256");
    scene.show = { PublicKey: undefined };
    expect((await failureOf(scene, scene.open())).message).toMatch(/no public key/);
  });

  it.each([
    ["DisabledException", /enable the key/],
    ["NotFoundException", /no such key/],
    ["InvalidKeyUsageException", /SIGN_VERIFY/],
    ["UnrecognizedClientException", /no valid credentials; sign in/],
    ["ExpiredTokenException", /no valid credentials/],
  ])("F7: AWS KMS: %s has its own fix", async (type, message) => {
    scene = await startAws("ecdsa-p256-sha256");
    scene.service.faults.read.push({
      status: 400,
      body: JSON.stringify({ __type: type, message: secretKey }),
    });
    expect((await failureOf(scene, scene.open())).message).toMatch(message);
  });

  it("F7: AWS KMS says so when there are no credentials", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", undefined);
    scene = await startAws("ecdsa-p256-sha256");
    expect((await failureOf(scene, scene.open())).message).toMatch(/no valid credentials/);
    expect(scene.service.requests).toEqual([]);
  });

  it("F7: AWS KMS says so when there is no region", async () => {
    vi.stubEnv("AWS_REGION", undefined);
    vi.stubEnv("AWS_DEFAULT_REGION", undefined);
    scene = await startAws("ecdsa-p256-sha256");
    expect((await failureOf(scene, scene.open())).message).toMatch(/AWS_REGION/);
  });

  it.each([
    "awskms://",
    "awskms:///",
    "awskms:///alias/",
    "awskms:///release",
    "awskms:///alias/a b",
    "awskms:///alias/a\nb",
    "awskms://user:password@host/alias/release",
    "awskms://host:1/../alias/release",
    "awskms:///arn:aws:s3:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "gcpkms:///alias/release",
  ])("F7: AWS KMS refuses the URI %j", async (uri) => {
    scene = await startAws("ecdsa-p256-sha256", uri);
    const error = await failureOf(scene, scene.open());
    expect(error.message).toMatch(/awskms:\/\/\/alias\/NAME/);
    expect(error.message).not.toContain("password");
    expect(scene.service.requests).toEqual([]);
  });
});
