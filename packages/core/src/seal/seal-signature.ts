import { createHmac, timingSafeEqual, verify } from "node:crypto";
import type { Code } from "../codes.ts";
import { quote } from "../evidence/document-text.ts";
import type { Instant } from "../instant.ts";
import { matchSegments } from "../policy/glob.ts";
import type { BundleVerifier } from "../verify/bundle.ts";
import { identityOf, type Identity } from "../verify/identity.ts";
import type { SealAlgorithm } from "./claim.ts";
import { pae } from "./dsse.ts";
import type { SealDocument } from "./seal-document.ts";
import { hmacKeyid, shortSecret } from "./seal-key.ts";
import { verifySshSignature } from "./sshsig.ts";
import type { KeylessIdentity, SealKey, SealSigner, TrustRoot } from "./trust-root.ts";

/** What a seal's signature is checked with. */
export type SealTrust = {
  root: TrustRoot;
  /** HMAC secrets by the variable that the trust store names. */
  secrets: ReadonlyMap<string, Uint8Array>;
  /** null: no sigstore root at hand, so that keyless seals count for nothing. */
  bundles: BundleVerifier | null;
};

/** A signature that is one of the trust store's signers'. */
export type VerifiedSignature = {
  ok: true;
  signer: SealSigner;
  /** "" for keyless signers. */
  keyid: string;
  /** The trust store's word, never the envelope's. */
  algorithm: SealAlgorithm;
  /** Whatever log or timestamp authority verified, of which plain keys have none. */
  trustedTime: { at: Instant; source: "log" | "tsa" } | null;
};
export type SealSignatureResult = VerifiedSignature | Refusal;
type Refusal = { ok: false; code: Code; detail: string };

/** What each kind of envelope may carry: a key of another algorithm is never tried on it. */
const algorithmsOf: Readonly<Record<SealDocument["kind"], ReadonlySet<SealAlgorithm>>> = {
  "sigstore-key": new Set(["ed25519", "ecdsa-p256-sha256"]),
  "sigstore-certificate": new Set(["sigstore-keyless"]),
  ssh: new Set(["sshsig-ed25519", "sshsig-ecdsa-p256", "sshsig-sk-ed25519", "sshsig-sk-ecdsa-p256"]),
  hmac: new Set(["hmac-sha256"]),
};

/**
 * Whether a seal's signature is one of the trust store's signers', over the payload's bytes and type (DSSE v1).
 * Nothing of the payload is read. The envelope's key id only chooses the key to try. The first signer of the trust
 * store that has the key, or an identity that covers the certificate, is the one.
 *
 * ECDSA signatures are malleable: of `(r, s)` anyone makes `(r, n - s)`, which verifies too. Both are by the same
 * signer, and it is signers that are counted, so nothing is won by it.
 */
export function verifySealSignature(document: SealDocument, trust: SealTrust): SealSignatureResult {
  if (document.kind === "sigstore-certificate") return verifyKeyless(document, trust);
  const holder = trust.root.signers
    .flatMap((signer) => signer.keys.map((key) => ({ signer, key })))
    .find(({ key }) => key.keyid === document.keyid);
  if (holder === undefined)
    return refuse("seal/key-unknown", `no signer of the trust store has the key ${quote(document.keyid)}`);
  const { signer, key } = holder;
  if (!algorithmsOf[document.kind].has(key.algorithm))
    return refuse("seal/signature-invalid", `the key of ${signer.id} makes ${key.algorithm} signatures only`);
  const problem = signatureProblem(key, document, trust.secrets);
  if (problem !== null) return problem;
  const { keyid, algorithm } = key;
  return { ok: true, signer, keyid, algorithm, trustedTime: timeOf(document, key, trust.bundles) };
}

