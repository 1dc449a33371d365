import { setTimeout as pause } from "node:timers/promises";
import type { KeyManagementServiceClient, protos } from "@google-cloud/kms";
import {
  callKms,
  createKmsSigner,
  kmsFailure,
  kmsLimits,
  readKmsKey,
  retryKms,
  type KmsCause,
  type KmsKey,
  type KmsMessage,
  type KmsOperation,
  type KmsOptions,
  type KmsSigner,
  type SignerError,
} from "@countersign/core";
import { crc32c } from "./crc32c.ts";
import { explain, signIn } from "./explain.ts";
import { readKeyUri } from "./key-uri.ts";

const service = "Google Cloud KMS";
/** Of `data` in AsymmetricSign. */
const dataLimit = 65_536;

type ClientOptions = NonNullable<ConstructorParameters<typeof KeyManagementServiceClient>[0]>;
/** Of google-gax, which the package does not export. */
type CallOptions = { signal: AbortSignal; timeout: number; retry: null };
type PublicKey = protos.google.cloud.kms.v1.IPublicKey;
type SignRequest = protos.google.cloud.kms.v1.IAsymmetricSignRequest;
type SignResponse = protos.google.cloud.kms.v1.IAsymmetricSignResponse;

/**
 * The signer over one key version.
 *
 * @param clientOptions over ours; tests need them
 */
export async function openWithOptions(
  uri: string,
  options: KmsOptions,
  clientOptions: ClientOptions = {},
): Promise<KmsSigner> {
  const name = readKeyUri(uri);
  const sdk = await import("@google-cloud/kms");
  const timeoutMs = options.timeoutMs ?? kmsLimits.timeoutMs;

  async function ask<T>(
    operation: KmsOperation,
    run: (client: KeyManagementServiceClient, how: CallOptions) => Promise<T>,
  ): Promise<T> {
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    // The SDK's own retries lose the reason; and its timeout is ours.
    const how: CallOptions = { signal, timeout: timeoutMs, retry: null };
    let ready = false;
    const explained = (error: unknown): KmsCause =>
      ready ? explain(error, operation) : { kind: "credentials", fix: signIn };
    return await callKms(
      { service, key: uri, operation, signal, cancelled: options.signal, explain: explained },
      async () => {
        const client = new sdk.KeyManagementServiceClient({
          // HTTP/1.1 with JSON: answers can be bounded, and proxies let it through.
          fallback: true,
          clientOptions: { transporterOptions: { size: kmsLimits.answerBytes, follow: 0 } },
          ...clientOptions,
        });
        try {
          // The methods start this too, and a failure there would be a rejection that nobody can handle.
          await client.initialize();
          ready = true;
          return await retryKms(
            () => run(client, how),
            (error) => !signal.aborted && explained(error).kind === "unavailable",
            (milliseconds) => pause(milliseconds, undefined, { signal }),
          );
        } finally {
          await client.close();
        }
      },
    );
  }

  const failure = (operation: KmsOperation, cause: KmsCause): SignerError =>
    kmsFailure({ service, key: uri, operation }, cause);

  const key = keyOf(
    await ask("read", async (client, how) => (await client.getPublicKey({ name }, how))[0]),
    name,
  );
  if ("kind" in key) throw failure("read", key);

  async function sign(message: KmsMessage): Promise<Uint8Array> {
    if (message.algorithm === "ed25519" && message.data.length > dataLimit)
      throw failure("sign", {
        kind: "refused",
        detail: `Cloud KMS signs at most ${dataLimit} bytes with Ed25519, and these are ${message.data.length}`,
        fix: "sign with a key of algorithm EC_SIGN_P256_SHA256, which takes any length",
      });
    const request = requestOf(name, message);
    const answer = await ask("sign", async (client, how) => (await client.asymmetricSign(request, how))[0]);
    const signature = signatureOf(answer, name, message);
    if ("kind" in signature) throw failure("sign", signature);
    return signature;
  }

  return createKmsSigner({ service, uri, key, sign });
}

function keyOf(answer: PublicKey, name: string): KmsKey | KmsCause {
  const { pem } = answer;
  if (typeof pem !== "string" || pem === "") return { kind: "malformed", detail: "no public key" };
  if (answer.name !== name) return { kind: "malformed", detail: "it is about another key" };
  if (!matches(answer.pemCrc32c, Buffer.from(pem)))
    return { kind: "malformed", detail: "the checksum is wrong" };
  const read = readKmsKey({ form: "pem", pem });
  return read.ok
    ? read.key
    : {
        kind: "refused",
        detail: read.detail,
        fix: "name a key version of algorithm EC_SIGN_P256_SHA256 or EC_SIGN_ED25519",
      };
}

const requestOf = (name: string, message: KmsMessage): SignRequest =>
  message.algorithm === "ed25519"
    ? { name, data: message.data, dataCrc32c: { value: crc32c(message.data) } }
    : { name, digest: { sha256: message.digest }, digestCrc32c: { value: crc32c(message.digest) } };

/** Checks what Cloud KMS asks its clients to check: which key, that it got what was sent, and that we got its answer. */
function signatureOf(answer: SignResponse, name: string, message: KmsMessage): Uint8Array | KmsCause {
  const { signature } = answer;
  if (!(signature instanceof Uint8Array) || signature.length === 0)
    return { kind: "malformed", detail: "no signature" };
  if (answer.name !== name) return { kind: "malformed", detail: "it is by another key" };
  const arrived = message.algorithm === "ed25519" ? answer.verifiedDataCrc32c : answer.verifiedDigestCrc32c;
  if (arrived !== true) return { kind: "malformed", detail: "the service did not check what it was sent" };
  return matches(answer.signatureCrc32c, signature)
    ? signature
    : { kind: "malformed", detail: "the checksum is wrong" };
}

const matches = (
  checksum: protos.google.protobuf.IInt64Value | null | undefined,
  bytes: Uint8Array,
): boolean => String(checksum?.value ?? "") === String(crc32c(bytes));
