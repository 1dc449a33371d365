import { parseHash, sameDigest, type Digest } from "../digest.ts";
import { normaliseProjectName } from "../purl.ts";
import { isProjectName } from "../pypi/distribution.ts";
import { parseVersion, versionKey } from "../pypi/version.ts";
import { ok, refuse } from "../result.ts";
import { PackageIndex } from "./package-index.ts";
import {
  noMarkers,
  type Artefact,
  type ArtefactForm,
  type LockedPackage,
  type Source,
} from "./package-set.ts";
import { Problems, toFinding } from "./problems.ts";
import { clashes, fileOfPath, fileOfUrl, mismatch, nameFile, pythonPurl } from "./python-files.ts";
import type { LockfileReader } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";
import { readTomlFields, UnknownFields, type Complaints, type TomlFields } from "./toml-fields.ts";

const lockVersion = "1.0";
const fix = "Write the file anew with the tool in its `created-by`, and review what changes.";

/**
 * Reads pylock.toml (PEP 751, lock-version 1.0). Where installers differ in what they do with a file, the file or
 * the entry is refused: they accept any one of several hashes, and take the first of several sources.
 */
export const readPylock: LockfileReader = (input) => {
  const complaints: Complaints = { problems: new Problems(input.budget), refused: false, fix };
  const root = readTomlFields(input, complaints);
  if (root === null || !isKnownVersion(root)) return refuse(...complaints.problems.list());
  const packages = new PylockReading(input.budget.lockfileEntries).packages(root);
  if (packages === null) {
    const why = `The lockfile has more than ${input.budget.lockfileEntries} packages and files.`;
    return refuse(toFinding({ code: "budget/entries", at: root.at("packages"), why, fix }));
  }
  if (complaints.refused) return refuse(...complaints.problems.list());
  return ok({
    lockfile: { path: input.path, format: "pylock", formatVersion: lockVersion, digest: input.digest },
    setDigest: packageSetDigest(packages),
    packages,
    problems: complaints.problems.list(),
  });
};

function isKnownVersion(root: TomlFields): boolean {
  const found = root.value("lock-version");
  if (found === lockVersion) return true;
  root.report(
    "lockfile/version-unsupported",
    `lock-version is ${typeof found === "string" ? JSON.stringify(found.slice(0, 80)) : "no string"}; this reader knows "${lockVersion}".`,
    {
      at: root.at("lock-version"),
      fix: `Write the file with a tool that uses lock-version "${lockVersion}", or upgrade Countersign.`,
    },
  );
  return false;
}

const rootFields: ReadonlySet<string> = new Set([
  "lock-version",
  "environments",
  "requires-python",
  "extras",
  "dependency-groups",
  "default-groups",
  "created-by",
  "packages",
  "tool",
]);
const packageFields: ReadonlySet<string> = new Set([
  "name",
  "version",
  "marker",
  "requires-python",
  "dependencies",
  "vcs",
  "directory",
  "archive",
  "index",
  "sdist",
  "wheels",
  "attestation-identities",
  "tool",
]);
const fileFields: ReadonlySet<string> = new Set(["name", "upload-time", "url", "path", "size", "hashes"]);
const archiveFields: ReadonlySet<string> = new Set([
  "url",
  "path",
  "size",
  "upload-time",
  "hashes",
  "subdirectory",
]);

type Named = { name: string; version: string; purl: string };
type Origin = { source: Source; artefacts: Artefact[]; key: string };
type Entry = Omit<LockedPackage, "requires"> & { fields: TomlFields };

/** One reading of one file: what is compared across its packages. */
class PylockReading {
  readonly #budget: number;
  readonly #unknown = new UnknownFields();
  readonly #index = new PackageIndex();
  readonly #identities = new Set<string>();
  readonly #digests = new Map<string, Digest>();
  #entries = 0;
  #identityClaims = 0;

  constructor(budget: number) {
    this.#budget = budget;
  }

