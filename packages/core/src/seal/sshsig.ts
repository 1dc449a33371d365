import { Buffer } from "node:buffer";
import { createHash, verify } from "node:crypto";
import { decodeBase64 } from "../evidence/document-text.ts";
import { sealTypes } from "./claim.ts";
import { curveOf, type PublicSealKey } from "./public-key.ts";
import { isFido, sshKeyBlob, sshTypeOf } from "./ssh-key.ts";
import { SshReader, sshString, sshUint32 } from "./ssh-wire.ts";
import type { SealKey } from "./trust-root.ts";

export type SshHash = "sha256" | "sha512";

/** The parts of an SSHSIG blob (OpenSSH PROTOCOL.sshsig), believed in nothing yet. */
export type SshSignature = {
  /** The key that the blob names, in wire form. */
  publicKey: Uint8Array;
  namespace: string;
  hash: SshHash;
  /** In wire form: algorithm and signature; of FIDO keys flags and counter too. */
  signature: Uint8Array;
};

const magic = Buffer.from("SSHSIG");
const version = 1;
/** PROTOCOL.u2f: somebody touched the key. */
const userPresent = 0x01;
const longestBlob = 4096;
const armour = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]{1,8000})-----END SSH SIGNATURE-----\n?$/;

/** Reads an SSHSIG blob; null where it is not exactly one of version 1. */
export function readSshSignature(blob: Uint8Array): SshSignature | null {
  if (blob.length > longestBlob) return null;
  const reader = new SshReader(blob);
  const isOurs = reader.take(magic.length).equals(magic) && reader.uint32() === version;
  const [publicKey, namespace, reserved] = [reader.string(), reader.name(), reader.string()];
  const [hash, signature] = [reader.name(), reader.string()];
  // The reserved field is not signed: whatever stands in it, somebody else wrote.
  if (!isOurs || !reader.isDone || reserved.length > 0) return null;
  return hash === "sha256" || hash === "sha512" ? { publicKey, namespace, hash, signature } : null;
}

/** The blob around a signature (in wire form) that an agent made over {@link sshSignedData}. */
export const formatSshSignature = ({ publicKey, namespace, hash, signature }: SshSignature): Buffer =>
  Buffer.concat([
    magic,
    sshUint32(version),
    sshString(publicKey),
    sshString(namespace),
    sshString(""),
    sshString(hash),
    sshString(signature),
  ]);

/** What an SSH key signs for a message: magic, namespace, the hash's name and the message's hash. */
export const sshSignedData = (namespace: string, hash: SshHash, message: Uint8Array): Buffer =>
  Buffer.concat([
    magic,
    sshString(namespace),
    sshString(""),
    sshString(hash),
    sshString(createHash(hash).update(message).digest()),
  ]);

/** The blob inside `-----BEGIN SSH SIGNATURE-----`, as `ssh-keygen -Y sign` prints it; null for anything else. */
export const readSshArmour = (text: string): Buffer | null =>
  decodeBase64(armour.exec(text)?.[1]?.replaceAll("\n", ""));

/** Armour as `ssh-keygen -Y verify` wants it: lines of 70 characters. */
export function sshArmour(blob: Uint8Array): string {
  const lines =
    Buffer.from(blob)
      .toString("base64")
      .match(/.{1,70}/g) ?? [];
  return ["-----BEGIN SSH SIGNATURE-----", ...lines, "-----END SSH SIGNATURE-----", ""].join("\n");
}

/** Whether the blob is a signature by this very key over the message, in the namespace of seals. */
export function verifySshSignature(key: SealKey, message: Uint8Array, blob: Uint8Array): boolean {
  if (key.algorithm === "hmac-sha256" || sshTypeOf(key.algorithm) === null) return false;
  const read = readSshSignature(blob);
  // The namespace keeps what the same key signs for git or a file from being a seal.
  if (read === null || read.namespace !== sealTypes.sshNamespace) return false;
  if (!sshKeyBlob(key).equals(read.publicKey)) return false;
  return verifyWire(key, sshSignedData(read.namespace, read.hash, message), read.signature);
}

function verifyWire(key: PublicSealKey, data: Buffer, wire: Uint8Array): boolean {
  const reader = new SshReader(wire);
  const type = reader.name();
  const signature = reader.string();
  const proof = isFido(key.algorithm) ? reader.take(5) : null;
  if (!reader.isDone || type !== sshTypeOf(key.algorithm)) return false;
  if (proof === null) return verifyRaw(key, data, signature);
  return ((proof[0] as number) & userPresent) !== 0 && verifyRaw(key, fidoData(key, proof, data), signature);
}

/** What an authenticator signs (PROTOCOL.u2f): application, flags and counter, message. */
const fidoData = (key: PublicSealKey, flagsAndCounter: Buffer, data: Buffer): Buffer =>
  Buffer.concat([sha256(key.application ?? ""), flagsAndCounter, sha256(data)]);

function verifyRaw(key: PublicSealKey, data: Buffer, signature: Buffer): boolean {
  if (curveOf(key.algorithm) === "Ed25519") return verify(null, data, key.key, signature);
  const reader = new SshReader(signature);
  const [r, s] = [reader.scalar(), reader.scalar()];
  if (!reader.isDone || r === null || s === null) return false;
  return verify("sha256", data, { key: key.key, dsaEncoding: "ieee-p1363" }, Buffer.concat([r, s]));
}

const sha256 = (bytes: Uint8Array | string): Buffer => createHash("sha256").update(bytes).digest();
