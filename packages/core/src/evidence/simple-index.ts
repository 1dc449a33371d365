import type { Budget } from "../budget.ts";
import type { Code } from "../codes.ts";
import { digestFromHex, sameDigest, type Digest } from "../digest.ts";
import { parseInstant, type Instant } from "../instant.ts";
import { isJsonObject, jsonMember, type JsonObject } from "../json.ts";
import { normaliseProjectName } from "../purl.ts";
import { matchesProject } from "../pypi/distribution.ts";
import { parseDocumentText, quote, unreadableCode } from "./document-text.ts";
import { readAnchors, type Anchor } from "./html-anchors.ts";

/**
 * What an index says about a file's provenance. Only JSON of version 1.3 or later can say `absent`; HTML and older
 * JSON say nothing (`unsaid`), whatever the file really has.
 */
export type ProvenanceWord = { state: "offered"; url: string } | { state: "absent" } | { state: "unsaid" };

/** One file of a project, as the index lists it: unsigned. */
export type IndexFile = {
  filename: string;
  /** Verbatim, without a hash fragment; may be relative to the page. */
  url: string;
  /** Every strong digest; [] where the index gives none. */
  digests: readonly Digest[];
  /** Reason of the withdrawal ("" when none is given), null when it stands. */
  yanked: string | null;
  size: number | null;
  uploaded: Instant | null;
  provenance: ProvenanceWord;
};
/** A file that cannot be read keeps its name, so that it is not mistaken for an absent one. */
export type IndexEntry =
  | { state: "read"; file: IndexFile }
  | { state: "malformed"; filename: string; detail: string };

export type SimpleIndex = { form: "json" | "html"; apiVersion: string; entries: readonly IndexEntry[] };
export type SimpleIndexResult =
  | { state: "found"; index: SimpleIndex }
  | { state: "malformed"; code: Code; detail: string };

/** The file an artefact is: by its exact name, or, for a bare hash, by its digest among the version's files. */
export type IndexQuery = { name: string; version: string; file: string | null; digest: Digest | null };
export type IndexAnswer =
  | { state: "found"; file: IndexFile }
  | { state: "absent" }
  | { state: "malformed"; detail: string };

const jsonTypes: ReadonlySet<string> = new Set(["application/vnd.pypi.simple.v1+json", "application/json"]);
const htmlTypes: ReadonlySet<string> = new Set(["application/vnd.pypi.simple.v1+html", "text/html"]);
const longestReason = 2048;

/**
 * Reads a project's page of a Python index: JSON (PEP 691, 700, 740) or HTML (PEP 503, 592), as its content type says.
 * @param project the asked project; JSON names it and must agree
 */
export function readSimpleIndex(
  text: string,
  contentType: string,
  project: string,
  budget: Budget,
): SimpleIndexResult {
  const type = (contentType.split(";", 1)[0] as string).trim().toLowerCase();
  if (jsonTypes.has(type)) return readJson(text, project, budget);
  if (htmlTypes.has(type)) return readHtml(text, budget);
  return malformed(`the content type is ${quote(contentType)}`);
}

/** Finds one artefact's file. A file that stands twice is malformed: which of the two is meant is a guess. */
export function findIndexFile(index: SimpleIndex, query: IndexQuery): IndexAnswer {
  const candidates = index.entries.filter((entry) => {
    const filename = nameOf(entry);
    const candidate = query.file === null ? hasDigest(entry, query.digest) : filename === query.file;
    return candidate && matchesProject(filename, query.name, query.version);
  });
  const [entry, other] = candidates;
  if (entry === undefined) return { state: "absent" };
  if (other !== undefined)
    return { state: "malformed", detail: `${quote(nameOf(entry))} is listed more than once` };
  return entry.state === "read"
    ? { state: "found", file: entry.file }
    : { state: "malformed", detail: entry.detail };
}

const nameOf = (entry: IndexEntry): string => (entry.state === "read" ? entry.file.filename : entry.filename);
const hasDigest = (entry: IndexEntry, digest: Digest | null): boolean =>
  entry.state === "read" &&
  digest !== null &&
  entry.file.digests.some((listed) => sameDigest(listed, digest));

function readJson(text: string, project: string, budget: Budget): SimpleIndexResult {
  const parsed = parseDocumentText(text, budget);
  if (!parsed.ok)
    return { state: "malformed", code: unreadableCode(parsed, "listing/malformed"), detail: parsed.detail };
  if (!isJsonObject(parsed.value)) return malformed(`the index page is ${quote(parsed.value)}`);
  const page = parsed.value;
  const meta = jsonMember(page, "meta");
  const apiVersion = isJsonObject(meta) ? jsonMember(meta, "api-version") : undefined;
  const minor = typeof apiVersion === "string" ? minorVersion(apiVersion) : null;
  if (minor === null) return malformed(`the api-version is ${quote(apiVersion)}`);
  const name = jsonMember(page, "name");
  if (typeof name !== "string" || normaliseProjectName(name) !== normaliseProjectName(project)) {
    return malformed(`the index page is of ${quote(name)}`);
  }
  const files = jsonMember(page, "files");
  if (!Array.isArray(files)) return malformed(`files is ${quote(files)}`);
  const entries: IndexEntry[] = [];
  for (const value of files as readonly unknown[]) {
    const filename = isJsonObject(value) ? jsonMember(value, "filename") : undefined;
    if (!isJsonObject(value) || typeof filename !== "string")
      return malformed(`a file's name is ${quote(filename)}`);
    entries.push(jsonEntry(value, filename, minor >= 3));
  }
  return { state: "found", index: { form: "json", apiVersion: apiVersion as string, entries } };
}

