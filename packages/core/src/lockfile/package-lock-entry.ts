import type { Position } from "../position.ts";
import { quote, type JsonFields, type JsonLockfile } from "./json-lockfile.ts";
import { npmPurl, tarballArtefact, type TarballAddresses } from "./npm-artefact.ts";
import { isNpmName, isNpmVersion } from "./npm-tarball-url.ts";
import type { PackageLocation } from "./package-locations.ts";
import { noMarkers, type Artefact, type Markers, type Source } from "./package-set.ts";

/** Where a link leads, as the lock has it, and where that stands. */
export type PackageLink = { target: string; at: Position };

/** One entry of `packages`, before the entries of one package are folded. */
export type PackageLockEntry = {
  location: PackageLocation;
  fields: JsonFields;
  purl: string;
  name: string;
  version: string;
  /** null: `link` or `bundled`, which only the other entries can say. */
  source: Source | null;
  link: PackageLink | null;
  artefacts: readonly Artefact[];
  /** The name of its folder when it is not the package's. */
  alias: string | null;
  markers: Markers;
  at: Position;
};

const fix = "Delete this entry, run `npm install --package-lock-only` and review what changes.";

/** Every field that npm writes to an entry and that is read here or cannot change what is installed. */
const known: ReadonlySet<string> = new Set([
  "name",
  "version",
  "resolved",
  "integrity",
  "link",
  "inBundle",
  "dev",
  "optional",
  "devOptional",
  "peer",
  "extraneous",
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "acceptDependencies",
  "bundleDependencies",
  "bundledDependencies",
  "workspaces",
  "os",
  "cpu",
  "libc",
  "engines",
  "bin",
  "license",
  "licenses",
  "funding",
  "deprecated",
  "hasInstallScript",
  "hasShrinkwrap",
  "ideallyInert",
  "packageExtensionsHash",
  "npmExtensionHash",
  "patched",
  "packageExtensionsApplied",
  "npmExtensionApplied",
]);

/** Reads one entry; the root and the folders of workspaces are entries as well. */
export function readPackageLockEntry(
  lock: JsonLockfile,
  addresses: TarballAddresses,
  location: PackageLocation,
  fields: JsonFields,
): PackageLockEntry {
  fields.expectOnly(known);
  const folderName = location.names.at(-1) ?? nameOfFolder(location.folder);
  const name = fields.text("name") ?? folderName;
  const version = fields.text("version") ?? "";
  const purl = npmPurl(name, version);
  const { at } = fields;
  // The name of the folder was judged with its location.
  if (location.names.length > 0 && name !== folderName && !isNpmName(name))
    lock.misshapen(fields.place("name"), `${quote(name)} cannot be a package's name.`);
  // Mutable while it is read: copies of every entry are what a reader of thousands spends its time on.
  const entry: { -readonly [Field in keyof PackageLockEntry]: PackageLockEntry[Field] } = {
    location,
    fields,
    purl,
    name,
    version,
    source: null,
    link: null,
    artefacts: [],
    alias: name === folderName || location.names.length === 0 ? null : folderName,
    markers: readMarkers(fields),
    at,
  };
  if (fields.flag("link")) entry.link = readLink(lock, fields);
  else if (location.names.length === 0) entry.source = readFolder(lock, entry);
  else {
    noteChanges(lock, entry);
    const { source, artefacts } = readSource(lock, addresses, entry);
    entry.source = source;
    entry.artefacts = artefacts;
  }
  return entry;
}

/** `resolved` of a link is the folder that it leads to, relative to the project. */
function readLink(lock: JsonLockfile, fields: JsonFields): PackageLink {
  const target = fields.text("resolved");
  if (target === null) lock.misshapen(fields.at, "A link must say in `resolved` where it leads.");
  return { target: target ?? "", at: fields.place("resolved") };
}

function readFolder(lock: JsonLockfile, { fields, location, purl, at }: PackageLockEntry): Source {
  if (location.folder !== "" && (fields.has("resolved") || fields.has("integrity"))) {
    const why = "A folder of the project carries an address or digest, which no manager reads.";
    lock.problem({ code: "lockfile/entry-malformed", at, purl, why, fix });
  }
  return { kind: "path", path: location.folder === "" ? "." : location.folder, workspace: false };
}

type Origin = { source: Source | null; artefacts: readonly Artefact[] };

