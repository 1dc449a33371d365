import type { Buffer } from "node:buffer";
import { Metadata, MetadataKind, Signature, type Root } from "@tufjs/models";
import { type Digest, sha256Of } from "../digest.ts";
import { quote } from "../evidence/document-text.ts";
import { parseInstant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import { repositoryAddress } from "./repository-address.ts";
import {
  malformed,
  readRootDocument,
  trustLimits,
  type RootDocument,
  type RootSignature,
  type TrustProblem,
} from "./root-document.ts";
import { readSealKey } from "./seal-key.ts";
import { materialOf, SignerReader } from "./signer-reader.ts";
import type { SealKey, TrustRoot } from "./trust-root.ts";

/** A root whose every field has been read. Whether it is signed is {@link signatureCount}'s answer. */
export type RootMetadata = {
  document: RootDocument;
  root: TrustRoot;
  keys: ReadonlyMap<string, SealKey>;
  /** TUF's own form, which counts signatures by the keys and threshold of the root role. */
  role: Metadata<Root>;
};
export type RootMetadataResult = { ok: true; value: RootMetadata } | TrustProblem;

/** TUF demands all four; there are no targets here, so they are the root's own keys. */
const roleNames = ["root", "snapshot", "targets", "timestamp"];

/**
 * Reads one root of the trust store and holds it against its own threshold: it shows that the file is whole, not that
 * anybody trusts its keys. Codes: `trust/malformed`, `trust/threshold`.
 */
export function readSignedRoot(bytes: Uint8Array): RootMetadataResult {
  const document = readRootDocument(bytes);
  if (!document.ok) return document;
  const read = readRootMetadata(document.value);
  return read.ok ? (ownThresholdProblem(read.value) ?? read) : read;
}

/** Reads every field of a root's signed part (TUF § 4.3 and ours), whoever signed it. */
export function readRootMetadata(document: RootDocument): RootMetadataResult {
  const { signed } = document;
  const shape = shapeProblem(signed);
  if (shape !== null) return malformed(shape);
  let role: Metadata<Root>;
  try {
    role = Metadata.fromJSON(MetadataKind.Root, { signed: signed as never, signatures: [] });
  } catch (error) {
    return malformed(error instanceof Error ? error.message : "it is no root metadata");
  }
  const keys = readKeys(jsonMember(signed, "keys") as JsonObject);
  if (typeof keys === "string") return malformed(keys);
  const rootRole = role.signed.roles["root"] as { keyIDs: string[]; threshold: number };
  const roleProblem = rootRoleProblem(rootRole, keys);
  if (roleProblem !== null) return malformed(roleProblem);
  const reader = new SignerReader(keys);
  const repository = jsonMember(signed, "repository") ?? null;
  const expires = parseInstant(role.signed.expires);
  const digest = rootDigest(signed);
  if (expires === null)
    return malformed(`expires is ${quote(role.signed.expires)}, not an RFC 3339 date-time`);
  if (digest === null) return malformed("it has a number that is not whole, which cannot be signed");
  if (repository !== null && (typeof repository !== "string" || repositoryAddress(repository) !== repository))
    return malformed(
      `repository is ${quote(repository)}, not an address such as https://forge.example/acme/app`,
    );
  const root: TrustRoot = {
    version: role.signed.version,
    expires,
    digest,
    repository,
    signers: reader.signers(jsonMember(signed, "signers")),
    revoked: reader.revocations(jsonMember(signed, "revoked")),
    notBefore: reader.notBefore(jsonMember(signed, "notBefore")),
    root: { keyids: rootRole.keyIDs, threshold: rootRole.threshold },
  };
  if (reader.problem !== null) return malformed(reader.problem);
  return { ok: true, value: { document, root, keys, role } };
}

/** What must be known before the library reads on: it would take longer than linear, or read less exactly. */
function shapeProblem(signed: JsonObject): string | null {
  const [version, spec] = [jsonMember(signed, "version"), jsonMember(signed, "spec_version")];
  if (typeof spec !== "string" || !/^1\.\d{1,4}(?:\.\d{1,4})?$/.test(spec))
    return `spec_version is ${quote(spec)}; this version reads 1.x, so update countersign or repair the file`;
  if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 1)
    return `version is ${quote(version)}, not a whole number from 1`;
  if (version > trustLimits.versions)
    return `version is ${version}; the bound is ${trustLimits.versions}, so start a new trust store`;
  const keys = jsonMember(signed, "keys");
  if (!isJsonObject(keys)) return `keys is ${quote(keys)}, not an object`;
  if (Object.keys(keys).length > trustLimits.entries)
    return `${Object.keys(keys).length} keys; the bound is ${trustLimits.entries}`;
  const roles = jsonMember(signed, "roles");
  const names = isJsonObject(roles) ? Object.keys(roles) : [];
  if (names.length !== roleNames.length || names.some((name) => !roleNames.includes(name)))
    return `roles are not exactly ${roleNames.join(", ")}`;
  return null;
}