function signatureProblem(
  key: SealKey,
  document: SealDocument,
  secrets: SealTrust["secrets"],
): Refusal | null {
  const message = pae(document.payloadType, document.payload);
  if (key.algorithm === "hmac-sha256") return hmacProblem(key, message, document.signature, secrets);
  const holds = isPlain(key)
    ? verify(hashOf(key), message, { key: key.key, dsaEncoding: "der" }, document.signature)
    : verifySshSignature(key, message, document.signature);
  return holds ? null : refuse("seal/signature-invalid", `not a signature by the key ${quote(key.keyid)}`);
}

const isPlain = ({ algorithm }: SealKey): boolean => algorithmsOf["sigstore-key"].has(algorithm);
const hashOf = ({ algorithm }: SealKey): "sha256" | null => (algorithm === "ed25519" ? null : "sha256");

function hmacProblem(
  { variable, keyid }: Extract<SealKey, { algorithm: "hmac-sha256" }>,
  message: Uint8Array,
  signature: Uint8Array,
  secrets: SealTrust["secrets"],
): Refusal | null {
  const secret = secrets.get(variable);
  if (secret === undefined) return refuse("seal/key-unknown", `there is no secret in ${variable}`);
  const found = hmacKeyid(secret);
  if (found === null) return refuse("seal/key-unknown", `${variable}: ${shortSecret(secret)}`);
  if (found !== keyid) return refuse("seal/key-unknown", `${variable} holds another secret than this seal's`);
  const expected = createHmac("sha256", secret).update(message).digest();
  return signature.length === expected.length && timingSafeEqual(signature, expected)
    ? null
    : refuse("seal/signature-invalid", `not an HMAC with the secret in ${variable}`);
}

/** A keyed bundle needs neither log nor time; what it carries of them counts where it verifies. */
function timeOf(
  { kind, bundle }: SealDocument,
  key: SealKey,
  bundles: BundleVerifier | null,
): VerifiedSignature["trustedTime"] {
  if (bundles === null || kind !== "sigstore-key" || key.algorithm === "hmac-sha256") return null;
  const known = { keyid: key.keyid, usage: "npm:attestations", key: key.key } as const;
  const result = bundles.verify(bundle, { keys: [{ ...known, validFrom: 0, validTo: null }], digests: [] });
  return result.ok ? result.value.time : null;
}

function verifyKeyless(document: SealDocument, { root, bundles }: SealTrust): SealSignatureResult {
  if (bundles === null)
    return refuse(
      "seal/key-unknown",
      "it is signed without a key, and there is no sigstore root to check it with",
    );
  const result = bundles.verify(document.bundle, { keys: [], digests: [] });
  if (!result.ok) return refuse("seal/signature-invalid", `${result.code}: ${result.detail}`);
  const { content, signer: certified, time } = result.value;
  if (certified.kind !== "certificate" || content.kind !== "dsse" || !isOf(document, content))
    return refuse("seal/signature-invalid", "its certificate signs something else");
  const identity = identityOf(certified.certificate);
  const signer = root.signers.find(({ identities }) => identities.some((known) => covers(known, identity)));
  if (signer === undefined)
    return refuse(
      "seal/key-unknown",
      `no signer of the trust store is ${quote(identity.san)} of ${quote(identity.issuer)}`,
    );
  return { ok: true, signer, keyid: "", algorithm: "sigstore-keyless", trustedTime: time };
}

/** What is read on as the seal's payload is what the bundle's signature is over. */
const isOf = (document: SealDocument, signed: { payloadType: string; payload: Uint8Array }): boolean =>
  document.payloadType === signed.payloadType && document.payload.equals(signed.payload);

/** Ids survive renames and are never given to anyone else: where the trust store names one, it must be there. */
const covers = ({ issuer, san, repositoryId, ownerId }: KeylessIdentity, identity: Identity): boolean =>
  identity.issuer === issuer &&
  matchSegments(san, identity.san) &&
  (repositoryId === null || identity.repositoryId === repositoryId) &&
  (ownerId === null || identity.ownerId === ownerId);

const refuse = (code: Code, detail: string): Refusal => ({ ok: false, code, detail });
