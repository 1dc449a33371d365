import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { X509Certificate } from "@sigstore/core";
import type { TrustMaterial } from "@sigstore/verify";
import { decodeBase64 } from "../evidence/document-text.ts";
import { dateOf, parseInstant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import type { Trusted } from "./trust.ts";
import { readX509 } from "./x509.ts";

type Authority = TrustMaterial["certificateAuthorities"][number];
type Log = TrustMaterial["tlogs"][number];
type Validity = Authority["validFor"];

/** The authorities and logs of one or several sigstore roots. */
export type SigstoreRoot = {
  certificateAuthorities: readonly Authority[];
  timestampAuthorities: readonly Authority[];
  logs: readonly Log[];
  ctLogs: readonly Log[];
  /** sha256 over the documents, in hex: names the trust that a verdict stands on. */
  digest: string;
};

const mediaTypes: ReadonlySet<unknown> = new Set([
  "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  "application/vnd.dev.sigstore.trustedroot.v0.1+json",
  "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
  "application/vnd.dev.sigstore.trustedroot.v0.2+json",
]);
/** Key details whose bytes are PKCS #1; all others are SubjectPublicKeyInfo. */
const pkcs1: ReadonlySet<unknown> = new Set(["PKCS1_RSA_PKCS1V5", "PKCS1_RSA_PSS"]);
const most = 256;
const forever = 8_640_000_000_000_000;

/**
 * Reads `trusted_root.json` documents and unites them: what any of them trusts is trusted. Exact, since an
 * authority read half would be trusted for longer than its maker meant: every log, CT log and authority needs
 * `validFor.start`, and one that cannot be read makes the whole root unusable.
 */
export function readSigstoreRoot(documents: readonly unknown[]): Trusted<SigstoreRoot> {
  const reader = new RootReader();
  for (const document of documents) reader.read(document);
  if (documents.length === 0)
    return { state: "unavailable", code: "root/unavailable", detail: "no sigstore root is configured" };
  return reader.problem ?? { state: "available", value: reader.root(digestOf(documents)) };
}

const digestOf = (documents: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(documents)).digest("hex");

class RootReader {
  problem: Extract<Trusted<never>, { state: "unavailable" }> | null = null;
  readonly #certificateAuthorities: Authority[] = [];
  readonly #timestampAuthorities: Authority[] = [];
  readonly #logs: Log[] = [];
  readonly #ctLogs: Log[] = [];

  root(digest: string): SigstoreRoot {
    return {
      certificateAuthorities: this.#certificateAuthorities,
      timestampAuthorities: this.#timestampAuthorities,
      logs: this.#logs,
      ctLogs: this.#ctLogs,
      digest,
    };
  }

  read(document: unknown): void {
    if (!isJsonObject(document) || !mediaTypes.has(jsonMember(document, "mediaType"))) {
      this.problem ??= {
        state: "unavailable",
        code: "root/malformed",
        detail: "the document is not a sigstore trusted root",
      };
      return;
    }
    this.#each(document, "certificateAuthorities", (value, at) =>
      this.#authority(value, at, this.#certificateAuthorities),
    );
    this.#each(document, "timestampAuthorities", (value, at) =>
      this.#authority(value, at, this.#timestampAuthorities),
    );
    this.#each(document, "tlogs", (value, at) => this.#log(value, at, this.#logs));
    this.#each(document, "ctlogs", (value, at) => this.#log(value, at, this.#ctLogs));
  }

  #each(parent: JsonObject, name: string, read: (value: JsonObject, at: string) => void): void {
    const list = jsonMember(parent, name) ?? [];
    if (!Array.isArray(list) || list.length > most) {
      this.#fail(`${name} is not a list of at most ${most}`);
      return;
    }
    list.forEach((value: unknown, index) => {
      if (isJsonObject(value)) read(value, `${name}[${index}]`);
      else this.#fail(`${name}[${index}] is not an object`);
    });
  }

  #authority(value: JsonObject, at: string, into: Authority[]): void {
    const chain = jsonMember(value, "certChain");
    const listed = isJsonObject(chain) ? jsonMember(chain, "certificates") : undefined;
    if (!Array.isArray(listed) || listed.length === 0 || listed.length > most) {
      this.#fail(`${at}.certChain has no certificates`);
      return;
    }
    const certificates = listed.map((certificate: unknown) => readCertificate(certificate));
    const validFor = this.#validity(jsonMember(value, "validFor"), at);
    if (!certificates.every((certificate) => certificate !== null))
      this.#fail(`${at}.certChain holds what is not a certificate`);
    else if (validFor !== null) into.push({ certChain: certificates, validFor });
  }

  #log(value: JsonObject, at: string, into: Log[]): void {
    const described = jsonMember(value, "publicKey");
    const publicKey = isJsonObject(described) ? readKey(described) : null;
    const id = jsonMember(value, "checkpointKeyId") ?? jsonMember(value, "logId");
    const logID = isJsonObject(id) ? decodeBase64(jsonMember(id, "keyId")) : null;
    const baseURL = jsonMember(value, "baseUrl");
    const validFor = this.#validity(
      isJsonObject(described) ? jsonMember(described, "validFor") : undefined,
      at,
    );
    if (publicKey === null) this.#fail(`${at}.publicKey cannot be read`);
    else if (logID === null) this.#fail(`${at} has no log id`);
    else if (typeof baseURL !== "string") this.#fail(`${at}.baseUrl is not a string`);
    else if (validFor !== null) into.push({ logID, baseURL, publicKey, validFor });
  }

  /** Without a start a key would be valid since the epoch; without an end it is valid still. */
  #validity(value: unknown, at: string): Validity | null {
    const [start, end] = isJsonObject(value)
      ? [jsonMember(value, "start"), jsonMember(value, "end") ?? null]
      : [undefined, null];
    const from = typeof start === "string" ? parseInstant(start) : null;
    const to = end === null ? forever : typeof end === "string" ? parseInstant(end) : null;
    if (from === null) this.#fail(`${at} has no validFor.start`);
    else if (to === null) this.#fail(`${at}.validFor.end is not a date-time`);
    return from === null || to === null ? null : { start: dateOf(from), end: dateOf(to) };
  }

  #fail(detail: string): void {
    this.problem ??= { state: "unavailable", code: "bundle/root-invalid", detail };
  }
}

function readCertificate(value: unknown): X509Certificate | null {
  const der = isJsonObject(value) ? decodeBase64(jsonMember(value, "rawBytes")) : null;
  return der === null ? null : readX509(der);
}

function readKey(described: JsonObject): KeyObject | null {
  const key = decodeBase64(jsonMember(described, "rawBytes"));
  if (key === null) return null;
  try {
    return createPublicKey({
      key,
      format: "der",
      type: pkcs1.has(jsonMember(described, "keyDetails")) ? "pkcs1" : "spki",
    });
  } catch {
    return null;
  }
}