function readKeys(value: JsonObject): ReadonlyMap<string, SealKey> | string {
  const keys = new Map<string, SealKey>();
  const ids = new Map<string, string>();
  for (const [keyid, form] of Object.entries(value)) {
    const read = readSealKey(form);
    if (!read.ok) return `the key ${quote(keyid)}: ${read.detail}`;
    if (read.key.keyid !== keyid) return `the key ${quote(keyid)} has the id ${read.key.keyid}`;
    // Ids cover how a key is written: another spelling of one key would count a second time.
    const material = `${read.key.algorithm} ${materialOf(read.key)}`;
    const twin = ids.get(material);
    if (twin !== undefined) return `one key stands under two ids, ${twin} and ${keyid}`;
    ids.set(material, keyid);
    keys.set(keyid, read.key);
  }
  return keys;
}

function rootRoleProblem(
  { keyIDs, threshold }: { keyIDs: readonly string[]; threshold: number },
  keys: ReadonlyMap<string, SealKey>,
): string | null {
  if (keyIDs.length > trustLimits.rootKeys)
    return `${keyIDs.length} root keys; the bound is ${trustLimits.rootKeys}`;
  if (!Number.isSafeInteger(threshold) || threshold < 1)
    return `the root threshold is ${threshold} of ${keyIDs.length} keys`;
  if (threshold > keyIDs.length)
    return `the root threshold is ${threshold} of ${keyIDs.length} keys; lower it to ${keyIDs.length}, or name more root keys`;
  for (const keyid of keyIDs) {
    const key = keys.get(keyid);
    if (key === undefined) return `the root key ${quote(keyid)} is not among keys`;
    if (key.algorithm !== "ed25519" && key.algorithm !== "ecdsa-p256-sha256")
      return `the root key ${keyid} is for ${key.algorithm}; roots are signed with Ed25519 or P-256`;
  }
  return null;
}

/**
 * Keys of one root's root role that have signed a document, each counted once, and how many must. The library's
 * count, over the JSON exactly as it was read: what is counted holds for fields that no reader knows.
 */
export function signatureCount(
  { role, root }: RootMetadata,
  { signed, signatures }: RootDocument,
): { keyids: readonly string[]; threshold: number } {
  const document = documentFor(signed, signatures);
  const keyids = root.root.keyids.filter((keyid) => {
    try {
      role.signed.keys[keyid]?.verifySignature(document);
      return role.signed.keys[keyid] !== undefined;
    } catch {
      return false;
    }
  });
  return { keyids, threshold: root.root.threshold };
}

/** Whether a root's own keys and threshold, as the root role of TUF § 5.3.4, accept a document. */
export function acceptsRoot({ role }: RootMetadata, { signed, signatures }: RootDocument): boolean {
  try {
    role.verifyDelegate("root", documentFor(signed, signatures));
    return true;
  } catch {
    return false;
  }
}

function ownThresholdProblem(metadata: RootMetadata): TrustProblem | null {
  if (acceptsRoot(metadata, metadata.document)) return null;
  const { keyids, threshold } = signatureCount(metadata, metadata.document);
  return {
    ok: false,
    code: "trust/threshold",
    detail: `${keyids.length} of ${threshold} root keys have signed it`,
  };
}

/** The bytes that root keys sign: OLPC canonical JSON (TUF § 4.2); null where a number is not whole. */
export function rootBytes(signed: JsonObject): Buffer | null {
  let bytes: Buffer | null = null;
  try {
    documentFor(signed, []).sign((canonical) => {
      bytes = canonical;
      return new Signature({ keyID: "", sig: "" });
    });
  } catch {
    return null;
  }
  return bytes;
}

/** What two people compare: the SHA-256 of {@link rootBytes}. */
export function rootDigest(signed: JsonObject): Digest | null {
  const bytes = rootBytes(signed);
  return bytes === null ? null : sha256Of(bytes);
}

/** The library's form of a document, of which it asks the JSON alone. */
function documentFor(signed: JsonObject, signatures: readonly RootSignature[]): Metadata<Root> {
  const table = Object.create(null) as Record<string, Signature>;
  for (const { keyid, sig } of signatures) table[keyid] = new Signature({ keyID: keyid, sig });
  return new Metadata({ toJSON: () => signed } as unknown as Root, table);
}
