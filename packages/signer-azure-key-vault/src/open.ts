import type { KeyClientOptions, KeyVaultKey } from "@azure/keyvault-keys";
import {
  callKms,
  createKmsSigner,
  derSignature,
  kmsFailure,
  kmsLimits,
  type KmsCause,
  type KmsMessage,
  type KmsOperation,
  type KmsOptions,
  type KmsSigner,
  type SignerError,
} from "@countersign/core";
import { boundAnswers } from "./bounded.ts";
import { explain } from "./explain.ts";
import { readKeyUri } from "./key-uri.ts";
import { readVaultKey } from "./vault-key.ts";

const service = "Azure Key Vault";

export type Credential = ConstructorParameters<typeof import("@azure/keyvault-keys").KeyClient>[1];

/**
 * The signer over one version of a key: the newest when it is opened, unless the URI names one.
 *
 * @param credential called once the URI is known to be good
 * @param clientOptions over ours; tests need them
 */
export async function openWithCredential(
  uri: string,
  options: KmsOptions,
  credential: () => Promise<Credential>,
  clientOptions: KeyClientOptions = {},
): Promise<KmsSigner> {
  const target = readKeyUri(uri);
  const sdk = await import("@azure/keyvault-keys");
  const who = await credential();

  const optionsOf = (operation: KmsOperation): KeyClientOptions => ({
    retryOptions: {
      maxRetries: kmsLimits.attempts - 1,
      retryDelayInMs: kmsLimits.pauseMs,
      maxRetryDelayInMs: 2000,
    },
    // A token is never sent on to where an answer points.
    redirectOptions: { maxRetries: 0 },
    additionalPolicies: [boundAnswers({ service, key: uri, operation })],
    ...clientOptions,
  });

  const ask = <T>(operation: KmsOperation, run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limit = AbortSignal.timeout(options.timeoutMs ?? kmsLimits.timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    return callKms(
      {
        service,
        key: uri,
        operation,
        signal,
        cancelled: options.signal,
        explain: (error) => explain(error, operation),
      },
      () => run(signal),
    );
  };

  const failure = (operation: KmsOperation, cause: KmsCause): SignerError =>
    kmsFailure({ service, key: uri, operation }, cause);

  const found: KeyVaultKey = await ask("read", (abortSignal) =>
    new sdk.KeyClient(target.vault, who, optionsOf("read")).getKey(target.name, {
      ...(target.version === null ? {} : { version: target.version }),
      abortSignal,
    }),
  );
  const key = readVaultKey(found, target);
  if ("kind" in key) throw failure("read", key);

  async function sign(message: KmsMessage): Promise<Uint8Array> {
    if (message.algorithm !== "ecdsa-p256-sha256") throw new TypeError("Key Vault has no Ed25519");
    const { result } = await ask("sign", (abortSignal) =>
      new sdk.CryptographyClient(found, who, optionsOf("sign")).sign("ES256", message.digest, {
        abortSignal,
      }),
    );
    const signature = result instanceof Uint8Array ? derSignature(result) : null;
    if (signature === null) throw failure("sign", { kind: "malformed", detail: "no signature of 64 bytes" });
    return signature;
  }

  return createKmsSigner({ service, uri, key, sign });
}
