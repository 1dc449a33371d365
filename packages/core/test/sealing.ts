import { createHash, createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { digestFromHex, type Digest } from "../src/digest.ts";
import type { Instant } from "../src/instant.ts";
import type { LockfileClaim, SealKind, SealSubject } from "../src/seal/claim.ts";
import { sealTypes } from "../src/seal/claim.ts";
import { pae } from "../src/seal/dsse.ts";
import { formatSealDocument } from "../src/seal/seal-document.ts";
import { hmacSealKey, sealKeyOf } from "../src/seal/seal-key.ts";
import type { SealTrust } from "../src/seal/seal-signature.ts";
import { encodeSealStatement } from "../src/seal/statement.ts";
import type { SealKey, SealSigner, TrustRoot } from "../src/seal/trust-root.ts";
import type { SealContext } from "../src/seal/verify-seal.ts";
import { now } from "./decision.ts";

export const sha256 = (text: string | Uint8Array): Digest =>
  digestFromHex("sha256", createHash("sha256").update(text).digest("hex")) as Digest;

export const minute = 60_000;
export const day = 86_400_000;
/** Claims carry whole seconds. */
export const issued: Instant = now - 60 * minute;

/** A signer with a key pair of its own. */
export type TestSigner = { id: string; key: SealKey; privateKey: KeyObject };

export function newSigner(id: string, kind: "ed25519" | "p256" = "ed25519"): TestSigner {
  const pair =
    kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = sealKeyOf(kind === "ed25519" ? "ed25519" : "ecdsa-p256-sha256", pair.publicKey);
  if (!key.ok) throw new Error(key.detail);
  return { id, key: key.key, privateKey: pair.privateKey };
}

export const alice = newSigner("alice");
export const bob = newSigner("bob", "p256");
export const robot = newSigner("release-bot");

export const signerOf = (
  id: string,
  keys: readonly SealKey[],
  change: Partial<SealSigner> = {},
): SealSigner => ({
  id,
  keys,
  identities: [],
  predicates: ["approval", "summary"],
  paths: ["**"],
  refs: [],
  validFrom: null,
  validTo: null,
  verifierId: null,
  ...change,
});

export const rootOf = (signers: readonly SealSigner[], change: Partial<TrustRoot> = {}): TrustRoot => ({
  version: 1,
  expires: now + 300 * day,
  digest: sha256("root"),
  repository: "https://forge.example/acme/app",
  signers,
  revoked: [],
  notBefore: new Map(),
  root: { keyids: [], threshold: 1 },
  ...change,
});

export const everybody: TrustRoot = rootOf([alice, bob, robot].map(({ id, key }) => signerOf(id, [key])));

export const trustOf = (
  root: TrustRoot = everybody,
  secrets: SealTrust["secrets"] = new Map(),
): SealTrust => ({
  root,
  secrets,
  bundles: null,
});

export const lockfile = '{ "lockfileVersion": 3 }\n';
export const subject: SealSubject = { path: "app/package-lock.json", digest: sha256(lockfile) };
export const closure: SealContext["closure"] = () => [
  { name: "app/.npmrc", digest: sha256("registry") },
  { name: "app/package.json", digest: sha256("{}") },
];

export const contextOf = (change: Partial<SealContext> = {}): SealContext => ({
  subject,
  closure,
  repository: "https://forge.example/acme/app",
  ref: "refs/heads/main",
  policy: sha256("policy"),
  now,
  ...change,
});

export const claimOf = (signer: TestSigner, change: Partial<LockfileClaim> = {}): LockfileClaim => ({
  format: "package-lock",
  formatVersion: "3",
  packages: 3,
  setDigest: sha256("set"),
  resources: closure?.([]) ?? [],
  signer: { id: signer.id, keyid: signer.key.keyid, algorithm: signer.key.algorithm },
  issuedAt: issued,
  expires: null,
  repository: "https://forge.example/acme/app",
  ref: "refs/heads/main",
  baseCommit: "c".repeat(40),
  policy: sha256("policy"),
  trust: sha256("root"),
  evidence: sha256("evidence"),
  levels: { unlocked: 0, locked: 1, signed: 1, provenance: 1 },
  tool: { name: "countersign", version: "0.0.0" },
  ...change,
});

export type SealFile = { file: string; bytes: Buffer; payload: Buffer };

/** A seal as anybody with that key makes it, over whatever payload and type. */
export function sealOver(signer: TestSigner, payload: Buffer, type: string = sealTypes.payload): SealFile {
  const hash = signer.key.algorithm === "ed25519" ? null : "sha256";
  const signature = sign(hash, pae(type, payload), { key: signer.privateKey, dsaEncoding: "der" });
  const text = formatSealDocument(type, payload, {
    signature,
    material: { kind: "key", keyid: signer.key.keyid },
  });
  return fileOf(payload, text);
}

export const fileOf = (payload: Uint8Array, text: string): SealFile => ({
  file: `.countersign/seals/${subject.digest.hex}/${createHash("sha256").update(payload).digest("hex")}.json`,
  bytes: Buffer.from(text),
  payload: Buffer.from(payload),
});

export const verifier = "https://ci.acme.example/countersign";

export const sealOf = (
  signer: TestSigner,
  kind: SealKind = "approval",
  change: Partial<LockfileClaim> = {},
  about: SealSubject = subject,
): SealFile => {
  const expires = kind === "summary" ? now + 10 * day : null;
  const claim = claimOf(signer, { expires, ...change });
  return sealOver(signer, encodeSealStatement({ kind, subject: about, claim }, verifier));
};

/** A seal by a shared secret. */
export function hmacSeal(id: string, variable: string, secret: Buffer): { key: SealKey; seal: SealFile } {
  const key = hmacSealKey(variable, secret);
  if (!key.ok) throw new Error(key.detail);
  const stand = { id, key: key.key } as TestSigner;
  const payload = encodeSealStatement({ kind: "approval", subject, claim: claimOf(stand) }, verifier);
  const signature = createHmac("sha256", secret).update(pae(sealTypes.payload, payload)).digest();
  const text = formatSealDocument(sealTypes.payload, payload, {
    signature,
    material: { kind: "hmac", keyid: key.key.keyid },
  });
  return { key: key.key, seal: fileOf(payload, text) };
}
