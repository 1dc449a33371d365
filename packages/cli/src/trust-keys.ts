import { createPublicKey, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import {
  hmacSealKey,
  parseSshPublicKey,
  sealKeyOf,
  shellWord,
  SignerError,
  type SealKey,
  type SealKeyResult,
} from "@countersign/core";
import { openSigner, type OpenedSigner } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { readNamed } from "./files.ts";
import type { Host } from "./host.ts";
import { signerContextOf } from "./signer-context.ts";

const keyBytes = 64 * 1024;

/** A public key: SubjectPublicKeyInfo in PEM or the line of an OpenSSH `.pub` file, from a file or as it stands. */
export async function readPublicKey(host: Host, source: string): Promise<SealKey> {
  if (/^(?:sk-)?(?:ssh|ecdsa)-\S+ \S/.test(source)) return taken(source, parseSshPublicKey(source));
  const text = (await readNamed(host, source, keyBytes)).toString("latin1");
  if (/PRIVATE KEY-----/.test(text))
    throw new CommandError(
      `${source} is a private key, and a trust store holds public ones`,
      isOpenSsh(text)
        ? `ssh-keygen -y -f ${shellWord(source)} > signer.pub`
        : `openssl pkey -in ${shellWord(source)} -pubout -out public.pem`,
    );
  return taken(source, text.startsWith("-----") ? pemKey(text) : parseSshPublicKey(text));
}

/** The public half of a root key, whose private half may be in the file: then it can sign. */
export type RootKey = { path: string; key: SealKey; signer: OpenedSigner | null };

/** Root keys, one after the other: each that is encrypted asks for its passphrase. */
export async function readRootKeys(
  host: Host,
  paths: readonly string[],
  passphraseFd: string | undefined,
): Promise<RootKey[]> {
  const keys: RootKey[] = [];
  for (const path of paths) {
    const read = await readRootKey(host, path, passphraseFd);
    const twin = keys.find(({ key }) => key.keyid === read.key.keyid);
    if (twin !== undefined)
      throw new CommandError(`${twin.path} and ${path} are the same root key`, "name each root key once");
    keys.push(read);
  }
  return keys;
}

async function readRootKey(host: Host, path: string, passphraseFd: string | undefined): Promise<RootKey> {
  const text = (await readNamed(host, path, keyBytes)).toString("latin1");
  if (!/PRIVATE KEY-----/.test(text))
    return { path, key: rootKind(path, await readPublicKey(host, path)), signer: null };
  const signer = await openRootKey(host, path, passphraseFd);
  const key = await signer.sealKey();
  if (key === null) throw new CommandError(`${path} is no root key`, makeOne);
  return { path, key: rootKind(path, key), signer };
}

/** Signers on private root keys, one after the other: each that is encrypted asks for its passphrase. */
export async function openRootKeys(
  host: Host,
  paths: readonly string[],
  passphraseFd: string | undefined,
): Promise<OpenedSigner[]> {
  const signers: OpenedSigner[] = [];
  for (const path of paths) signers.push(await openRootKey(host, path, passphraseFd));
  return signers;
}

async function openRootKey(
  host: Host,
  path: string,
  passphraseFd: string | undefined,
): Promise<OpenedSigner> {
  if (isOpenSsh((await readNamed(host, path, keyBytes)).toString("latin1")))
    throw new CommandError(`${path} is an OpenSSH key; ${rootsAre}`, makeOne);
  try {
    return await openSigner(
      { kind: "key", path: resolve(host.directory, path) },
      signerContextOf(host, passphraseFd),
    );
  } catch (error) {
    if (error instanceof SignerError) throw new CommandError(error.why, error.fix);
    throw error;
  }
}

/** An HMAC secret that stands in a variable; only its id is kept. */
export function readHmacKey({ variables }: Host, variable: string): SealKey {
  const secret = variables[variable];
  if (secret === undefined)
    throw new CommandError(
      `the variable ${variable} is not set`,
      `set ${variable} to the secret, and run it again`,
    );
  return taken(variable, hmacSealKey(variable, Buffer.from(secret)));
}

const rootsAre = "roots are signed with Ed25519 or P-256 keys in PEM";
const makeOne = "make one: openssl genpkey -algorithm ed25519 -out root.pem && chmod 600 root.pem";

function rootKind(path: string, key: SealKey): SealKey {
  if (key.algorithm === "ed25519" || key.algorithm === "ecdsa-p256-sha256") return key;
  throw new CommandError(`${path} is for ${key.algorithm}; ${rootsAre}`, makeOne);
}

const isOpenSsh = (text: string): boolean => text.includes("-----BEGIN OPENSSH PRIVATE KEY-----");

function pemKey(text: string): SealKeyResult {
  let key: KeyObject;
  try {
    key = createPublicKey(text);
  } catch {
    return { ok: false, detail: "it is no public key in PEM" };
  }
  return sealKeyOf(key.asymmetricKeyType === "ed25519" ? "ed25519" : "ecdsa-p256-sha256", key);
}

function taken(source: string, read: SealKeyResult): SealKey {
  if (read.ok) return read.key;
  throw new CommandError(
    `${source} is no key for seals: ${read.detail}`,
    "name an Ed25519 or P-256 public key",
  );
}
