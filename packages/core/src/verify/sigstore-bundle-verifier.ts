import type { Buffer } from "node:buffer";
import type { KeyObject } from "node:crypto";
import type { X509Certificate } from "@sigstore/core";
import { Verifier, VerificationError, type SignedEntity, type TrustMaterial } from "@sigstore/verify";
import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import { readBundle, type ReadBundle } from "./bundle-reader.ts";
import type { BundleContext, BundleResult, BundleVerifier, VerifiedBundle } from "./bundle.ts";
import { isSelfIssued, readSigningCertificate } from "./certificate.ts";
import { proofProblem, verifierProblem, type LoggedVerifier } from "./log-entry.ts";
import { signedContent } from "./signed-content.ts";
import { readSigstoreRoot, type SigstoreRoot } from "./sigstore-root.ts";
import { readTimestamps, timestamper } from "./timestamp.ts";
import type { RegistryKey, Thresholds, Trusted } from "./trust.ts";

type Problem = { ok: false; code: Code; detail: string };
type Entry = ReadBundle["entries"][number];
type TrustedTime = { at: Instant; source: "log" | "tsa"; from: string };
/** Who the bundle says signed it; not yet verified. */
type Signer =
  | { kind: "certificate"; certificate: X509Certificate; logged: LoggedVerifier }
  | { kind: "key"; key: RegistryKey; logged: LoggedVerifier };
type Claims = { signer: Signer; times: readonly TrustedTime[]; entity: SignedEntity };
/** Judges timestamps, signing key, log entries and signature, in this order; throws where one does not verify. */
export type Engine = (entity: SignedEntity, material: TrustMaterial, thresholds: Thresholds) => void;

/** Engine and revision of the checks around it: a verdict kept under another name is not this engine's. */
const engineName = "sigstore-js-4.1.3/2";

const sigstoreEngine: Engine = (entity, material, { sct, log, time }) => {
  const thresholds = { ctlogThreshold: sct, tlogThreshold: log, timestampThreshold: time };
  new Verifier(material, thresholds).verify(entity);
};

/**
 * A verifier on `@sigstore/verify`, with the checks that it leaves to its callers.
 * @param documents `trusted_root.json` documents, parsed; several are united
 * @param thresholds least number of distinct CT logs, logs and sources of time, each at least 1
 */
export const createSigstoreVerifier = (
  documents: readonly unknown[],
  thresholds: Thresholds,
): Trusted<BundleVerifier> => createVerifierOn(sigstoreEngine, documents, thresholds);

/** The same on another engine: tests compare this one with the library on its own. */
export function createVerifierOn(
  engine: Engine,
  documents: readonly unknown[],
  thresholds: Thresholds,
): Trusted<BundleVerifier> {
  const { sct, log, time } = thresholds;
  if (![sct, log, time].every((threshold) => Number.isSafeInteger(threshold) && threshold >= 1)) {
    return { state: "unavailable", code: "bundle/root-invalid", detail: "each threshold is at least 1" };
  }
  const root = readSigstoreRoot(documents);
  return root.state === "available"
    ? { state: "available", value: new SigstoreBundleVerifier(engine, root.value, thresholds) }
    : root;
}

class SigstoreBundleVerifier implements BundleVerifier {
  readonly id: string;
  readonly #engine: Engine;
  readonly #root: SigstoreRoot;
  readonly #thresholds: Thresholds;
  readonly #encodedKeys = new WeakMap<KeyObject, Buffer>();

  constructor(engine: Engine, root: SigstoreRoot, thresholds: Thresholds) {
    const { sct, log, time } = thresholds;
    this.id = `${engineName} sct=${sct} log=${log} time=${time} root=${root.digest}`;
    this.#engine = engine;
    this.#root = root;
    this.#thresholds = thresholds;
  }

  verify(bundle: unknown, context: BundleContext): BundleResult {
    const read = readBundle(bundle);
    if (!read.ok) return read;
    const artefact = artefactProblem(read.value.content, context.digests);
    if (artefact !== null) return artefact;
    const claims = this.#claims(read.value, context);
    if ("code" in claims) return claims;
    return this.#entriesProblem(read.value.entries, claims) ?? this.#verify(read.value, claims);
  }

  /** What the bundle claims, as far as it can be refused without a signature being verified. */
  #claims(bundle: ReadBundle, context: BundleContext): Claims | Problem {
    const signer = readSigner(bundle, context.keys, (key) => this.#encoded(key));
    if ("code" in signer) return signer;
    const keyid = keyIdProblem(bundle);
    if (keyid !== null) return keyid;
    const stamps = readTimestamps(bundle.timestamps);
    if (stamps === null)
      return refuse("bundle/time-invalid", "a timestamp is not a granted RFC 3161 response, or stands twice");
    const times = [
      ...stamps.map((stamp) => ({
        at: stamp.signingTime.getTime(),
        source: "tsa" as const,
        from: timestamper(stamp),
      })),
      ...bundle.entries
        .filter(isTimed)
        .map((entry) => ({ at: integrated(entry), source: "log" as const, from: logOf(entry) })),
    ];
    const entity: SignedEntity = {
      signature: signedContent(bundle.content),
      key:
        signer.kind === "certificate"
          ? { $case: "certificate", certificate: signer.certificate }
          : { $case: "public-key", hint: signer.key.keyid },
      tlogEntries: [...bundle.entries],
      timestamps: [
        ...stamps.map((timestamp) => ({ $case: "timestamp-authority" as const, timestamp })),
        ...bundle.entries
          .filter(isTimed)
          .map((tlogEntry) => ({ $case: "transparency-log" as const, tlogEntry })),
      ],
    };
    return { signer, times, entity };
  }