  /** All packages; null when they are more than the budget allows. */
  packages(root: TomlFields): LockedPackage[] | null {
    this.#unknown.note(root, "the file", rootFields);
    const entries: Entry[] = [];
    for (const fields of root.tables("packages")) {
      this.#entries += 1;
      const entry = this.#entry(fields);
      if (this.#entries > this.#budget) return null;
      if (entry !== null) entries.push(entry);
    }
    if (this.#identityClaims > 0) {
      const why = `${this.#identityClaims} packages carry attestation-identities. They are claims of this file: identities are taken from certificates, and demanded by the policy.`;
      root.report("lockfile/claim-ignored", why, {
        at: root.at("packages"),
        fix: "Name the identities in the policy to require them.",
      });
    }
    return entries.map(({ fields, ...entry }) => ({ ...entry, requires: this.#requires(fields) }));
  }

  #entry(fields: TomlFields): Entry | null {
    this.#unknown.note(fields, "[[packages]]", packageFields);
    const name = fields.text("name");
    if (name === null || !isProjectName(name)) {
      fields.refuse("A package needs a valid name.", "name");
      return null;
    }
    const version = fields.text("version") ?? "";
    const parsed = parseVersion(version);
    if (version !== "" && parsed === null) {
      fields.refuse(`The version of ${name} is not one (PEP 440).`, "version");
      return null;
    }
    const marker = fields.text("marker");
    if (fields.has("attestation-identities")) this.#identityClaims += 1;
    const pkg: Named = { name, version, purl: pythonPurl(name, version) };
    const origin = this.#origin(fields, pkg);
    if (origin === null) return null;
    this.#index.add(name, version, origin.key, pkg.purl);
    const identity = JSON.stringify([
      normaliseProjectName(name),
      parsed === null ? "" : versionKey(parsed),
      origin.key,
    ]);
    if (this.#identities.has(identity)) {
      fields.report("lockfile/duplicate-package", `${name} ${version} is locked twice from one source.`, {
        purl: pkg.purl,
      });
    }
    this.#identities.add(identity);
    return {
      fields,
      purl: pkg.purl,
      name: normaliseProjectName(name),
      version,
      source: origin.source,
      artefacts: origin.artefacts,
      aliases: [],
      markers: { ...noMarkers, expression: marker },
      at: fields.at(),
    };
  }

  #origin(fields: TomlFields, pkg: Named): Origin | null {
    const kinds = ["vcs", "directory", "archive", "index files"].filter((kind) =>
      kind === "index files" ? fields.has("sdist") || fields.has("wheels") : fields.has(kind),
    );
    if (kinds.length !== 1) {
      const why =
        kinds.length === 0
          ? `${pkg.name} says nothing to install.`
          : `${pkg.name} has ${kinds.join(" and ")}: installers differ in which one they take.`;
      fields.refuse(why);
      return null;
    }
    switch (kinds[0]) {
      case "vcs":
        return readVcs(fields, pkg.name);
      case "directory":
        return readDirectory(fields, pkg.name);
      case "archive":
        return this.#archive(fields, pkg);
      default:
        return this.#listed(fields, pkg);
    }
  }

  #archive(fields: TomlFields, pkg: Named): Origin | null {
    const archive = fields.table("archive");
    if (archive === null) return null;
    this.#entries += 1;
    this.#unknown.note(archive, "archive", archiveFields);
    const place = this.#place(archive, pkg);
    if (place === null) return null;
    const { url, path } = place;
    const subdirectory = archive.text("subdirectory");
    const file = url === null ? fileOfPath(path ?? "") : fileOfUrl(url);
    const form: ArtefactForm = file?.endsWith(".whl") ? "wheel" : "sdist";
    const why =
      form === "wheel" && file !== null && pkg.version !== ""
        ? mismatch(form, nameFile(file), pkg.name, pkg.version)
        : null;
    if (why !== null) archive.report("lockfile/wheel-mismatch", why, { purl: pkg.purl });
    const source: Source =
      url === null
        ? { kind: "path", path: path ?? "", workspace: false }
        : { kind: "url", url: subdirectory === null ? url : `${url}#subdirectory=${subdirectory}` };
    return {
      source,
      artefacts: [this.#artefact(form, archive, file, url, pkg)],
      key: JSON.stringify(source),
    };
  }

  #listed(fields: TomlFields, pkg: Named): Origin | null {
    const index = fields.text("index");
    if (pkg.version === "") {
      fields.refuse(`${pkg.name} comes from an index and has no version.`);
      return null;
    }
    if (index !== null && !(/^https?:\/\//i.test(index) && URL.canParse(index))) {
      fields.refuse(`The index of ${pkg.name} is no web address.`, "index");
      return null;
    }
    const sdist = fields.table("sdist");
    const wheels = fields.tables("wheels");
    this.#entries += wheels.length + (sdist === null ? 0 : 1);
    if (this.#entries > this.#budget) return null;
    const files = [
      ...(sdist === null ? [] : [{ form: "sdist" as const, file: sdist }]),
      ...wheels.map((file) => ({ form: "wheel" as const, file })),
    ];
    const artefacts = files.flatMap(({ form, file }) => this.#listedFile(form, file, pkg) ?? []);
    if (files.length === 0) {
      fields.report(
        "artefact/digest-missing",
        `${pkg.name} ${pkg.version} lists no file, so no hash binds what is installed.`,
        { purl: pkg.purl },
      );
    }
    for (const clash of clashes(artefacts.map(({ file }) => nameFile(file ?? "")))) {
      files[clash.index]?.file.report("lockfile/file-duplicate", clash.why, { purl: pkg.purl });
    }
    return {
      source: { kind: "registry", ecosystem: "pypi", registry: index },
      artefacts,
      key: JSON.stringify(["index", index]),
    };
  }

  #listedFile(form: "sdist" | "wheel", fields: TomlFields, pkg: Named): Artefact | null {
    this.#unknown.note(fields, form === "sdist" ? "sdist" : "wheels", fileFields);
    const place = this.#place(fields, pkg);
    if (place === null) return null;
    const { url, path } = place;
    const address = url === null ? fileOfPath(path ?? "") : fileOfUrl(url);
    const file = fields.text("name") ?? address;
    const { purl } = pkg;
    const why =
      file === null
        ? `A file of ${pkg.name} has no name.`
        : mismatch(form, nameFile(file), pkg.name, pkg.version);
    if (why !== null) fields.report("lockfile/wheel-mismatch", why, { purl });
    else if (
      address !== null &&
      address !== file &&
      mismatch(form, nameFile(address), pkg.name, pkg.version) !== null
    ) {
      fields.report(
        "lockfile/wheel-mismatch",
        `"${file}" is fetched from an address that ends in "${address}".`,
        { purl, at: fields.at("name") },
      );
    }
    return this.#artefact(form, fields, file, url, pkg);
  }

  /** Exactly one of `url` and `path`: with both, installers differ in which one they fetch. */
  #place(fields: TomlFields, pkg: Named): { url: string | null; path: string | null } | null {
    const place = { url: fields.text("url"), path: fields.text("path") };
    if ((place.url === null) !== (place.path === null)) return place;
    fields.refuse(`A file of ${pkg.name} needs one of url and path.`);
    return null;
  }

  #artefact(
    form: ArtefactForm,
    fields: TomlFields,
    file: string | null,
    url: string | null,
    { name, purl }: Named,
  ): Artefact {
    const { digest, algorithm } = this.#digest(fields, file ?? name, purl);
    const at = algorithm === null ? fields.at() : fields.at("hashes", algorithm);
    const known = this.#digests.get(`${purl} ${file}`);
    if (digest !== null && known === undefined) this.#digests.set(`${purl} ${file}`, digest);
    else if (digest !== null && known !== undefined && !sameDigest(known, digest)) {
      fields.report("lockfile/conflicting-entries", `Two entries give ${file} different hashes.`, {
        purl,
        at,
      });
    }
    return { form, file, url, digest, at };
  }

  // One hash exactly: with several, installers accept a file that matches any one, the weakest included.
  #digest(
    fields: TomlFields,
    file: string,
    purl: string,
  ): { digest: Digest | null; algorithm: string | null } {
    const hashes = fields.table("hashes");
    const [algorithm, ...others] = hashes?.keys() ?? [];
    if (hashes === null || algorithm === undefined) {
      fields.report(
        "artefact/digest-missing",
        `No hash binds ${file}: whatever its address serves is installed.`,
        { purl },
      );
      return { digest: null, algorithm: null };
    }
    const at = hashes.at(algorithm);
    if (others.length > 0) {
      const why = `${file} has hashes of ${others.length + 1} algorithms, and a file that matches any one of them is installed.`;
      hashes.report("artefact/digest-several", why, { purl, at, fix: `Keep only the sha256 of ${file}.` });
      return { digest: null, algorithm };
    }
    const text = hashes.text(algorithm);
    const read = parseHash(`${algorithm}:${text ?? ""}`);
    if (read.ok) return { digest: read.digest, algorithm };
    const why =
      read.code === "artefact/digest-weak"
        ? `Only ${read.detail} binds ${file}, and files with the same ${read.detail} can be made at will.`
        : `The ${algorithm.slice(0, 40)} of ${file} is no hash.`;
    hashes.report(read.code, why, { purl, at });
    return { digest: null, algorithm };
  }

