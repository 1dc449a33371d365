import { parseHash, sameDigest, type Digest } from "../digest.ts";
import type { Position } from "../position.ts";
import { normaliseProjectName } from "../purl.ts";
import { isProjectName } from "../pypi/distribution.ts";
import { parseVersion, versionKey } from "../pypi/version.ts";
import { ok, refuse } from "../result.ts";
import { PackageIndex } from "./package-index.ts";
import { noMarkers, type Artefact, type LockedPackage } from "./package-set.ts";
import { Problems, toFinding } from "./problems.ts";
import {
  clashes,
  fileOfPath,
  fileOfUrl,
  mismatch,
  nameFile,
  pythonPurl,
  type NamedFile,
} from "./python-files.ts";
import type { LockfileReader, ReaderInput } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";
import { readTomlFields, UnknownFields, type Complaints, type TomlFields } from "./toml-fields.ts";
import { readUvSource, sourceKey, type UvSource } from "./uv-source.ts";

const version = 1;
const newestRevision = 5;

// Rewrites the whole file from what the index serves; `uv lock` alone keeps an altered hash or address.
const fix = "Run `uv lock --refresh` and review what changes in uv.lock.";

/**
 * Reads uv.lock, version 1 with revisions to 5. uv itself accepts any revision, but one that is unknown here may
 * carry fields that decide what is installed, so it is refused.
 */
export const readUvLock: LockfileReader = (input) => {
  const complaints: Complaints = { problems: new Problems(input.budget), refused: false, fix };
  const root = readTomlFields(input, complaints);
  const formatVersion = root === null ? null : readFormatVersion(root);
  if (root === null || formatVersion === null) return refuse(...complaints.problems.list());
  const packages = new UvReading(input.budget.lockfileEntries).packages(root);
  if (packages === null) return refuse(overEntries(input));
  if (complaints.refused) return refuse(...complaints.problems.list());
  return ok({
    lockfile: { path: input.path, format: "uv-lock", formatVersion, digest: input.digest },
    setDigest: packageSetDigest(packages),
    packages,
    problems: complaints.problems.list(),
  });
};

function readFormatVersion(root: TomlFields): string | null {
  const found = root.value("version");
  const revision = root.value("revision") ?? 0;
  const known =
    found === version && typeof revision === "number" && Number.isInteger(revision) && revision >= 0;
  if (known && revision <= newestRevision) return `${version}.${revision}`;
  const key = found === version ? "revision" : "version";
  root.report(
    "lockfile/version-unsupported",
    `${key} = ${quote(root.value(key))}: this reader knows version ${version} with revisions 0 to ${newestRevision}. Another one may say in other fields what is installed.`,
    {
      at: root.at(key),
      fix: "Run `uv lock` with a uv that writes a known revision, or upgrade Countersign.",
    },
  );
  return null;
}

const overEntries = ({ path, budget }: ReaderInput): ReturnType<typeof toFinding> =>
  toFinding({
    code: "budget/entries",
    at: { path, line: 1, column: 1 },
    why: `The lockfile has more than ${budget.lockfileEntries} packages and files.`,
    fix: "Regenerate the lockfile.",
  });

const rootFields: ReadonlySet<string> = new Set([
  "version",
  "revision",
  "requires-python",
  "resolution-markers",
  "supported-markers",
  "required-markers",
  "conflicts",
  "options",
  "manifest",
  "package",
  "distribution",
]);
const packageFields: ReadonlySet<string> = new Set([
  "name",
  "version",
  "source",
  "resolution-markers",
  "dependencies",
  "optional-dependencies",
  "dev-dependencies",
  "dependency-groups",
  "metadata",
  "sdist",
  "wheels",
]);
const fileFields: ReadonlySet<string> = new Set([
  "url",
  "path",
  "filename",
  "hash",
  "size",
  "upload-time",
  "upload_time",
  "zstd",
]);
const dependencyFields: ReadonlySet<string> = new Set(["name", "version", "source", "extra", "marker"]);

/** A package before its edges are resolved, which needs all the others. */
type Entry = Omit<LockedPackage, "requires"> & { fields: TomlFields };