  /** The log entries against the bundle and the thresholds: each counts once, and a log or clock counts once. */
  #entriesProblem(entries: readonly Entry[], { signer, times }: Claims): Problem | null {
    const { log, time } = this.#thresholds;
    if (new Set(entries.map(logOf)).size < log)
      return refuse("bundle/log-missing", `${entries.length} of ${log} log entries`);
    if (
      new Set(entries.map((entry) => `${logOf(entry)} ${entry.canonicalizedBody.toString("base64")}`)).size <
      entries.length
    ) {
      return refuse("bundle/log-invalid", "one log entry stands twice");
    }
    for (const entry of entries) {
      const verifier = verifierProblem(entry, signer.logged);
      if (verifier !== null) return refuse("bundle/log-mismatch", verifier);
      const proof = proofProblem(entry);
      if (proof !== null) return refuse("bundle/log-invalid", proof);
      if (entry.inclusionPromise === undefined && entry.inclusionProof === undefined) {
        return refuse("bundle/log-invalid", "a log entry has neither promise nor proof");
      }
      if (this.#root.logs.every(({ logID }) => !logID.equals(entry.logId.keyId))) {
        return refuse("bundle/log-untrusted", `log ${logOf(entry)} is not in the sigstore root`);
      }
    }
    if (new Set(times.map(({ from }) => from)).size < time)
      return refuse("bundle/time-missing", `${times.length} of ${time} trusted times`);
    return null;
  }

  #verify(bundle: ReadBundle, { signer, times, entity }: Claims): BundleResult {
    try {
      this.#engine(entity, this.#material(signer), this.#thresholds);
    } catch (error) {
      return failure(error, signer, times);
    }
    return (
      this.#logTimeProblem(bundle.entries, times) ?? { ok: true, value: verified(bundle, signer, times) }
    );
  }

  /** A proof carries no time of its own: its log must have been in use at every trusted time. */
  #logTimeProblem(entries: readonly Entry[], times: readonly TrustedTime[]): Problem | null {
    for (const entry of entries) {
      const logs = this.#root.logs.filter(({ logID }) => logID.equals(entry.logId.keyId));
      const inUse = times.every(({ at }) =>
        logs.some(({ validFor }) => validFor.start.getTime() <= at && at <= validFor.end.getTime()),
      );
      if (!inUse)
        return refuse("bundle/log-untrusted", `log ${logOf(entry)} was not in use at the signing time`);
    }
    return null;
  }

  /** One key vouches for a registry's every publish attestation. */
  #encoded(key: KeyObject): Buffer {
    const known = this.#encodedKeys.get(key) ?? key.export({ type: "spki", format: "der" });
    this.#encodedKeys.set(key, known);
    return known;
  }

  #material(signer: Signer): TrustMaterial {
    const { certificateAuthorities, timestampAuthorities, logs, ctLogs } = this.#root;
    return {
      certificateAuthorities: [...certificateAuthorities],
      timestampAuthorities: [...timestampAuthorities],
      tlogs: [...logs],
      ctlogs: [...ctLogs],
      publicKey: () => {
        if (signer.kind !== "key")
          throw new VerificationError({ code: "PUBLIC_KEY_ERROR", message: "no key" });
        const { key, validFrom, validTo } = signer.key;
        return {
          publicKey: key,
          validFor: (date) => validFrom <= date.getTime() && (validTo === null || date.getTime() <= validTo),
        };
      },
    };
  }
}

/** A message signature is over bytes that are known here by their digest alone. */
function artefactProblem(content: ReadBundle["content"], digests: readonly Digest[]): Problem | null {
  if (content.kind === "dsse") return null;
  const known = digests.filter(({ algorithm }) => algorithm === content.algorithm);
  if (known.length === 0)
    return refuse("bundle/artefact-missing", `the ${content.algorithm} digest of the signed file is needed`);
  const same = known.every(({ hex }) => hex === content.digest.toString("hex"));
  return same
    ? null
    : refuse(
        "bundle/artefact-mismatch",
        `the bundle signs ${content.algorithm}:${content.digest.toString("hex")}`,
      );
}

