import { createECDH, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeSigner } from "../../gate/test/signer-conformance.ts";
import { pae } from "../src/seal/dsse.ts";
import type { KmsOperation } from "../src/seal/kms-failure.ts";
import {
  verifyKmsSignature,
  type KmsAlgorithm,
  type KmsOptions,
  type KmsSigner,
} from "../src/seal/kms-signature.ts";
import { sealKeyOf } from "../src/seal/seal-key.ts";
import { SignerError } from "../src/seal/signer-error.ts";

export type KmsRequest = {
  method: string;
  /** With the query, undecoded. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
};
export type KmsAnswer = { status: number; headers?: Readonly<Record<string, string>>; body: string };
export type KmsFault = "hang" | "drop" | "malformed" | "oversize" | KmsAnswer;

/** A service on loopback. `faults` are used up one by one, by operation, before the service answers for itself. */
export type KmsService = {
  port: number;
  requests: (KmsRequest & { operation: KmsOperation | null })[];
  faults: Record<KmsOperation, KmsFault[]>;
  close(): Promise<void>;
};

/** More of one fault than anyone tries again for. */
export const many = (fault: KmsFault): KmsFault[] => Array.from({ length: 20 }, () => fault);

export async function startKmsService(parts: {
  tls?: { key: string; certificate: string };
  operationOf(request: KmsRequest): KmsOperation | null;
  answer(request: KmsRequest): KmsAnswer;
}): Promise<KmsService> {
  const service: Pick<KmsService, "requests" | "faults"> = { requests: [], faults: { read: [], sign: [] } };
  const listener = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request: KmsRequest = {
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    const operation = parts.operationOf(request);
    service.requests.push({ ...request, operation });
    const fault = operation === null ? undefined : service.faults[operation].shift();
    if (fault === "hang") return;
    if (fault === "drop") return void response.destroy();
    const { status, headers, body } = answerOf(fault) ?? parts.answer(request);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  };
  const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
    response.on("error", () => {});
    listener(incoming, response).catch((error: unknown) => {
      response.destroy();
      throw error;
    });
  };
  const server =
    parts.tls === undefined
      ? createHttpServer(serve)
      : createHttpsServer({ key: parts.tls.key, cert: parts.tls.certificate }, serve);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    ...service,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerOf(fault: Exclude<KmsFault, "hang" | "drop"> | undefined): KmsAnswer | undefined {
  if (fault === "malformed") return { status: 200, body: '{"KeyId": "' };
  if (fault === "oversize") return { status: 200, body: JSON.stringify({ filler: "x".repeat(200_000) }) };
  return fault;
}

/** What a fake service holds: the key that it shows and the one that it signs with, the same unless a test says so. */
export type KmsKeys = { shown: KeyObject; signing: KeyObject };

export function makeKeys(algorithm: KmsAlgorithm): KmsKeys {
  const pair =
    algorithm === "ed25519"
      ? generateKeyPairSync("ed25519")
      : generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return { shown: pair.publicKey, signing: pair.privateKey };
}

/**
 * ECDSA over a digest (FIPS 186-5 §6.4.1), which Node's own `sign` cannot do: it hashes what it is given. The services
 * get a digest and nothing else, so this is what they do. For tests: neither constant in time nor careful with `k`.
 */
export function signDigest(key: KeyObject, digest: Buffer, encoding: "der" | "ieee-p1363"): Buffer {
  if (digest.length !== 32) throw new Error("not a SHA-256 digest");
  const secret = bigintOf(Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url"));
  for (;;) {
    const curve = createECDH("prime256v1");
    curve.generateKeys();
    const k = bigintOf(curve.getPrivateKey());
    const r = bigintOf(curve.getPublicKey().subarray(1, 33)) % order;
    const s = (inverse(k) * ((bigintOf(digest) + r * secret) % order)) % order;
    if (r === 0n || s === 0n) continue;
    if (encoding === "ieee-p1363") return Buffer.from(hex64(r) + hex64(s), "hex");
    const body = [r, s].map((part) => {
      const digits = Buffer.from(`00${hex64(part)}`, "hex");
      const start = digits.findIndex((byte, index) => byte !== 0 || (digits[index + 1] ?? 0) >= 0x80);
      return Buffer.concat([Buffer.of(2, digits.length - start), digits.subarray(start)]);
    });
    const sequence = Buffer.concat(body);
    return Buffer.concat([Buffer.of(0x30, sequence.length), sequence]);
  }
}

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bigintOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString("hex") || "0"}`);
const hex64 = (value: bigint): string => value.toString(16).padStart(64, "0");

/** By Fermat: the order is prime. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let base = value;
  for (let exponent = order - 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}

const payloadType = "application/vnd.in-toto+json";
const messageOf = (payload: Uint8Array): Buffer => pae(payloadType, payload);

export const signPayload = (signer: KmsSigner, payload: Uint8Array): ReturnType<KmsSigner["sign"]> =>
  signer.sign(messageOf(payload), { type: payloadType, bytes: payload });

export type KmsScene = {
  service: KmsService;
  keys: KmsKeys;
  open(options?: KmsOptions): Promise<KmsSigner>;
  /** The service's own answer when a permission is missing. */
  denied: KmsAnswer;
  /** What the message must name then. */
  permissions: Record<KmsOperation, string>;
  /** Texts that no message may hold. */
  secrets: readonly string[];
  close(): Promise<void>;
};

/** Rejects with one line that names the fix and none of the secrets; hands it back. */
export async function failureOf(scene: KmsScene, work: Promise<unknown>): Promise<SignerError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SignerError)) throw new Error(`no SignerError: ${String(error)}`);
  expect(error.message).not.toMatch(/[\r\n]/);
  expect(error.fix).not.toBe("");
  expect(error.cause).toBeUndefined();
  for (const secret of scene.secrets) expect(error.message).not.toContain(secret);
  return error;
}

/** What any signer must hold to, through the adapter. */
export function describeConformance(name: string, start: () => Promise<KmsScene>): void {
  describe("as a signer", () => {
    const scenes: KmsScene[] = [];
    afterEach(async () => {
      for (const scene of scenes.splice(0)) await scene.close();
    });
    describeSigner(name, async (signal) => {
      const scene = await start();
      scenes.push(scene);
      return { signer: await scene.open({ signal }), half: { publicKey: scene.keys.shown } };
    });
  });
}

/** What every adapter must hold to, whatever the service behind it does. */
export function describeKmsSigner(
  name: string,
  algorithms: readonly KmsAlgorithm[],
  start: (algorithm: KmsAlgorithm) => Promise<KmsScene>,
): void {
  const payload = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');
  const long = Buffer.alloc(100_000, 0x61);

  describe.each(algorithms)(`${name}, %s`, (algorithm) => {
    let scene: KmsScene;
    beforeEach(async () => {
      scene = await start(algorithm);
    });
    afterEach(() => scene.close());

    it(`F7: ${name} signs, and the signature verifies with the public key alone`, async () => {
      const signer = await scene.open();
      expect(signer.algorithm).toBe(algorithm);
      const key = await signer.publicKey();
      expect(key.equals(scene.keys.shown)).toBe(true);
      const expected = sealKeyOf(algorithm, scene.keys.shown);
      expect(expected.ok && expected.key.keyid).toBe(await signer.keyid());
      const signed = await signPayload(signer, payload);
      expect(signed.material).toEqual({ kind: "key", keyid: await signer.keyid() });
      const known = { key: scene.keys.shown, algorithm, keyid: "" };
      expect(verifyKmsSignature(known, messageOf(payload), signed.signature)).toBe(true);
      expect(verifyKmsSignature(known, messageOf(Buffer.from("other")), signed.signature)).toBe(false);
      if (algorithm === "ed25519") expect(signed.signature).toHaveLength(64);
      else expect(signed.signature[0]).toBe(0x30);
    });

    it(`F7: ${name} reads the public key once`, async () => {
      const reads = (): number =>
        scene.service.requests.filter(({ operation }) => operation === "read").length;
      const signer = await scene.open();
      const atFirst = reads();
      await signPayload(signer, payload);
      await signPayload(signer, payload);
      await signer.publicKey();
      expect(reads()).toBe(atFirst);
    });

    if (algorithm === "ecdsa-p256-sha256")
      it(`F7: ${name} sends digests, so length is no limit`, async () => {
        const signer = await scene.open();
        const signed = await signPayload(signer, long);
        expect(
          verifyKmsSignature(
            { key: scene.keys.shown, algorithm, keyid: "" },
            messageOf(long),
            signed.signature,
          ),
        ).toBe(true);
        for (const { operation, body } of scene.service.requests)
          if (operation === "sign") expect(body.length).toBeLessThan(2000);
      });

    it(`F7: ${name} refuses a signature by another key`, async () => {
      const signer = await scene.open();
      scene.keys.signing = makeKeys(algorithm).signing;
      const error = await failureOf(scene, signPayload(signer, payload));
      expect(error.message).toMatch(/does not verify/);
    });

    it.each([
      ["P-384", () => generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey],
      ["secp256k1", () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey],
      ["RSA", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey],
    ])(`F7: ${name} refuses a key of another kind: %s`, async (_kind, make) => {
      scene.keys.shown = createPublicKey(make().export({ type: "spki", format: "pem" }));
      const error = await failureOf(scene, scene.open());
      expect(error.fix).not.toMatch(/again later/);
      expect(scene.service.requests.some(({ operation }) => operation === "sign")).toBe(false);
    });

    it.each(["read", "sign"] as const)(
      `F7: ${name} names the permission that is missing: %s`,
      async (operation) => {
        const work = await prepared(scene, operation);
        scene.service.faults[operation].push(...many(scene.denied));
        const error = await failureOf(scene, work());
        expect(error.message).toContain(scene.permissions[operation]);
        expect(error.message).not.toContain(scene.permissions[operation === "read" ? "sign" : "read"]);
      },
    );

    it.each(["read", "sign"] as const)(`F7: ${name} refuses a malformed answer: %s`, async (operation) => {
      const work = await prepared(scene, operation);
      scene.service.faults[operation].push(...many("malformed"));
      const error = await failureOf(scene, work());
      expect(error.message).toMatch(/the answer is wrong/);
    });

    it.each(["read", "sign"] as const)(
      `F7: ${name} stops reading an answer without end: %s`,
      async (operation) => {
        const work = await prepared(scene, operation);
        scene.service.faults[operation].push(...many("oversize"));
        const error = await failureOf(scene, work());
        expect(error.message).toMatch(/larger than 65536 bytes/);
      },
    );

    it.each(["read", "sign"] as const)(
      `F7: ${name} tries again after a failure of the service: %s`,
      async (operation) => {
        const work = await prepared(scene, operation);
        scene.service.faults[operation].push({ status: 500, body: "{}" });
        await work();
        expect(scene.service.faults[operation]).toEqual([]);
      },
    );

    it.each(["read", "sign"] as const)(`F7: ${name} gives up after a few failures: %s`, async (operation) => {
      const work = await prepared(scene, operation);
      scene.service.faults[operation].push(...many({ status: 503, body: "{}" }));
      const error = await failureOf(scene, work());
      expect(error.message).toMatch(/cannot be reached or is failing/);
      expect(scene.service.faults[operation].length).toBeGreaterThan(12);
    });

    it.each(["read", "sign"] as const)(`F7: ${name} does not wait for ever: %s`, async (operation) => {
      const work = await prepared(scene, operation, { timeoutMs: 1500 });
      scene.service.faults[operation].push(...many("hang"));
      const started = performance.now();
      const error = await failureOf(scene, work());
      expect(error.message).toMatch(/took too long/);
      expect(performance.now() - started).toBeLessThan(5000);
    });

    it.each(["read", "sign"] as const)(`F7: ${name} can be cancelled: %s`, async (operation) => {
      const cancel = new AbortController();
      const work = await prepared(scene, operation, { signal: cancel.signal });
      scene.service.faults[operation].push(...many("hang"));
      setTimeout(() => cancel.abort(), 200);
      const error = await failureOf(scene, work());
      expect(error.message).toMatch(/was cancelled/);
    });
  });

  async function prepared(
    scene: KmsScene,
    operation: KmsOperation,
    options: KmsOptions = {},
  ): Promise<() => Promise<unknown>> {
    if (operation === "read") return () => scene.open(options);
    const signer = await scene.open(options);
    return () => signPayload(signer, payload);
  }
}
