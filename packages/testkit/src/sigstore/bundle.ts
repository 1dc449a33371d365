import { base64, sha256 } from "../encoding/hash.ts";
import { personBuild, type Build } from "./build.ts";
import type { CertificateAuthority, LeafOptions } from "./certificate-authority.ts";
import type { CertificateLog } from "./certificate-log.ts";
import type { BundleDefect, Defect } from "./defect.ts";
import { createSigningKey, type SigningKey } from "./key.ts";
import {
  dsseV1,
  dsseV2,
  hashedrekordV1,
  hashedrekordV2,
  intotoV1,
  type Envelope,
  type EntryVerifier,
} from "./log-body.ts";
import type { TimestampAuthority } from "./timestamp-authority.ts";
import type { LogBody, LogEntry, TransparencyLog } from "./transparency-log.ts";
import { issueCertificate, randomSerial } from "./x509.ts";

/** One operator's services, as one trusted root lists them. */
export type Authorities = {
  ca: CertificateAuthority;
  certificateLog: CertificateLog;
  rekorV1: TransparencyLog;
  rekorV2: TransparencyLog;
  tsa: TimestampAuthority;
};

/** A Sigstore bundle as protobuf-JSON; plain data, so that a test may edit it. */
export type SigstoreBundle = {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint: string };
    tlogEntries: LogEntry[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope?: Envelope;
  messageSignature?: { messageDigest: { algorithm: "SHA2_256"; digest: string }; signature: string };
};

export type BundleRequest = {
  /** A DSSE payload (in-toto by default), or the artefact of a message signature. */
  content: { payload: Uint8Array | string; payloadType?: string } | { artefact: Uint8Array };
  /** A build, certified by Fulcio, or a key known to the verifier by its hint. */
  signer: Build | { key: SigningKey; hint: string };
  /** When it was signed, logged and timestamped; the certificate's ten minutes start five seconds earlier. */
  at: number;
  log?: "rekor-v1" | "rekor-v2";
  /** `intoto` for the older kind of entry (Rekor v1 only). */
  entry?: "dsse" | "intoto";
  /** Bundle version; 0.1 and 0.2 carry the intermediate certificate too. */
  version?: "0.1" | "0.2" | "0.3";
  /** false: promise only, as bundles up to 2023 have it (version 0.1). */
  proof?: boolean;
  /** RFC 3161 timestamp; by default where the log gives no time (Rekor v2). */
  timestamp?: boolean;
  defects?: readonly Defect[];
};

export const intotoPayloadType = "application/vnd.in-toto+json";

/** DSSE pre-authentication encoding. */
const preAuthEncoding = (type: string, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);

/** Mints one bundle; `foreign` are authorities of the same names that no root lists. */
export function mintBundle(
  own: Authorities,
  foreign: () => Authorities,
  request: BundleRequest,
): SigstoreBundle {
  const has = (defect: BundleDefect): boolean => request.defects?.includes(defect) === true;
  const signer = certify(own, foreign, request, has);
  const signing = has("foreign-signature") ? createSigningKey("P-256") : signer.key;
  const signed = signContent(request, signing, signer.hint, has);
  const log = request.log === "rekor-v2" ? own.rekorV2 : own.rekorV1;
  const entries = logEntries(own, foreign, request, signed, signer, has);
  const timestamps = timestampsOf(own, foreign, request, log, signed.signature, has);
  return {
    mediaType: mediaTypes[request.version ?? "0.3"],
    verificationMaterial: {
      ...signer.material,
      tlogEntries: entries,
      timestampVerificationData: {
        rfc3161Timestamps: timestamps.map((token) => ({ signedTimestamp: base64(token) })),
      },
    },
    ...deliver(signed, has),
  };
}

const mediaTypes = {
  "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
  "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
  "0.3": "application/vnd.dev.sigstore.bundle.v0.3+json",
} as const;

type Has = (defect: BundleDefect) => boolean;
type Signer = {
  key: SigningKey;
  verifier: EntryVerifier;
  hint: string | null;
  material: Partial<SigstoreBundle["verificationMaterial"]>;
};
type Signed =
  | { kind: "dsse"; envelope: Envelope; signature: Buffer }
  | { kind: "message"; digest: Buffer; signature: Buffer };