function readSource(lock: JsonLockfile, addresses: TarballAddresses, entry: PackageLockEntry): Origin {
  const { fields, name, version, purl } = entry;
  const integrity = fields.text("integrity");
  // npm takes an empty address for none.
  const url = fields.text("resolved") || null;
  const inBundle = fields.flag("inBundle");
  if (inBundle && url === null && integrity === null) return { source: null, artefacts: [] };
  const at = fields.place("integrity");
  const tarball = (file: string | null): Artefact[] => [
    tarballArtefact(lock, { purl, integrity, url, file, at, fix }),
  ];
  if (url === null || /^https?:/i.test(url)) {
    const { source, foreign } =
      url === null
        ? { source: { kind: "registry", ecosystem: "npm", registry: null } as const, foreign: null }
        : addresses.read(url, name, version);
    if (foreign !== null) {
      lock.problem({
        code: "lockfile/resolved-mismatch",
        at: fields.place("resolved"),
        purl,
        why: `The address belongs to ${quote(foreign)}, not to ${quote(`${name}@${version}`)}: that other package would be installed under this name.`,
        fix,
      });
    }
    if (source.kind === "registry" && !isNpmVersion(version)) {
      const why = `${quote(version)} is no version that a registry can hold.`;
      lock.problem({ code: "lockfile/entry-malformed", at: fields.place("version"), purl, why, fix });
    }
    return { source, artefacts: tarball(null) };
  }
  if (url.startsWith("file:")) {
    const path = url.slice("file:".length);
    const source: Source = { kind: "path", path, workspace: false };
    return {
      source,
      artefacts: /\.(?:tgz|tar|tar\.gz)$/i.test(path) ? tarball(path.split("/").at(-1) ?? null) : [],
    };
  }
  return { source: readGit(lock, entry, url), artefacts: [] };
}

function readGit(lock: JsonLockfile, { fields, purl }: PackageLockEntry, url: string): Source {
  const hash = url.indexOf("#");
  const commit = hash === -1 ? "" : url.slice(hash + 1);
  const git = /^(?:git(?:\+[a-z]+)?:|git@|ssh:)/.test(url);
  if (git && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
    return { kind: "git", url: url.slice(0, hash), commit };
  }
  const why = git
    ? "The git source is not locked to a full commit, so it can change after review."
    : `${quote(url)} is neither a registry, a file nor a git address.`;
  lock.problem({ code: "lockfile/entry-malformed", at: fields.place("resolved"), purl, why, fix });
  return git ? { kind: "git", url: hash === -1 ? url : url.slice(0, hash), commit } : { kind: "url", url };
}

/** What the project itself adds after the digest was checked, or a package brings along unlocked. */
function noteChanges(lock: JsonLockfile, { fields, purl }: PackageLockEntry): void {
  for (const field of ["patched", "packageExtensionsApplied", "npmExtensionApplied"]) {
    if (!fields.has(field)) continue;
    const why = `The project's own ${field === "patched" ? "patch" : "extension"} changes this package after its digest was checked.`;
    lock.problem({
      code: "lockfile/patched",
      at: fields.place(field),
      purl,
      why,
      fix: "Review the patch or extension as code.",
    });
  }
  if (fields.flag("hasShrinkwrap")) {
    const why = "The package ships a lockfile of its own, which npm before 12 obeys.";
    const hint = "Compare the entries nested below it with the package's npm-shrinkwrap.json.";
    lock.problem({ code: "lockfile/unknown-field", at: fields.place("hasShrinkwrap"), purl, why, fix: hint });
  }
}

const markerFields = ["optional", "dev", "peer", "os", "cpu", "libc"];

function readMarkers(fields: JsonFields): Markers {
  if (!markerFields.some((name) => fields.has(name))) return noMarkers;
  return {
    optional: fields.flag("optional"),
    dev: fields.flag("dev"),
    peer: fields.flag("peer"),
    os: fields.texts("os"),
    cpu: fields.texts("cpu"),
    libc: fields.texts("libc"),
    expression: null,
  };
}

function nameOfFolder(folder: string): string {
  const segments = folder.split("/");
  const scope = segments.at(-2) ?? "";
  const base = segments.at(-1) ?? "";
  return scope.startsWith("@") ? `${scope}/${base}` : base;
}