/** One reading of one file: what is compared across its packages. */
class UvReading {
  readonly #budget: number;
  readonly #unknown = new UnknownFields();
  readonly #index = new PackageIndex();
  readonly #identities = new Set<string>();
  readonly #digests = new Map<string, Digest>();
  #entries = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  /** All packages; null when they are more than the budget allows. */
  packages(root: TomlFields): LockedPackage[] | null {
    this.#unknown.note(root, "the file", rootFields);
    if (root.has("distribution")) {
      root.refuse('"distribution" is an old name of "package" that uv still installs from.', "distribution");
    }
    const members = new Set((root.table("manifest")?.texts("members") ?? []).map(normaliseProjectName));
    const entries: Entry[] = [];
    for (const fields of root.tables("package")) {
      this.#entries += 1;
      if (this.#entries > this.#budget) return null;
      const entry = this.#entry(fields, members);
      if (entry !== null) entries.push(entry);
      if (this.#entries > this.#budget) return null;
    }
    return entries.map(({ fields, ...entry }) => ({ ...entry, requires: this.#requires(fields) }));
  }

  #entry(fields: TomlFields, members: ReadonlySet<string>): Entry | null {
    this.#unknown.note(fields, "[[package]]", packageFields);
    const name = fields.text("name");
    if (name === null || !isProjectName(name)) {
      fields.refuse(`A package needs a valid name, not ${quote(name)}.`, "name");
      return null;
    }
    const locked = fields.text("version") ?? "";
    const parsed = parseVersion(locked);
    if (locked !== "" && parsed === null) {
      fields.refuse(`${quote(locked)} of ${name} is not a version (PEP 440).`, "version");
      return null;
    }
    const source = readUvSource(fields, name, members);
    if (source === null) return null;
    if (source.kind === "registry" && parsed === null) {
      fields.refuse(`${name} comes from an index and has no version.`);
      return null;
    }
    const purl = pythonPurl(name, locked);
    this.#index.add(name, locked, source.key, purl);
    const identity = JSON.stringify([
      normaliseProjectName(name),
      parsed === null ? "" : versionKey(parsed),
      source.key,
    ]);
    if (this.#identities.has(identity)) {
      fields.report("lockfile/duplicate-package", `${name} ${locked} is locked twice from one source.`, {
        purl,
      });
    }
    this.#identities.add(identity);
    const artefacts = this.#artefacts(fields, source, { name, version: locked, purl });
    return {
      fields,
      purl,
      name: normaliseProjectName(name),
      version: locked,
      source: source.source,
      artefacts,
      aliases: [],
      markers: { ...noMarkers, expression: joinMarkers(fields.texts("resolution-markers")) },
      at: fields.at(),
    };
  }

  #artefacts(fields: TomlFields, source: UvSource, pkg: Named): Artefact[] {
    const sdist = fields.table("sdist");
    const wheels = fields.tables("wheels");
    this.#entries += wheels.length + (sdist === null ? 0 : 1);
    if (this.#entries > this.#budget) return [];
    if (source.kind === "tree") {
      if (sdist !== null || wheels.length > 0) {
        fields.report("lockfile/entry-malformed", `${pkg.name} is a source tree and yet lists files.`, {
          purl: pkg.purl,
        });
      }
      return [];
    }
    const listed = sdist === null ? [] : [this.#file("sdist", sdist, source, pkg)];
    for (const wheel of wheels) listed.push(this.#file("wheel", wheel, source, pkg));
    if (listed.length === 0) {
      const why = `${pkg.name} ${pkg.version} lists no file, so no hash binds what is installed.`;
      fields.report("artefact/digest-missing", why, { purl: pkg.purl });
    }
    const named = listed.flatMap(({ fields: at, named: file }) => (file === null ? [] : [{ ...file, at }]));
    for (const { index, why } of clashes(named)) {
      named[index]?.at.report("lockfile/file-duplicate", why, { purl: pkg.purl });
    }
    return listed.map(({ artefact }) => artefact);
  }

  #file(form: "sdist" | "wheel", fields: TomlFields, source: UvSource, pkg: Named): ListedFile {
    this.#unknown.note(fields, form === "sdist" ? "sdist" : "wheels", fileFields);
    const { purl } = pkg;
    const places = ["url", "path", "filename"].filter((key) => fields.has(key));
    const url = fields.text("url");
    const path = fields.text("path") ?? fields.text("filename");
    if (places.length > 1) {
      fields.report(
        "lockfile/entry-malformed",
        `A file of ${pkg.name} has ${places.join(" and ")}: uv takes the first and ignores the rest.`,
        { purl },
      );
    }
    if (fields.has("zstd")) {
      const why =
        "A second form of the wheel, with a hash of its own, is what uv downloads and installs instead.";
      fields.report("artefact/digest-several", why, { purl, at: fields.at("zstd") });
    }
    const address = url ?? (places.length === 0 ? source.url : null);
    const file = url !== null ? fileOfUrl(url) : path !== null ? fileOfPath(path) : source.file;
    const named = file === null ? null : nameFile(file);
    this.#checkPlace(form, fields, source, pkg, url, named);
    const digest = this.#digest(fields, file ?? pkg.name, purl);
    const at = fields.has("hash") ? fields.at("hash") : fields.at();
    if (digest !== null && file !== null) this.#compare(fields, `${purl} ${file}`, digest, file, purl);
    return { fields, named, artefact: { form, file, url: address, digest, at } };
  }

  #checkPlace(
    form: "sdist" | "wheel",
    fields: TomlFields,
    source: UvSource,
    pkg: Named,
    url: string | null,
    named: NamedFile | null,
  ): void {
    const { name, version: locked, purl } = pkg;
    const at = (): Position => (fields.has("url") ? fields.at("url") : fields.at());
    const isIndex = source.source.kind === "registry";
    if (source.kind === "registry" && url === null && (isIndex || !fields.has("path"))) {
      fields.refuse(`A file of ${name} has no address.`);
      return;
    }
    if (isIndex && url !== null && !/^https?:\/\//i.test(url)) {
      fields.report("lockfile/resolved-foreign", `A file of ${name} from an index lies at ${url}.`, {
        purl,
        at: at(),
      });
    }
    const file = named?.file ?? null;
    if (source.kind === "file" && ((url !== null && url !== source.url) || file !== source.file)) {
      const why = `The file of ${name} is ${url ?? file}, but its source is ${source.url ?? source.file}: uv uses parts of both.`;
      fields.report("lockfile/conflicting-entries", why, { purl, at: at() });
    }
    const why = misnamed(form, named, source, name, locked);
    if (why !== null) fields.report("lockfile/wheel-mismatch", why, { purl, at: at() });
  }

  #digest(fields: TomlFields, file: string, purl: string): Digest | null {
    const read = parseHash(fields.text("hash") ?? "");
    if (read.ok) return read.digest;
    const why = {
      "artefact/digest-missing": `No hash binds ${file}: uv installs whatever its address serves.`,
      "artefact/digest-weak": `Only ${read.detail} binds ${file}, and files with the same ${read.detail} can be made at will.`,
      "artefact/digest-several": `Several hashes stand for ${file}.`,
      "artefact/digest-malformed": `${quote(read.detail)} is no hash of ${file}.`,
    }[read.code];
    fields.report(read.code, why, { purl, at: fields.has("hash") ? fields.at("hash") : fields.at() });
    return null;
  }

  #compare(fields: TomlFields, key: string, digest: Digest, file: string, purl: string): void {
    const known = this.#digests.get(key);
    if (known === undefined) this.#digests.set(key, digest);
    else if (!sameDigest(known, digest)) {
      fields.report("lockfile/conflicting-entries", `Two entries give ${file} different hashes.`, {
        purl,
        at: fields.at("hash"),
      });
    }
  }

  #requires(fields: TomlFields): { as: string; purl: string }[] {
    if (fields.has("dependency-groups")) {
      fields.refuse(
        '"dependency-groups" is an old name of "dev-dependencies" that uv still installs from.',
        "dependency-groups",
      );
    }
    const lists = [fields.tables("dependencies")];
    for (const key of ["optional-dependencies", "dev-dependencies"]) {
      const groups = fields.table(key);
      for (const group of groups?.keys() ?? []) lists.push(groups?.tables(group) ?? []);
    }
    const edges = new Map<string, { as: string; purl: string }>();
    for (const dependency of lists.flat()) {
      const edge = this.#edge(dependency);
      if (edge !== null) edges.set(`${edge.as} ${edge.purl}`, edge);
    }
    return [...edges.values()];
  }

  #edge(fields: TomlFields): { as: string; purl: string } | null {
    this.#unknown.note(fields, "dependencies", dependencyFields);
    const name = fields.text("name");
    if (name === null || !isProjectName(name)) {
      fields.refuse(`A dependency needs a valid name, not ${quote(name)}.`);
      return null;
    }
    const source = fields.table("source");
    const key = source === null ? null : sourceKey(source);
    const found = this.#index.find({ name, version: fields.text("version"), source: key });
    if (typeof found === "object") return { as: normaliseProjectName(name), purl: found.purl };
    fields.refuse(
      found === "none"
        ? `The dependency ${name} is not locked.`
        : `The dependency ${name} could be any of several locked packages.`,
    );
    return null;
  }
}

/** Only an index's files and wheels carry the project in their names; an archive at an address may have any. */
function misnamed(
  form: "sdist" | "wheel",
  named: NamedFile | null,
  source: UvSource,
  name: string,
  locked: string,
): string | null {
  if (named === null) return `A file of ${name} has no name in its address.`;
  if (form === "sdist" && source.kind === "file") {
    return named.file.endsWith(".whl")
      ? `"${named.file}" of ${name} is a wheel where a source archive is expected.`
      : null;
  }
  return locked === "" ? null : mismatch(form, named, name, locked);
}

type ListedFile = { fields: TomlFields; named: NamedFile | null; artefact: Artefact };
type Named = { name: string; version: string; purl: string };

const joinMarkers = (markers: readonly string[]): string | null =>
  markers.length < 2 ? (markers[0] ?? null) : markers.map((marker) => `(${marker})`).join(" or ");

const quote = (value: unknown): string =>
  value === undefined || value === null
    ? "nothing"
    : typeof value === "string"
      ? JSON.stringify(value.slice(0, 160))
      : String(value as number | boolean | null).slice(0, 160);