  #requires(fields: TomlFields): { as: string; purl: string }[] {
    const edges = new Map<string, { as: string; purl: string }>();
    for (const dependency of fields.tables("dependencies")) {
      const name = dependency.text("name");
      if (name === null || !isProjectName(name)) {
        dependency.refuse("A dependency needs a valid name.");
        continue;
      }
      const index = dependency.text("index");
      const source = index === null ? null : JSON.stringify(["index", index]);
      const found = this.#index.find({ name, version: dependency.text("version"), source });
      if (typeof found === "object")
        edges.set(found.purl, { as: normaliseProjectName(name), purl: found.purl });
      else
        dependency.refuse(
          found === "none"
            ? `The dependency ${name} is not locked.`
            : `The dependency ${name} could be any of several locked packages.`,
        );
    }
    return [...edges.values()];
  }
}

function readVcs(fields: TomlFields, name: string): Origin | null {
  const vcs = fields.table("vcs");
  if (vcs === null) return null;
  const url = vcs.text("url") ?? vcs.text("path");
  const commit = vcs.text("commit-id") ?? "";
  const subdirectory = vcs.text("subdirectory");
  if (vcs.text("type") !== "git" || url === null || (vcs.has("url") && vcs.has("path"))) {
    vcs.refuse(`${name} needs a git repository at one address; other version control systems are not read.`);
    return null;
  }
  if (!/^[0-9a-f]{40}$/i.test(commit)) {
    vcs.refuse(`${name} has no full git commit, so what it installs can change.`, "commit-id");
    return null;
  }
  const source: Source = {
    kind: "git",
    url: subdirectory === null ? url : `${url}#subdirectory=${subdirectory}`,
    commit: commit.toLowerCase(),
  };
  return { source, artefacts: [], key: JSON.stringify(source) };
}

function readDirectory(fields: TomlFields, name: string): Origin | null {
  const directory = fields.table("directory");
  const path = directory?.text("path") ?? null;
  if (directory === null || path === null) {
    fields.refuse(`The directory of ${name} has no path.`, "directory");
    return null;
  }
  const subdirectory = directory.text("subdirectory");
  const whole = subdirectory === null ? path : `${path}/${subdirectory}`;
  const source: Source = { kind: "path", path: whole, workspace: whole === "." };
  return { source, artefacts: [], key: JSON.stringify(source) };
}