/** Minor of a version 1.x, null for any other. */
function minorVersion(text: string): number | null {
  const match = /^1\.([0-9]{1,4})$/.exec(text);
  return match === null ? null : Number(match[1]);
}

function jsonEntry(value: JsonObject, filename: string, saysProvenance: boolean): IndexEntry {
  const fault = (field: string): IndexEntry => ({
    state: "malformed",
    filename,
    detail: `${field} of ${quote(filename)} is ${quote(jsonMember(value, field))}`,
  });
  const url = jsonMember(value, "url");
  if (typeof url !== "string" || url === "") return fault("url");
  const digests = listedHashes(jsonMember(value, "hashes"));
  if (digests === null) return fault("hashes");
  const yanked = jsonMember(value, "yanked") ?? false;
  if (typeof yanked !== "boolean" && typeof yanked !== "string") return fault("yanked");
  const size = jsonMember(value, "size") ?? null;
  if (size !== null && !(Number.isSafeInteger(size) && (size as number) >= 0)) return fault("size");
  const time = jsonMember(value, "upload-time") ?? null;
  const uploaded = typeof time === "string" ? parseInstant(time) : null;
  if (time !== null && uploaded === null) return fault("upload-time");
  const provenance = jsonMember(value, "provenance");
  if (provenance !== undefined && provenance !== null && typeof provenance !== "string")
    return fault("provenance");
  const file: IndexFile = {
    filename,
    url,
    digests,
    yanked: withdrawal(yanked),
    size: size as number | null,
    uploaded,
    provenance: provenanceWord(provenance, saysProvenance),
  };
  return { state: "read", file };
}

function provenanceWord(value: string | null | undefined, saysProvenance: boolean): ProvenanceWord {
  if (typeof value === "string") return { state: "offered", url: value };
  return value === null && saysProvenance ? { state: "absent" } : { state: "unsaid" };
}

/** PEP 592: an empty reason is a reason; `true` is a withdrawal without one. */
function withdrawal(yanked: boolean | string): string | null {
  if (yanked === false) return null;
  return yanked === true ? "" : yanked.slice(0, longestReason);
}

/** The strong ones of `hashes`; null when it is no such object or a strong one cannot be a digest. */
function listedHashes(value: unknown): readonly Digest[] | null {
  if (!isJsonObject(value)) return null;
  const digests: Digest[] = [];
  for (const algorithm of ["sha256", "sha384", "sha512"]) {
    const hex = jsonMember(value, algorithm);
    if (hex === undefined) continue;
    const digest = typeof hex === "string" ? digestFromHex(algorithm, hex) : null;
    if (digest === null) return null;
    digests.push(digest);
  }
  return digests;
}

function readHtml(text: string, budget: Budget): SimpleIndexResult {
  if (text.length > budget.documentBytes) {
    return {
      state: "malformed",
      code: "evidence/too-large",
      detail: `the page has ${text.length} characters`,
    };
  }
  const page = readAnchors(text);
  if (!page.ok) return malformed(page.detail);
  if (page.base) return malformed("the page moves its addresses with a base element");
  const versions = page.metas.filter((meta) => meta.get("name") === "pypi:repository-version");
  const apiVersion = versions.length === 0 ? "1.0" : (versions[0]?.get("content") ?? "");
  if (versions.length > 1 || minorVersion(apiVersion) === null)
    return malformed(`the repository version is ${quote(apiVersion)}`);
  const entries: IndexEntry[] = [];
  for (const anchor of page.anchors) {
    const entry = htmlEntry(anchor);
    if (entry === null) return malformed(`a link has no address or no file name: ${quote(anchor.text)}`);
    entries.push(entry);
  }
  return { state: "found", index: { form: "html", apiVersion, entries } };
}

/** PEP 503: the text is the last path component of the address, whose fragment is `<algorithm>=<hex>`. */
function htmlEntry({ attributes, text: filename }: Anchor): IndexEntry | null {
  const href = attributes.get("href");
  if (href === undefined || href === "" || filename === "") return null;
  const hash = href.indexOf("#");
  const url = hash === -1 ? href : href.slice(0, hash);
  const digests = hash === -1 ? [] : fragmentDigest(href.slice(hash + 1));
  if (lastComponent(url) !== filename) {
    return {
      state: "malformed",
      filename,
      detail: `the link ${quote(filename)} leads to ${quote(lastComponent(url))}`,
    };
  }
  if (digests === null)
    return { state: "malformed", filename, detail: `the hash of ${quote(filename)} cannot be one` };
  const yanked = attributes.get("data-yanked")?.slice(0, longestReason) ?? null;
  const provenance: ProvenanceWord = { state: "unsaid" };
  return { state: "read", file: { filename, url, digests, yanked, size: null, uploaded: null, provenance } };
}

function lastComponent(url: string): string | null {
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** [] for a weak, unknown or missing hash; null for a strong one that cannot be a digest. */
function fragmentDigest(fragment: string): readonly Digest[] | null {
  const equals = fragment.indexOf("=");
  const algorithm = fragment.slice(0, Math.max(equals, 0)).toLowerCase();
  if (algorithm !== "sha256" && algorithm !== "sha384" && algorithm !== "sha512") return [];
  const digest = digestFromHex(algorithm, fragment.slice(equals + 1));
  return digest === null ? null : [digest];
}

const malformed = (detail: string): { state: "malformed"; code: Code; detail: string } => ({
  state: "malformed",
  code: "listing/malformed",
  detail,
});
