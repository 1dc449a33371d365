import type { GetPublicKeyCommandOutput, KMSClient } from "@aws-sdk/client-kms";
import {
  callKms,
  createKmsSigner,
  kmsFailure,
  kmsLimits,
  readKmsKey,
  type KmsCause,
  type KmsKey,
  type KmsMessage,
  type KmsOperation,
  type KmsOptions,
  type KmsSigner,
  type SignerError,
} from "@countersign/core";
import { boundAnswers } from "./bounded.ts";
import { explain } from "./explain.ts";
import { readKeyUri } from "./key-uri.ts";

const service = "AWS KMS";
/** Of Sign with `MessageType: RAW`. */
const rawLimit = 4096;

/**
 * Opens a signer over an asymmetric key in AWS KMS and reads its public key. Credentials, region and proxy come from the
 * SDK's own chain alone.
 *
 * @param uri `awskms:///ARN`, `awskms:///alias/NAME`, `awskms:///KEY-ID`, or with `HOST[:PORT]` before the path
 * @throws SignerError
 */
export async function openKmsSigner(uri: string, options: KmsOptions): Promise<KmsSigner> {
  const { endpoint, keyId, region } = readKeyUri(uri);
  const sdk = await import("@aws-sdk/client-kms");

  async function ask<T>(
    operation: KmsOperation,
    run: (client: KMSClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? kmsLimits.timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    const client = new sdk.KMSClient({
      maxAttempts: kmsLimits.attempts,
      ...(endpoint === null ? {} : { endpoint }),
      ...(region === null ? {} : { region }),
    });
    boundAnswers(client, { service, key: uri, operation });
    try {
      return await callKms(
        {
          service,
          key: uri,
          operation,
          signal,
          cancelled: options.signal,
          explain: (error) => explain(error, operation),
        },
        () => run(client, signal),
      );
    } finally {
      client.destroy();
    }
  }

  const failure = (operation: KmsOperation, cause: KmsCause): SignerError =>
    kmsFailure({ service, key: uri, operation }, cause);

  const answer = await ask("read", (client, abortSignal) =>
    client.send(new sdk.GetPublicKeyCommand({ KeyId: keyId }), { abortSignal }),
  );
  const key = keyOf(answer);
  if ("kind" in key) throw failure("read", key);

  async function sign(message: KmsMessage): Promise<Uint8Array> {
    if (message.algorithm === "ed25519" && message.data.length > rawLimit)
      throw failure("sign", {
        kind: "refused",
        detail: `AWS KMS signs at most ${rawLimit} bytes with Ed25519, and these are ${message.data.length}`,
        fix: "sign with a key of spec ECC_NIST_P256, which takes any length",
      });
    // The alias as it was given, not the ARN it led to: grants may hang on kms:RequestAlias.
    const signed = await ask("sign", (client, abortSignal) =>
      client.send(
        new sdk.SignCommand(
          message.algorithm === "ed25519"
            ? { KeyId: keyId, Message: message.data, MessageType: "RAW", SigningAlgorithm: "ED25519_SHA_512" }
            : {
                KeyId: keyId,
                Message: message.digest,
                MessageType: "DIGEST",
                SigningAlgorithm: "ECDSA_SHA_256",
              },
        ),
        { abortSignal },
      ),
    );
    if (signed.KeyId !== answer.KeyId)
      throw failure("sign", {
        kind: "refused",
        detail: "the alias leads to another key than a moment ago",
        fix: "run the command again and add the new key to the trust store",
      });
    if (signed.Signature === undefined) throw failure("sign", { kind: "malformed", detail: "no signature" });
    return signed.Signature;
  }

  return createKmsSigner({ service, uri, key, sign });
}

function keyOf(answer: GetPublicKeyCommandOutput): KmsKey | KmsCause {
  if (!(answer.PublicKey instanceof Uint8Array) || answer.KeyId === undefined)
    return { kind: "malformed", detail: "no public key" };
  const read = readKmsKey({ form: "spki", der: answer.PublicKey });
  const fix = "name a key of spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519";
  if (!read.ok) return { kind: "refused", detail: read.detail, fix };
  if (answer.KeyUsage !== "SIGN_VERIFY")
    return {
      kind: "refused",
      detail: "the key is not for signing",
      fix: "name a key with usage SIGN_VERIFY",
    };
  return read.key;
}