function certify(own: Authorities, foreign: () => Authorities, request: BundleRequest, has: Has): Signer {
  if ("key" in request.signer) {
    const { key, hint } = request.signer;
    return { key, hint, verifier: { spki: key.spki }, material: { publicKey: { hint } } };
  }
  const key = has("other-curve") ? createSigningKey("P-384", "sha256") : createSigningKey("P-256");
  const build = has("person-email") ? personBuild() : request.signer;
  const certificate = has("self-signed")
    ? selfSigned(key, request.at)
    : leaf(own, foreign, key, build, request.at, has);
  // The root stays out: a bundle that brings its own trust anchor is refused.
  const chain = [certificate, ...own.ca.chain.slice(0, -1)].map((der) => ({ rawBytes: base64(der) }));
  const material =
    (request.version ?? "0.3") === "0.3"
      ? { certificate: { rawBytes: base64(certificate) } }
      : { x509CertificateChain: { certificates: chain } };
  return { key, hint: null, verifier: { certificate }, material };
}

const hour = 3600e3;

function leaf(
  own: Authorities,
  foreign: () => Authorities,
  key: SigningKey,
  build: Build,
  at: number,
  has: Has,
): Buffer {
  const start = has("expired-certificate") ? at - hour : has("future-certificate") ? at + hour : at - 5000;
  const sct: LeafOptions["sct"] = has("missing-sct")
    ? "none"
    : has("broken-sct")
      ? "broken"
      : has("other-sct")
        ? "other"
        : "good";
  const usage = has("no-code-signing")
    ? "email-protection"
    : has("no-extended-key-usage")
      ? "none"
      : "code-signing";
  return (has("untrusted-ca") ? foreign() : own).ca.issue(key.spki, build, {
    notBefore: start,
    sct,
    log: (has("foreign-sct") ? foreign() : own).certificateLog,
    extendedKeyUsage: usage,
    keyUsage: !has("no-key-usage"),
  });
}

const selfSigned = (key: SigningKey, at: number): Buffer =>
  issueCertificate({
    subject: { commonName: "self" },
    issuer: { name: { commonName: "self" }, key },
    spki: key.spki,
    notBefore: at - 5000,
    notAfter: at + hour,
    serial: randomSerial(),
    extensions: [],
  });

function signContent(request: BundleRequest, key: SigningKey, hint: string | null, has: Has): Signed {
  const finish = (signature: Buffer): Buffer =>
    has("broken-signature") ? flipLastBit(signature) : signature;
  if ("artefact" in request.content) {
    const { artefact } = request.content;
    return { kind: "message", digest: sha256(artefact), signature: finish(key.sign(artefact)) };
  }
  const payload = Buffer.from(request.content.payload);
  const payloadType = has("wrong-payload-type")
    ? "text/plain"
    : (request.content.payloadType ?? intotoPayloadType);
  const signature = finish(key.sign(preAuthEncoding(payloadType, payload)));
  const keyid = has("keyid-set") ? "SHA256:attacker" : (hint ?? "");
  return {
    kind: "dsse",
    envelope: { payload: base64(payload), payloadType, signatures: [{ sig: base64(signature), keyid }] },
    signature,
  };
}

function bodyOf(signed: Signed, verifier: EntryVerifier, request: BundleRequest): LogBody {
  if (request.log === "rekor-v2") {
    return signed.kind === "dsse"
      ? dsseV2(signed.envelope, verifier)
      : hashedrekordV2(signed.digest, signed.signature, verifier);
  }
  if (signed.kind === "message") return hashedrekordV1(signed.digest, signed.signature, verifier);
  return request.entry === "intoto" ? intotoV1(signed.envelope, verifier) : dsseV1(signed.envelope, verifier);
}

function logEntries(
  own: Authorities,
  foreign: () => Authorities,
  request: BundleRequest,
  signed: Signed,
  signer: Signer,
  has: Has,
): LogEntry[] {
  if (has("no-log-entry")) return [];
  const choose = (of: Authorities): TransparencyLog => (request.log === "rekor-v2" ? of.rekorV2 : of.rekorV1);
  const log = choose(has("foreign-log") ? foreign() : own);
  const other = { ...request, content: { payload: "{}" } };
  const content = has("other-log-entry") ? signContent(other, signer.key, signer.hint, () => false) : signed;
  const verifier = has("other-log-verifier") ? otherVerifier(own, request) : signer.verifier;
  const entry = log.add(bodyOf(content, verifier, request), request.at);
  spoilEntry(entry, choose, foreign, request, has);
  return has("duplicate-log-entry") ? [entry, structuredClone(entry)] : [entry];
}

