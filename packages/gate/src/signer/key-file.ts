import { createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import { SignerError, visible } from "@countersign/core";
import { passphraseOf } from "./passphrase.ts";
import { readPrivateFile, wordOf } from "./private-file.ts";
import { sealKeyFor } from "./public-key.ts";
import type { OpenedSigner, SignerContext } from "./signer-context.ts";

/** A private key that a seal can be made with, and how. */
type PrivateKey = {
  key: KeyObject;
  algorithm: "ed25519" | "ecdsa-p256-sha256";
  /** For node:crypto; Ed25519 hashes by itself. */
  hash: "sha256" | null;
};

const makeOne = "make one: openssl genpkey -algorithm ed25519 -out seal.pem && chmod 600 seal.pem";

/**
 * A signer on a private key in PEM: PKCS#8 (encrypted or not), or SEC1 for P-256. The key is opened at once, so that
 * a wrong passphrase shows before anything else is done.
 */
export async function openKeyFile(path: string, context: SignerContext): Promise<OpenedSigner> {
  const name = visible(path);
  // What is no private key may be open to everybody.
  const refuse = (bytes: Buffer): void => refuseOther(path, bytes.toString("latin1"));
  const pem = (await readPrivateFile(path, context, refuse)).toString("latin1");
  const { key, algorithm, hash } = kindOf(await decode(pem, name, context), name);
  const sealKey = sealKeyFor(name, algorithm, createPublicKey(key));
  return {
    name,
    algorithm,
    keyid: async () => sealKey.keyid,
    sealKey: async () => sealKey,
    sign: async (pae) => {
      context.signal.throwIfAborted();
      return { signature: sign(hash, pae, key), material: { kind: "key", keyid: sealKey.keyid } };
    },
  };
}

function refuseOther(path: string, text: string): void {
  if (/-----BEGIN OPENSSH PRIVATE KEY-----/.test(text))
    throw new SignerError(`${visible(path)} is an OpenSSH key`, `use --ssh ${wordOf(path)}`);
  if (!/-----BEGIN (?:EC |ENCRYPTED |RSA |DSA )?PRIVATE KEY-----/.test(text))
    throw new SignerError(
      `${visible(path)} holds no private key in PEM`,
      `name the private key, or ${makeOne}`,
    );
}

async function decode(pem: string, name: string, context: SignerContext): Promise<KeyObject> {
  // PKCS#8 says it in the label, SEC1 in a header (RFC 1421).
  const encrypted = /-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem);
  const passphrase = encrypted ? await passphraseOf(name, context) : undefined;
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    throw encrypted
      ? new SignerError(`the passphrase does not open ${name}`, "try again")
      : new SignerError(`${name} is damaged: it cannot be decoded`, makeOne);
  }
}

function kindOf(key: KeyObject, name: string): PrivateKey {
  if (key.asymmetricKeyType === "ed25519") return { key, algorithm: "ed25519", hash: null };
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1")
    return { key, algorithm: "ecdsa-p256-sha256", hash: "sha256" };
  const what = curve ?? key.asymmetricKeyType ?? "unknown";
  throw new SignerError(`${name} is a key of kind ${what}: seals take Ed25519 and P-256`, makeOne);
}
