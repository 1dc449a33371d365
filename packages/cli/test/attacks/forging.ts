import { createHash, createPrivateKey, sign, type KeyObject } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pae } from "@countersign/core";
import { keyOf } from "../sealing.ts";
import type { Scene } from "../scene.ts";

type Claim = Record<string, unknown> & { signer: { id: string; keyid: string; algorithm: string } };
export type Statement = {
  subject: { name: string; digest: { sha256: string } }[];
  predicateType: string;
  predicate: Claim & Record<string, unknown>;
} & Record<string, unknown>;
export type Envelope = {
  payload: string;
  payloadType: string;
  signatures: { keyid?: string; sig: string }[];
};
export type Bundle = {
  mediaType: string;
  verificationMaterial?: { publicKey?: { hint: string } };
  dsseEnvelope: Envelope;
};

export const extension = "https://countersign.dev/lockfile/v1";

export const readSeal = (scene: Scene, path: string): Bundle =>
  JSON.parse(readFileSync(join(scene.directory, path), "utf8")) as Bundle;
export const payloadOf = (bundle: Bundle): string =>
  Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8");
export const statementOf = (bundle: Bundle): Statement => JSON.parse(payloadOf(bundle)) as Statement;

/** The claim of a statement, wherever its predicate has it. */
export const claimIn = (statement: Statement): Claim =>
  (statement.predicate[extension] ?? statement.predicate) as Claim;

export const secretKey = (scene: Scene, name: string): KeyObject =>
  createPrivateKey(readFileSync(keyOf(scene, name)));

/** Id under which the newest version of the trust store knows a signer's key. */
export function keyidIn(scene: Scene, id: string): string {
  const folder = join(scene.directory, ".countersign/trust");
  const newest = Math.max(...readdirSync(folder).map((name) => Number.parseInt(name, 10)));
  const { signed } = JSON.parse(readFileSync(join(folder, `${newest}.root.json`), "utf8")) as {
    signed: { signers: { id: string; keyids: string[] }[] };
  };
  const [keyid] = signed.signers.find((signer) => signer.id === id)?.keyids ?? [];
  if (keyid === undefined) throw new Error(`nobody is called ${id}`);
  return keyid;
}

export type Forgery = {
  /** Whose private key signs. */
  key: KeyObject;
  /** What the envelope says about the key. */
  keyid: string;
  payload: string;
  payloadType?: string;
  mediaType?: string;
  /** Text of the whole file, from the text that would be right. */
  text?: (text: string) => string;
};

export const sigstoreBundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
const statementType = "application/vnd.in-toto+json";

/** Writes a seal beside another one, under the name that its payload demands. Returns its path. */
export function forge(scene: Scene, beside: string, forgery: Forgery): string {
  const { key, keyid, payload, payloadType = statementType, mediaType = sigstoreBundle } = forgery;
  const bytes = Buffer.from(payload);
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const sig = sign(hash, pae(payloadType, bytes), key).toString("base64");
  const hinted = mediaType === sigstoreBundle;
  const bundle: Bundle = {
    mediaType,
    ...(hinted ? { verificationMaterial: { publicKey: { hint: keyid } } } : {}),
    dsseEnvelope: {
      payload: bytes.toString("base64"),
      payloadType,
      signatures: [hinted ? { sig } : { keyid, sig }],
    },
  };
  const text = `${JSON.stringify(bundle, null, 2)}\n`;
  return writeSeal(scene, dirname(beside), bytes, forgery.text?.(text) ?? text);
}

/** Signs what another seal says, changed, with the key of somebody whom the trust store may know. */
export function reseal(
  scene: Scene,
  seal: string,
  name: string,
  change: (statement: Statement, claim: Claim) => void,
  folder = dirname(seal),
): string {
  const statement = statementOf(readSeal(scene, seal));
  const claim = claimIn(statement);
  change(statement, claim);
  const payload = JSON.stringify(statement);
  return forge(scene, join(folder, "x"), {
    key: secretKey(scene, name),
    keyid: claim.signer.keyid,
    payload,
  });
}

/** Replaces a seal by another text with the same payload. */
export function rewrite(scene: Scene, path: string, change: (bundle: Bundle) => void): void {
  const bundle = readSeal(scene, path);
  change(bundle);
  writeFileSync(join(scene.directory, path), `${JSON.stringify(bundle, null, 2)}\n`);
}

export function writeSeal(scene: Scene, folder: string, payload: Uint8Array, text: string): string {
  const name = `${createHash("sha256").update(payload).digest("hex")}.json`;
  mkdirSync(join(scene.directory, folder), { recursive: true });
  writeFileSync(join(scene.directory, folder, name), text);
  return `${folder}/${name}`;
}

export const removeSeal = (scene: Scene, path: string): void => rmSync(join(scene.directory, path));

/** Name of the folder with the seals of these bytes. */
export const sealFolder = (bytes: string | Uint8Array): string =>
  `.countersign/seals/${createHash("sha256").update(bytes).digest("hex")}`;