/** Whoever else could sign: the same build with a key and certificate of its own, or another bare key. */
function otherVerifier(own: Authorities, request: BundleRequest): EntryVerifier {
  const key = createSigningKey("P-256");
  if ("key" in request.signer) return { spki: key.spki };
  return {
    certificate: leaf(
      own,
      () => own,
      key,
      request.signer,
      request.at,
      () => false,
    ),
  };
}

function spoilEntry(
  entry: LogEntry,
  choose: (of: Authorities) => TransparencyLog,
  foreign: () => Authorities,
  request: BundleRequest,
  has: Has,
): void {
  const { inclusionPromise: promise, inclusionProof: proof } = entry;
  if (promise !== undefined && has("broken-set"))
    promise.signedEntryTimestamp = flipBase64(promise.signedEntryTimestamp);
  if (has("missing-set") || has("missing-time")) delete entry.inclusionPromise;
  if (has("wrong-integrated-time")) entry.integratedTime = String(Number(entry.integratedTime) + 86400);
  if (has("wrong-log-index")) entry.logIndex = String(Number(entry.logIndex) + 1);
  if (proof === undefined) return;
  if (has("broken-proof")) proof.hashes[0] = flipBase64(proof.hashes[0] as string);
  if (has("wrong-root-hash")) proof.rootHash = flipBase64(proof.rootHash);
  if (has("broken-checkpoint") && proof.checkpoint !== undefined) {
    const [, signature = ""] = /(\S+)\n$/.exec(proof.checkpoint.envelope) ?? [];
    proof.checkpoint.envelope = proof.checkpoint.envelope.replace(signature, flipBase64(signature));
  }
  if (has("foreign-checkpoint")) {
    const root = Buffer.from(proof.rootHash, "base64");
    proof.checkpoint = { envelope: choose(foreign()).checkpoint(Number(proof.treeSize), root) };
  }
  if (has("missing-checkpoint")) delete proof.checkpoint;
  if (has("missing-proof") || request.proof === false) delete entry.inclusionProof;
}

function timestampsOf(
  own: Authorities,
  foreign: () => Authorities,
  request: BundleRequest,
  log: TransparencyLog,
  signature: Buffer,
  has: Has,
): Buffer[] {
  const wanted = request.timestamp ?? (log.version === 2 || timestampDefects.some(has));
  if (!wanted || has("missing-time")) return [];
  const tsa = (has("foreign-timestamp") ? foreign() : own).tsa;
  const token = tsa.timestamp(
    has("other-timestamp") ? Buffer.from("another signature") : signature,
    has("late-timestamp") ? request.at + hour : request.at,
  );
  return [has("broken-timestamp") ? flipLastBit(token) : token];
}

const timestampDefects: readonly BundleDefect[] = [
  "broken-timestamp",
  "foreign-timestamp",
  "other-timestamp",
  "late-timestamp",
];

function deliver(signed: Signed, has: Has): Pick<SigstoreBundle, "dsseEnvelope" | "messageSignature"> {
  if (signed.kind === "message") {
    const digest = has("altered-payload") ? flipLastBit(signed.digest) : signed.digest;
    return {
      messageSignature: {
        messageDigest: { algorithm: "SHA2_256", digest: base64(digest) },
        signature: base64(signed.signature),
      },
    };
  }
  const envelope = structuredClone(signed.envelope);
  if (has("altered-payload"))
    envelope.payload = base64(Buffer.concat([Buffer.from(envelope.payload, "base64"), Buffer.from(" ")]));
  if (has("no-signature")) envelope.signatures = [];
  if (has("extra-signature")) {
    const key = createSigningKey("P-256");
    const data = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, "base64"));
    envelope.signatures.push({ sig: base64(key.sign(data)), keyid: "" });
  }
  if (has("non-canonical-base64")) envelope.payload = envelope.payload.replace(/^.{8}/, "$&\n");
  return { dsseEnvelope: envelope };
}

function flipLastBit(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy.at(-1) as number) ^ 1;
  return copy;
}

const flipBase64 = (text: string): string => base64(flipLastBit(Buffer.from(text, "base64")));
