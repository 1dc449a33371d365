import { Buffer } from "node:buffer";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { Code } from "../codes.ts";
import type { DigestAlgorithm } from "../digest.ts";
import { decodeBase64 } from "../evidence/document-text.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";

export type BundleVersion = "0.1" | "0.2" | "0.3";

/** What a Sigstore bundle holds, read exactly and believed in nothing yet. */
export type ReadBundle = {
  version: BundleVersion;
  /** The signing certificate, and those beside it, which are never trusted. */
  signer: { kind: "certificate"; der: Buffer; others: readonly Buffer[] } | { kind: "key"; hint: string };
  content:
    | { kind: "dsse"; payloadType: string; payload: Buffer; signature: Buffer; keyid: string }
    | { kind: "message"; algorithm: DigestAlgorithm; digest: Buffer; signature: Buffer };
  entries: readonly TransparencyLogEntry[];
  /** RFC 3161 responses in DER. */
  timestamps: readonly Buffer[];
};
export type ReadBundleResult = { ok: true; value: ReadBundle } | Problem;
type Problem = { ok: false; code: Code; detail: string };

const versions: ReadonlyMap<unknown, BundleVersion> = new Map([
  ["application/vnd.dev.sigstore.bundle+json;version=0.1", "0.1"],
  ["application/vnd.dev.sigstore.bundle+json;version=0.2", "0.2"],
  ["application/vnd.dev.sigstore.bundle+json;version=0.3", "0.3"],
  ["application/vnd.dev.sigstore.bundle.v0.3+json", "0.3"],
]);
const algorithms: ReadonlyMap<unknown, { name: DigestAlgorithm; bytes: number }> = new Map([
  ["SHA2_256", { name: "sha256", bytes: 32 }],
  ["SHA2_384", { name: "sha384", bytes: 48 }],
  ["SHA2_512", { name: "sha512", bytes: 64 }],
]);

/** Most of each list in one bundle, and most bytes of each field: far above what any signer makes. */
const most = { certificates: 8, entries: 16, timestamps: 16, hashes: 64 };
const mostBytes = { payload: 16 << 20, body: 32 << 20, small: 64 << 10 };

/**
 * Reads a Sigstore bundle of v0.1 to v0.3 as protobuf-JSON (camelCase). Exact: canonical base64 in every field, one
 * kind of content and of signer, exactly one envelope signature, log indexes that are not negative, and what each
 * version demands of its log entries (v0.1 the promise, later the proof with its checkpoint). Unknown members are
 * ignored: nothing here depends on them.
 */
export function readBundle(value: unknown): ReadBundleResult {
  if (!isJsonObject(value))
    return { ok: false, code: "bundle/malformed", detail: "the bundle is not an object" };
  const version = versions.get(jsonMember(value, "mediaType"));
  if (version === undefined)
    return { ok: false, code: "bundle/version-unsupported", detail: shown(jsonMember(value, "mediaType")) };
  const reader = new BundleReader(version);
  const bundle = reader.bundle(value);
  return reader.problem ?? { ok: true, value: bundle };
}

/** The hint by which a keyed bundle names its key; null where it is signed with a certificate or cannot be read. */
export function keyHintOf(bundle: unknown): string | null {
  const read = readBundle(bundle);
  return read.ok && read.value.signer.kind === "key" ? read.value.signer.hint : null;
}

/** Keeps the first problem and reads on with empty values, which then go nowhere. */
class BundleReader {
  problem: Problem | null = null;
  readonly #version: BundleVersion;

  constructor(version: BundleVersion) {
    this.#version = version;
  }

  bundle(value: JsonObject): ReadBundle {
    const content = this.#content(value);
    const material = this.#object(value, "verificationMaterial", "");
    const signer = this.#signer(material);
    const entries = this.#list(material, "tlogEntries", "verificationMaterial", most.entries).map(
      (entry, index) => this.#entry(entry, `tlogEntries[${index}]`),
    );
    return { version: this.#version, content, signer, entries, timestamps: this.#timestamps(material) };
  }

