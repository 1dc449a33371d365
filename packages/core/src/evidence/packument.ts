import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { parseIntegrity, type Digest } from "../digest.ts";
import { parseInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import { parseDocumentText, quote, unreadableCode } from "./document-text.ts";
import type { RegistrySignature } from "./evidence.ts";

/** `dist.signatures`: not there, an empty list, unreadable and readable are four different things. */
export type ListedSignatures =
  | { state: "found"; value: readonly RegistrySignature[] }
  | { state: "missing" }
  | { state: "empty" }
  | { state: "malformed"; detail: string };

/** What a registry says of one version: unsigned, all of it, until a signature over the locked digest verifies. */
export type VersionManifest = {
  name: string;
  version: string;
  /** Every strong digest of `dist.integrity`; [] where the registry gives none (SHA-1 `shasum` binds nothing). */
  digests: readonly Digest[];
  tarball: string | null;
  signatures: ListedSignatures;
  /** Whether `dist.attestations` is there, whatever it holds: its address is never followed. */
  attestationsListed: boolean;
  /** Publish time: the packument's `time`, null in a version manifest and where it is not a date-time. */
  published: Instant | null;
  /** `repository` as written: a string, or the `url` of an object. Never compared, only shown. */
  repository: string | null;
  /** Message of `deprecated`; null when it is not, or no longer, deprecated. */
  deprecated: string | null;
};

export type ManifestResult =
  | { state: "found"; manifest: VersionManifest }
  | { state: "malformed"; code: Code; detail: string };
export type VersionResult = ManifestResult | { state: "absent" };
export type PackumentResult =
  | { state: "found"; versions: ReadonlyMap<string, VersionResult> }
  | { state: "malformed"; code: Code; detail: string };

const longestText = 2048;
const longestIntegrity = 4096;

/** Reads a registry's answer to `GET /<name>/<version>`; the name and version in it must be the asked ones. */
export function readVersionManifest(
  text: string,
  name: string,
  version: string,
  budget: Budget,
): ManifestResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok)
    return { state: "malformed", code: unreadableCode(parsed, "listing/malformed"), detail: parsed.detail };
  return versionManifest(parsed.value, name, version, null, budget);
}

/**
 * Reads a packument (full or abbreviated) for the versions asked. A fault of one version is that version's result;
 * only a document that is not this package's packument fails whole.
 */
export function readPackument(
  text: string,
  name: string,
  versions: readonly string[],
  budget: Budget,
): PackumentResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok)
    return { state: "malformed", code: unreadableCode(parsed, "listing/malformed"), detail: parsed.detail };
  if (!isJsonObject(parsed.value)) return malformed(`the packument is ${quote(parsed.value)}`);
  const packument = parsed.value;
  const found = jsonMember(packument, "name");
  if (found !== name) return malformed(`the packument is of ${quote(found)}`);
  const listed = jsonMember(packument, "versions");
  if (!isJsonObject(listed)) return malformed(`versions is ${quote(listed)}`);
  const times = jsonMember(packument, "time");
  const results = versions.map((version): [string, VersionResult] => {
    if (!Object.hasOwn(listed, version)) return [version, { state: "absent" }];
    const published = isJsonObject(times) ? instant(jsonMember(times, version)) : null;
    return [version, versionManifest(listed[version], name, version, published, budget)];
  });
  return { state: "found", versions: new Map(results) };
}

function versionManifest(
  value: unknown,
  name: string,
  version: string,
  published: Instant | null,
  budget: Budget,
): ManifestResult {
  if (!isJsonObject(value)) return malformed(`the version is ${quote(value)}`);
  const [foundName, foundVersion] = [jsonMember(value, "name"), jsonMember(value, "version")];
  if (foundName !== name || foundVersion !== version) {
    return malformed(`the answer is about ${quote(foundName)} ${quote(foundVersion)}`);
  }
  const dist = jsonMember(value, "dist");
  if (!isJsonObject(dist)) return malformed(`dist is ${quote(dist)}`);
  const digests = listedDigests(jsonMember(dist, "integrity"));
  if (digests === null) return malformed(`dist.integrity is ${quote(jsonMember(dist, "integrity"))}`);
  const tarball = jsonMember(dist, "tarball") ?? null;
  if (tarball !== null && typeof tarball !== "string") return malformed(`dist.tarball is ${quote(tarball)}`);
  const manifest: VersionManifest = {
    name,
    version,
    digests,
    tarball,
    signatures: listedSignatures(dist, budget),
    attestationsListed: (jsonMember(dist, "attestations") ?? null) !== null,
    published,
    repository: repository(jsonMember(value, "repository")),
    deprecated: deprecation(jsonMember(value, "deprecated")),
  };
  return { state: "found", manifest };
}

/** All strong digests, each entry read strictly; null when one of them cannot be a digest. */
function listedDigests(integrity: unknown): readonly Digest[] | null {
  if (integrity === undefined || integrity === null) return [];
  if (typeof integrity !== "string" || integrity.length > longestIntegrity) return null;
  const digests: Digest[] = [];
  for (const token of integrity.split(/[ \t\r\n]+/)) {
    const read = parseIntegrity(token);
    if (read.ok) digests.push(read.digest);
    else if (read.code === "artefact/digest-malformed") return null;
  }
  return digests;
}

function listedSignatures(dist: JsonObject, budget: Budget): ListedSignatures {
  const listed = jsonMember(dist, "signatures");
  if (listed === undefined || listed === null) return { state: "missing" };
  if (!Array.isArray(listed)) return { state: "malformed", detail: `dist.signatures is ${quote(listed)}` };
  if (listed.length === 0) return { state: "empty" };
  if (listed.length > budget.attestations) {
    return { state: "malformed", detail: `${listed.length} signatures; the bound is ${budget.attestations}` };
  }
  const value: RegistrySignature[] = [];
  for (const entry of listed as readonly unknown[]) {
    const [keyid, sig] = isJsonObject(entry) ? [jsonMember(entry, "keyid"), jsonMember(entry, "sig")] : [];
    if (typeof keyid !== "string" || typeof sig !== "string") {
      return { state: "malformed", detail: "an entry of dist.signatures lacks keyid or sig" };
    }
    value.push({ keyid, sig });
  }
  return { state: "found", value };
}

function repository(value: unknown): string | null {
  const text = isJsonObject(value) ? jsonMember(value, "url") : value;
  return typeof text === "string" && text !== "" && text.length <= longestText ? text : null;
}

function deprecation(value: unknown): string | null {
  if (value === true) return "deprecated";
  return typeof value === "string" && value !== "" ? value.slice(0, longestText) : null;
}

const instant = (value: unknown): Instant | null => (typeof value === "string" ? parseInstant(value) : null);

const malformed = (detail: string): { state: "malformed"; code: Code; detail: string } => ({
  state: "malformed",
  code: "listing/malformed",
  detail,
});
