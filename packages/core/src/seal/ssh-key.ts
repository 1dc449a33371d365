import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { decodeBase64, quote } from "../evidence/document-text.ts";
import {
  curveOf,
  pointOf,
  publicKeyOf,
  type PublicKeyAlgorithm,
  type PublicSealKey,
  type SealKeyResult,
} from "./public-key.ts";
import { SshReader, sshString } from "./ssh-wire.ts";

/** OpenSSH's names of the key types that make seals (RFC 8709, RFC 5656, PROTOCOL.u2f); RSA and DSA are none. */
const sshTypes: ReadonlyMap<string, PublicKeyAlgorithm> = new Map([
  ["ssh-ed25519", "sshsig-ed25519"],
  ["ecdsa-sha2-nistp256", "sshsig-ecdsa-p256"],
  ["sk-ssh-ed25519@openssh.com", "sshsig-sk-ed25519"],
  ["sk-ecdsa-sha2-nistp256@openssh.com", "sshsig-sk-ecdsa-p256"],
]);
/** Key types that OpenSSH has besides; only these are named, since any other text may be a secret. */
const otherTypes = /^(?:sk-)?(?:ssh|ecdsa-sha2)-(?:rsa|dss|ed25519|nistp\d{3})(?:-cert-v01@openssh\.com)?$/;
const longestBlob = 1024;

/** The name of an algorithm's key type, which is that of its signatures too; null of keys that are not SSH's. */
export const sshTypeOf = (algorithm: PublicSealKey["algorithm"]): string | null =>
  [...sshTypes].find(([, known]) => known === algorithm)?.[0] ?? null;

export const isFido = (algorithm: PublicSealKey["algorithm"]): boolean =>
  algorithm === "sshsig-sk-ed25519" || algorithm === "sshsig-sk-ecdsa-p256";

/** Reads a public key in OpenSSH's wire form: what an agent lists and what an SSHSIG blob names. */
export function readSshKey(blob: Uint8Array): SealKeyResult<PublicSealKey> {
  if (blob.length > longestBlob) return { ok: false, detail: "the SSH key is too long" };
  const reader = new SshReader(blob);
  const type = reader.name();
  const algorithm = sshTypes.get(type);
  if (algorithm === undefined)
    return {
      ok: false,
      detail: otherTypes.test(type)
        ? `SSH keys of type ${quote(type)} make no seals: use ed25519 or ecdsa nistp256`
        : "it is no SSH key",
    };
  const curve = curveOf(algorithm);
  if (curve === "P-256" && reader.name() !== "nistp256")
    return { ok: false, detail: "the SSH key is on another curve than nistp256" };
  const point = reader.string();
  const application = isFido(algorithm) ? reader.name() : null;
  if (!reader.isDone) return { ok: false, detail: "the SSH key is cut off, or something follows it" };
  // OpenSSH marks its own FIDO keys so; another application's key signs whatever a website asks for.
  if (application !== null && !application.startsWith("ssh:"))
    return { ok: false, detail: `the FIDO key is for ${quote(application)}, not for ssh:` };
  const key = publicKeyOf(curve, point);
  return typeof key === "string"
    ? { ok: false, detail: key }
    : { ok: true, key: { keyid: sshFingerprint(blob), algorithm, key, application } };
}

/**
 * Reads the line of an `id_*.pub` file: type, key, and a comment that is not kept. Nothing of another text is repeated:
 * whoever names the wrong file may have named a secret.
 */
export function parseSshPublicKey(line: string): SealKeyResult<PublicSealKey> {
  const [type = "", base64 = ""] = line.length > 4 * longestBlob ? [] : line.trim().split(/[ \t]+/, 2);
  const blob = decodeBase64(base64);
  if (blob === null) return { ok: false, detail: "it is not the line of an OpenSSH public key" };
  const read = readSshKey(blob);
  return read.ok && sshTypeOf(read.key.algorithm) !== type
    ? { ok: false, detail: "the line names another type than its key has" }
    : read;
}

/** `ssh-ed25519 AAAA…`, without a comment. */
export const formatSshPublicKey = (key: PublicSealKey): string =>
  `${sshTypeOf(key.algorithm) ?? ""} ${sshKeyBlob(key).toString("base64")}`;

/** The key in OpenSSH's wire form. */
export function sshKeyBlob(key: PublicSealKey): Buffer {
  const curve = curveOf(key.algorithm);
  return Buffer.concat([
    sshString(sshTypeOf(key.algorithm) ?? ""),
    ...(curve === "P-256" ? [sshString("nistp256")] : []),
    sshString(pointOf(curve, key.key) ?? ""),
    ...(key.application === null ? [] : [sshString(key.application)]),
  ]);
}

/** `SHA256:…` as `ssh-keygen -l` prints it. */
export const sshFingerprint = (blob: Uint8Array): string =>
  `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
