import { createHmac } from "node:crypto";
import { hmacKeyid, SignerError, visible } from "@countersign/core";
import { readPrivateFile } from "./private-file.ts";
import type { OpenedSigner, SignerChoice, SignerContext } from "./signer-context.ts";

type HmacChoice = Extract<SignerChoice, { kind: "hmac" | "hmac-file" }>;

/**
 * The secret of an HMAC signer: a variable's value as it is, or a file without the line break at its end, as `$(…)`
 * would read it. It never comes from the command line, which every process can read.
 */
export async function readHmacSecret(choice: HmacChoice, context: SignerContext): Promise<Buffer> {
  const { name, secret } = await valueOf(choice, context);
  if (hmacKeyid(secret) !== null) return secret;
  throw new SignerError(
    `the secret in ${name} has ${secret.length} bytes, which are too few`,
    "make one of 64: openssl rand -hex 32",
  );
}

async function valueOf(
  choice: HmacChoice,
  context: SignerContext,
): Promise<{ name: string; secret: Buffer }> {
  if (choice.kind === "hmac-file") {
    const bytes = await readPrivateFile(choice.path, context);
    const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? 2 : 1) : 0;
    return { name: visible(choice.path), secret: bytes.subarray(0, bytes.length - end) };
  }
  const value = context.variables[choice.variable];
  const name = visible(choice.variable);
  if (value !== undefined) return { name, secret: Buffer.from(value, "utf8") };
  throw new SignerError(
    `the variable ${name} is not set`,
    "set it to the secret; it is named here, never written here",
  );
}

/** A signer on a shared secret. Whoever can verify its seals can make them. */
export async function openHmac(choice: HmacChoice, context: SignerContext): Promise<OpenedSigner> {
  const secret = await readHmacSecret(choice, context);
  const keyid = hmacKeyid(secret) as string;
  return {
    name: visible(choice.kind === "hmac" ? choice.variable : choice.path),
    algorithm: "hmac-sha256",
    keyid: async () => keyid,
    sealKey: async () =>
      choice.kind === "hmac" ? { keyid, algorithm: "hmac-sha256", variable: choice.variable } : null,
    sign: async (pae) => {
      context.signal.throwIfAborted();
      return {
        signature: createHmac("sha256", secret).update(pae).digest(),
        material: { kind: "hmac", keyid },
      };
    },
  };
}
