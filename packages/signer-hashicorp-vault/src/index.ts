import {
  callKms,
  createKmsSigner,
  kmsFailure,
  kmsLimits,
  SignerError,
  type KmsCause,
  type KmsMessage,
  type KmsOperation,
  type KmsOptions,
  type KmsSigner,
} from "@countersign/core";
import { readSettings } from "./settings.ts";
import { readTransitKey } from "./transit-key.ts";
import { askTransit, member, TransitError } from "./transit.ts";

const service = "Vault";

/** As Vault has it: letters, digits and `_`, with `-` and `.` inside. */
const uriPattern = /^hashivault:\/\/(\w(?:[\w.-]{0,254}\w)?)$/;

/**
 * Opens a signer over a key of the transit engine of a HashiCorp Vault or OpenBao and reads its public key. The newest
 * version of the key signs, by its number, for as long as the signer lives.
 *
 * Address, token, namespace, authorities and mount come from VAULT_ADDR, VAULT_TOKEN (or `~/.vault-token`),
 * VAULT_NAMESPACE, VAULT_CACERT and TRANSIT_SECRET_ENGINE_PATH.
 *
 * @param uri `hashivault://KEY`
 * @throws SignerError
 */
export async function openKmsSigner(uri: string, options: KmsOptions): Promise<KmsSigner> {
  const name = uriPattern.exec(uri)?.[1];
  if (name === undefined)
    throw new SignerError("this is not the URI of a key in Vault", "write hashivault://KEY");
  const settings = await readSettings(options.variables ?? process.env);
  const { EnvHttpProxyAgent } = await import("undici");

  async function ask(
    operation: KmsOperation,
    body: Readonly<Record<string, unknown>> | null,
  ): Promise<Readonly<Record<string, unknown>>> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? kmsLimits.timeoutMs);
    const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
    const tls = settings.authorities === null ? {} : { ca: settings.authorities };
    const agent = new EnvHttpProxyAgent({ connect: tls, requestTls: tls });
    try {
      return await callKms({ service, key: uri, operation, signal, cancelled: options.signal, explain }, () =>
        askTransit(agent, settings, { operation, key: name ?? "", body }, signal),
      );
    } finally {
      await agent.destroy();
    }
  }

  const failure = (operation: KmsOperation, cause: KmsCause): SignerError =>
    kmsFailure({ service, key: uri, operation }, cause);

  const found = readTransitKey(await ask("read", null));
  if ("kind" in found) throw failure("read", found);
  const { key, version } = found;

  async function sign(message: KmsMessage): Promise<Uint8Array> {
    const data = await ask("sign", { ...inputOf(message), key_version: version });
    const signature = signatureOf(member(data, "signature"), version);
    if ("kind" in signature) throw failure("sign", signature);
    return signature;
  }

  return createKmsSigner({ service, uri, key, sign });
}

const inputOf = (message: KmsMessage): Readonly<Record<string, unknown>> =>
  message.algorithm === "ed25519"
    ? { input: Buffer.from(message.data).toString("base64") }
    : {
        input: message.digest.toString("base64"),
        prehashed: true,
        hash_algorithm: "sha2-256",
        marshaling_algorithm: "asn1",
      };

/** `vault:vN:BASE64`, of the version that was asked for. */
function signatureOf(value: unknown, version: number): Buffer | KmsCause {
  const parts = typeof value === "string" ? /^vault:v(\d{1,9}):([\w+/]+={0,2})$/.exec(value) : null;
  if (parts === null) return { kind: "malformed", detail: "no signature" };
  if (Number(parts[1]) !== version)
    return {
      kind: "refused",
      detail: `version ${parts[1]} of the key signed, and version ${version} was asked for`,
      fix: "run the command again and add the new key to the trust store",
    };
  return Buffer.from(parts[2] ?? "", "base64");
}

function explain(error: unknown): KmsCause {
  if (error instanceof TransitError) return error.answer;
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause) ?? "no answer";
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return {
      kind: "refused",
      detail: `the certificate of the vault is not trusted (${code})`,
      fix: "set VAULT_CACERT to the file of its authority",
    };
  return { kind: "unavailable", detail: code };
}

function codeOf(error: unknown): string | null {
  const code = error instanceof Error ? (error as { code?: unknown }).code : null;
  return typeof code === "string" ? code : null;
}
