import { sealTypes, SignerError } from "@countersign/core";
import { identityToken } from "./identity-token.ts";
import { createKeylessBundle } from "./keyless-bundle.ts";
import type { KeylessChoice, OpenedSigner, SignerContext } from "./signer-context.ts";
import { servicesOf } from "./signing-config.ts";

/** A signer without a key of its own: a Sigstore instance certifies an identity for one signature at a time. */
export async function openKeyless(choice: KeylessChoice, context: SignerContext): Promise<OpenedSigner> {
  const services = await servicesOf(choice, context);
  return {
    name: "keyless",
    algorithm: "sigstore-keyless",
    keyid: async () => "",
    sealKey: async () => null,
    sign: async (_pae, { type, bytes }) => {
      context.signal.throwIfAborted();
      if (type !== sealTypes.payload)
        throw new SignerError(`keyless signatures are over ${sealTypes.payload}`, "sign with a key");
      // A token is good for minutes and for one use: it is fetched when it is needed.
      const token = await identityToken(choice, services.issuer, context);
      const bundle = await createKeylessBundle(
        { kind: "dsse", type, bytes },
        token,
        services,
        context.signal,
      );
      return { signature: signatureOf(bundle), material: { kind: "sigstore", bundle } };
    },
  };
}

function signatureOf(bundle: Record<string, unknown>): Buffer {
  const { signatures } = bundle["dsseEnvelope"] as { signatures: readonly { sig: string }[] };
  return Buffer.from(signatures[0]?.sig ?? "", "base64");
}