function readSigner(
  { signer, content, entries }: ReadBundle,
  keys: readonly RegistryKey[],
  encode: (key: KeyObject) => Buffer,
): Signer | Problem {
  if (signer.kind === "key") {
    const key = keys.find(({ keyid, usage }) => keyid === signer.hint && usage === "npm:attestations");
    if (key === undefined) return refuse("bundle/key-unknown", JSON.stringify(signer.hint.slice(0, 160)));
    const problem = prehashProblem(content, key.key);
    return (
      problem ?? {
        kind: "key",
        key,
        logged: { kind: "key", der: encode(key.key) },
      }
    );
  }
  // npm's bundles of 2022 and 2023, older than proofs in bundles, hold their root: it is ignored there.
  if (
    entries.some(({ inclusionProof }) => inclusionProof !== undefined) &&
    signer.others.some(isSelfIssued)
  ) {
    return refuse("bundle/certificate-untrusted", "the bundle brings its own root certificate");
  }
  const read = readSigningCertificate(signer.der);
  return read.ok
    ? { kind: "certificate", certificate: read.certificate, logged: { kind: "certificate", der: signer.der } }
    : read;
}

const prehashProblem = (content: ReadBundle["content"], key: KeyObject): Problem | null =>
  content.kind === "message" && key.asymmetricKeyType !== "ec"
    ? refuse(
        "bundle/artefact-missing",
        `a signature by a key of type ${key.asymmetricKeyType ?? "?"} needs the file itself, not its digest`,
      )
    : null;

/** DSSE leaves `keyid` unsigned and open; here it is empty or names the very key, so that it can mislead no reader. */
function keyIdProblem({ content, signer }: ReadBundle): Problem | null {
  if (content.kind !== "dsse" || content.keyid === "") return null;
  if (signer.kind === "certificate")
    return refuse("bundle/key-id", "a bundle with a certificate has a key id");
  return content.keyid === signer.hint
    ? null
    : refuse("bundle/key-id", "the envelope's key id is not the bundle's key hint");
}

/** The code of what the engine throws; whatever is no verdict of it comes from an input that it did not expect. */
function failure(error: unknown, signer: Signer, times: readonly TrustedTime[]): Problem {
  if (!(error instanceof VerificationError))
    return refuse("bundle/malformed", "the bundle cannot be verified in this form");
  return refuse(codeOf(error, signer, times), error.message);
}

function codeOf(error: VerificationError, signer: Signer, times: readonly TrustedTime[]): Code {
  switch (error.code) {
    case "TIMESTAMP_ERROR":
      return "bundle/time-invalid";
    case "CERTIFICATE_ERROR":
      if (/\bSCTs?\b/.test(error.message)) return "bundle/sct-invalid";
      return isTimely(signer, times) ? "bundle/certificate-untrusted" : "bundle/certificate-time";
    case "PUBLIC_KEY_ERROR":
      return "bundle/key-expired";
    case "TLOG_BODY_ERROR":
      return "bundle/log-mismatch";
    case "SIGNATURE_ERROR":
      return "bundle/signature-invalid";
    default:
      return "bundle/log-invalid";
  }
}

function isTimely(signer: Signer, times: readonly TrustedTime[]): boolean {
  if (signer.kind === "key") return true;
  const { notBefore, notAfter } = signer.certificate;
  return times.every(({ at }) => notBefore.getTime() <= at && at <= notAfter.getTime());
}

function verified(
  { content, entries }: ReadBundle,
  signer: Signer,
  times: readonly TrustedTime[],
): VerifiedBundle {
  const earliest = times.reduce<TrustedTime | null>(
    (first, time) => (first === null || time.at < first.at ? time : first),
    null,
  );
  const logTimes = times.filter(({ source }) => source === "log").map(({ at }) => at);
  return {
    content:
      content.kind === "dsse"
        ? { kind: "dsse", payloadType: content.payloadType, payload: content.payload }
        : { kind: "message", digest: { algorithm: content.algorithm, hex: content.digest.toString("hex") } },
    signer:
      signer.kind === "certificate"
        ? { kind: "certificate", certificate: signer.certificate }
        : { kind: "key", keyid: signer.key.keyid },
    time: earliest === null ? null : { at: earliest.at, source: earliest.source },
    logTime: logTimes.length === 0 ? null : Math.min(...logTimes),
    logIndex: provenIndex(entries[0]),
  };
}

/** The entry's own index is signed by the promise alone; without one only the proof's, in its shard, is proven. */
function provenIndex(entry: Entry | undefined): string | null {
  return (entry?.inclusionPromise === undefined ? entry?.inclusionProof?.logIndex : entry.logIndex) ?? null;
}

/** The integrated time is signed by the promise alone; a proof says nothing about it. */
const isTimed = (entry: Entry): boolean =>
  entry.inclusionPromise !== undefined && entry.integratedTime !== "0";
const integrated = (entry: Entry): Instant => Number(entry.integratedTime) * 1000;
const logOf = (entry: Entry): string => entry.logId.keyId.toString("base64");
const refuse = (code: Code, detail: string): Problem => ({ ok: false, code, detail });