  #content(value: JsonObject): ReadBundle["content"] {
    const [envelope, message] = [
      jsonMember(value, "dsseEnvelope") ?? null,
      jsonMember(value, "messageSignature") ?? null,
    ];
    if ((envelope === null) === (message === null)) {
      this.#fail("bundle/malformed", "exactly one of dsseEnvelope and messageSignature is expected");
    }
    return envelope === null ? this.#message(value) : this.#envelope(value);
  }

  #envelope(value: JsonObject): ReadBundle["content"] {
    const at = "dsseEnvelope";
    const envelope = this.#object(value, at, "");
    const signatures = this.#list(envelope, "signatures", at, 1);
    if (signatures.length !== 1)
      this.#fail("bundle/malformed", `${at}.signatures: exactly one signature is expected`);
    const signature = this.#asObject(signatures[0], `${at}.signatures[0]`);
    return {
      kind: "dsse",
      payloadType: this.#text(envelope, "payloadType", at),
      payload: this.#bytes(envelope, "payload", at, mostBytes.payload),
      signature: this.#bytes(signature, "sig", `${at}.signatures[0]`),
      keyid:
        (jsonMember(signature, "keyid") ?? null) === null
          ? ""
          : this.#text(signature, "keyid", `${at}.signatures[0]`, true),
    };
  }

  #message(value: JsonObject): ReadBundle["content"] {
    const message = this.#object(value, "messageSignature", "");
    const hash = this.#object(message, "messageDigest", "messageSignature");
    const algorithm = algorithms.get(jsonMember(hash, "algorithm"));
    const digest = this.#bytes(hash, "digest", "messageDigest");
    if (algorithm === undefined || digest.length !== algorithm.bytes) {
      this.#fail("bundle/malformed", "messageSignature.messageDigest is not a SHA-2 digest");
    }
    const signature = this.#bytes(message, "signature", "messageSignature");
    return { kind: "message", algorithm: algorithm?.name ?? "sha256", digest, signature };
  }

  #signer(material: JsonObject): ReadBundle["signer"] {
    const kinds = ["certificate", "x509CertificateChain", "publicKey"].filter(
      (kind) => (jsonMember(material, kind) ?? null) !== null,
    );
    const [kind] = kinds;
    if (kinds.length !== 1)
      this.#fail("bundle/malformed", `verificationMaterial has ${kinds.length} kinds of signer`);
    if (kind === "publicKey") {
      return { kind: "key", hint: this.#text(this.#object(material, kind, ""), "hint", kind, true) };
    }
    if (kind === "certificate") {
      return {
        kind: "certificate",
        der: this.#bytes(this.#object(material, kind, ""), "rawBytes", kind),
        others: [],
      };
    }
    if (this.#version === "0.3")
      this.#fail("bundle/malformed", "a v0.3 bundle holds one certificate, not a chain");
    const chain = this.#object(material, "x509CertificateChain", "");
    const at = "x509CertificateChain.certificates";
    const certificates = this.#list(chain, "certificates", "x509CertificateChain", most.certificates).map(
      (certificate, index) =>
        this.#bytes(this.#asObject(certificate, `${at}[${index}]`), "rawBytes", `${at}[${index}]`),
    );
    if (certificates.length === 0) this.#fail("bundle/malformed", `${at} is empty`);
    const [der = Buffer.alloc(0), ...others] = certificates;
    return { kind: "certificate", der, others };
  }

  #entry(value: unknown, at: string): TransparencyLogEntry {
    const entry = this.#asObject(value, at);
    const kindVersion = this.#object(entry, "kindVersion", at);
    const promise = this.#optional(entry, "inclusionPromise", at);
    const proof = this.#optional(entry, "inclusionProof", at);
    if (promise === null && this.#version === "0.1")
      this.#fail("bundle/log-invalid", `${at} has no inclusion promise`);
    if (proof === null && this.#version !== "0.1")
      this.#fail("bundle/log-invalid", `${at} has no inclusion proof`);
    return {
      logIndex: this.#integer(entry, "logIndex", at),
      logId: { keyId: this.#bytes(this.#object(entry, "logId", at), "keyId", at) },
      kindVersion: {
        kind: this.#text(kindVersion, "kind", at),
        version: this.#text(kindVersion, "version", at),
      },
      integratedTime: this.#integer(entry, "integratedTime", at),
      inclusionPromise:
        promise === null
          ? undefined
          : { signedEntryTimestamp: this.#bytes(promise, "signedEntryTimestamp", at) },
      inclusionProof: proof === null ? undefined : this.#proof(proof, `${at}.inclusionProof`),
      canonicalizedBody: this.#bytes(entry, "canonicalizedBody", at, mostBytes.body),
    };
  }

  #proof(proof: JsonObject, at: string): NonNullable<TransparencyLogEntry["inclusionProof"]> {
    const checkpoint = this.#optional(proof, "checkpoint", at);
    if (checkpoint === null) this.#fail("bundle/log-invalid", `${at} has no checkpoint`);
    return {
      logIndex: this.#integer(proof, "logIndex", at),
      treeSize: this.#integer(proof, "treeSize", at),
      rootHash: this.#bytes(proof, "rootHash", at),
      hashes: this.#list(proof, "hashes", at, most.hashes).map((hash, index) =>
        this.#base64(hash, `${at}.hashes[${index}]`, mostBytes.small),
      ),
      checkpoint: {
        envelope: checkpoint === null ? "" : this.#text(checkpoint, "envelope", `${at}.checkpoint`),
      },
    };
  }

  #timestamps(material: JsonObject): readonly Buffer[] {
    const data = this.#optional(material, "timestampVerificationData", "verificationMaterial");
    if (data === null) return [];
    return this.#list(data, "rfc3161Timestamps", "timestampVerificationData", most.timestamps).map(
      (timestamp, index) =>
        this.#bytes(
          this.#asObject(timestamp, `rfc3161Timestamps[${index}]`),
          "signedTimestamp",
          `rfc3161Timestamps[${index}]`,
        ),
    );
  }

  #fail(code: Code, detail: string): void {
    this.problem ??= { ok: false, code, detail };
  }

  #asObject(value: unknown, at: string): JsonObject {
    if (isJsonObject(value)) return value;
    this.#fail("bundle/malformed", `${at} is not an object`);
    return {};
  }

  #object(parent: JsonObject, name: string, at: string): JsonObject {
    return this.#asObject(jsonMember(parent, name), at === "" ? name : `${at}.${name}`);
  }

  /** protobuf-JSON writes a message that is not there as null or not at all. */
  #optional(parent: JsonObject, name: string, at: string): JsonObject | null {
    return (jsonMember(parent, name) ?? null) === null ? null : this.#object(parent, name, at);
  }

  /** An empty list may be left out. */
  #list(parent: JsonObject, name: string, at: string, maximum: number): readonly unknown[] {
    const value = jsonMember(parent, name) ?? [];
    if (!Array.isArray(value)) {
      this.#fail("bundle/malformed", `${at}.${name} is not a list`);
      return [];
    }
    if (value.length > maximum) {
      this.#fail(
        maximum === 1 ? "bundle/malformed" : "budget/entries",
        `${at}.${name} has ${value.length} entries, at most ${maximum} are read`,
      );
      return [];
    }
    // Holes, which JSON cannot have, would be skipped by what follows.
    return Array.from<unknown>(value);
  }

  #text(parent: JsonObject, name: string, at: string, mayBeEmpty = false): string {
    const value = jsonMember(parent, name);
    if (typeof value === "string" && (value !== "" || mayBeEmpty)) {
      if (value.length <= mostBytes.small) return value;
      this.#fail("budget/bytes", `${at}.${name} is too long`);
    } else this.#fail("bundle/malformed", `${at}.${name} is not a string`);
    return "";
  }

  #bytes(parent: JsonObject, name: string, at: string, maximum: number = mostBytes.small): Buffer {
    return this.#base64(jsonMember(parent, name), `${at}.${name}`, maximum);
  }

  #base64(value: unknown, at: string, maximum: number): Buffer {
    const bytes =
      typeof value === "string" && value.length <= (maximum / 3) * 4 + 4 ? decodeBase64(value) : null;
    if (bytes !== null) return bytes;
    if (typeof value !== "string" || value === "") this.#fail("bundle/malformed", `${at} is missing`);
    else if (value.length > (maximum / 3) * 4 + 4) this.#fail("budget/bytes", `${at} is too long`);
    else this.#fail("bundle/encoding", `${at} is not canonical base64`);
    return Buffer.alloc(0);
  }

  /** An int64 of protobuf-JSON: a decimal string or a number, 0 when left out; exact as a number, never negative. */
  #integer(parent: JsonObject, name: string, at: string): string {
    const value = jsonMember(parent, name) ?? "0";
    const text = typeof value === "number" ? String(value) : value;
    if (
      typeof text === "string" &&
      /^(?:0|[1-9][0-9]{0,15})$/.test(text) &&
      Number.isSafeInteger(Number(text))
    )
      return text;
    this.#fail("bundle/malformed", `${at}.${name} is not an integer of at least 0`);
    return "0";
  }
}

const shown = (mediaType: unknown): string =>
  typeof mediaType === "string" ? JSON.stringify(mediaType.slice(0, 160)) : "the bundle has no media type";
