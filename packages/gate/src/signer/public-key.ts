import type { KeyObject } from "node:crypto";
import {
  formatSshPublicKey,
  parseSshPublicKey,
  sealKeyOf,
  SignerError,
  visible,
  type PublicKeyAlgorithm,
  type PublicSealKey,
  type SealKey,
} from "@countersign/core";

/**
 * What a person hands over so that the trust store knows a key: SubjectPublicKeyInfo in PEM, the OpenSSH line, or the
 * name of the variable that holds an HMAC secret. None of it is secret.
 */
export type PublicHalf = { form: "pem" | "openssh" | "variable"; text: string };

export function publicHalfOf(key: SealKey): PublicHalf {
  switch (key.algorithm) {
    case "hmac-sha256":
      return { form: "variable", text: key.variable };
    case "ed25519":
    case "ecdsa-p256-sha256":
      return { form: "pem", text: key.key.export({ type: "spki", format: "pem" }).toString() };
    case "sshsig-ed25519":
    case "sshsig-ecdsa-p256":
    case "sshsig-sk-ed25519":
    case "sshsig-sk-ecdsa-p256":
      return { form: "openssh", text: formatSshPublicKey(key) };
  }
}

/**
 * The key as the trust store knows it, of a key that signs by itself.
 * @throws SignerError where no seal may be made with it
 */
export function sealKeyFor(name: string, algorithm: PublicKeyAlgorithm, key: KeyObject): PublicSealKey {
  const read = sealKeyOf(algorithm, key);
  if (read.ok) return read.key;
  throw new SignerError(`${name} cannot make seals: ${read.detail}`, "make another key");
}

/**
 * The key of an OpenSSH public line.
 * @throws SignerError for keys that cannot make seals (RSA, DSA, P-384…)
 */
export function sshSealKeyFor(name: string, line: string): PublicSealKey {
  const read = parseSshPublicKey(line);
  if (read.ok) return read.key;
  throw new SignerError(
    `${name} cannot make seals: ${visible(read.detail)}`,
    "make one: ssh-keygen -t ed25519",
  );
}
