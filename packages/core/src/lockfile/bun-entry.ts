import { isJsonObject } from "../json.ts";
import type { JsonNode } from "../json-tree.ts";
import type { Position } from "../position.ts";
import { JsonFields, quote, type JsonLockfile } from "./json-lockfile.ts";
import { npmPurl, tarballArtefact, type TarballAddresses } from "./npm-artefact.ts";
import { isNpmName, isNpmVersion } from "./npm-tarball-url.ts";
import { noMarkers, type Artefact, type Markers, type Source } from "./package-set.ts";

type Common = { purl: string; name: string; installedAs: string; at: Position };

/** One tuple of `packages`; workspaces are described in full by `workspaces`, the root by nothing. */
export type BunEntry = Common &
  (
    | { kind: "root" }
    | { kind: "workspace"; path: string }
    | {
        kind: "package";
        version: string;
        source: Source;
        artefacts: readonly Artefact[];
        info: JsonFields | null;
        markers: Markers;
      }
  );

const fix = "Delete this entry, run `bun install --lockfile-only` and review what changes.";
const versions: ReadonlySet<unknown> = new Set([0, 1, 2]);

const infoFields: ReadonlySet<string> = new Set([
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
  "optionalPeers",
  "bundled",
  "os",
  "cpu",
  "libc",
  "bin",
  "binDir",
]);

/** The lockfile's version; null when it is unknown, and the file refused. */
export function formatVersionOf(lock: JsonLockfile): string | null {
  const found = lock.root.value["lockfileVersion"];
  if (versions.has(found)) return String(found);
  lock.misshapen(
    lock.root.place("lockfileVersion"),
    `lockfileVersion ${quote(JSON.stringify(found) ?? "(missing)")} is unknown: another version may say elsewhere what is installed.`,
    "lockfile/version-unsupported",
    "Upgrade Countersign, or write the lockfile with a Bun that writes version 0, 1 or 2.",
  );
  return null;
}

/**
 * Reads `["name@resolution", …]`. What follows depends on the resolution: a registry's version has address, info
 * and digest; a tarball info and perhaps a digest; git info, tag and perhaps a digest; folders and links info; a
 * workspace nothing. `null`: misshapen, and the file refused.
 */
export function readTuple(
  lock: JsonLockfile,
  addresses: TarballAddresses,
  node: JsonNode,
  value: unknown,
): BunEntry | null {
  const at = lock.at(lock.tree.keyOffset(node));
  const tuple = new Tuple(lock, node, value, at);
  const spec = tuple.text(0);
  const split = spec === null ? -1 : spec.indexOf("@", 1);
  if (spec === null || (split === -1 && !spec.startsWith("@root:")))
    return tuple.misshapen("starts with `name@resolution`");
  if (spec.startsWith("@root:")) return { kind: "root", purl: "", name: "", installedAs: "", at };
  const name = spec.slice(0, split);
  const resolution = spec.slice(split + 1);
  if (resolution === "root:") return { kind: "root", purl: npmPurl(name, ""), name, installedAs: name, at };
  if (resolution.startsWith("workspace:")) {
    const path = resolution.slice("workspace:".length);
    return tuple.length > 2
      ? tuple.misshapen("holds one string for a workspace")
      : { kind: "workspace", path, purl: npmPurl(name, ""), name, installedAs: name, at };
  }
  if (!isNpmName(name)) return tuple.misshapen(`names a package, not ${quote(name)}`);
  if (isNpmVersion(resolution)) return readRegistry(lock, addresses, tuple, name, resolution);
  return readOther(lock, tuple, name, resolution);
}

function readRegistry(
  lock: JsonLockfile,
  addresses: TarballAddresses,
  tuple: Tuple,
  name: string,
  version: string,
): BunEntry | null {
  const address = tuple.text(1);
  const info = tuple.info(2);
  const integrity = tuple.text(3);
  if (address === null || info === null || integrity === null || tuple.length !== 4) {
    return tuple.misshapen("holds a name and version, an address, an object and a digest");
  }
  const purl = npmPurl(name, version);
  const { source, foreign } =
    address === ""
      ? { source: { kind: "registry", ecosystem: "npm", registry: null } as const, foreign: null }
      : addresses.read(address, name, version);
  if (foreign !== null) {
    const why = `The address belongs to ${quote(foreign)}, not to ${quote(`${name}@${version}`)}: that other package would be installed under this name.`;
    lock.problem({ code: "lockfile/resolved-mismatch", at: tuple.place(1), purl, why, fix });
  }
  // Bun marks what a parent bundles and still locks its digest; it is checked like any other, whatever the mark.
  const url = address === "" ? null : address;
  const artefact = tarballArtefact(lock, { purl, integrity, url, file: null, at: tuple.place(3), fix });
  return packageOf(tuple, { name, version, source, artefacts: [artefact], info });
}

function readOther(lock: JsonLockfile, tuple: Tuple, name: string, resolution: string): BunEntry | null {
  const info = tuple.info(1);
  if (info === null) return tuple.misshapen("holds an object after the resolution");
  const purl = npmPurl(name, "");
  const found = (source: Source, artefacts: readonly Artefact[] = []): BunEntry =>
    packageOf(tuple, { name, version: "", source, artefacts, info });
  const tarball = (file: string | null): Artefact => {
    const at = tuple.length > 2 ? tuple.place(2) : tuple.at;
    return tarballArtefact(lock, { purl, integrity: tuple.text(2), url: resolution, file, at, fix });
  };
  const local = /^(?:file|link):/.exec(resolution);
  if (local !== null) {
    if (tuple.length > 2) return tuple.misshapen("holds nothing after the object of a folder");
    if (local[0] === "link:") {
      const why =
        "The package is linked from a folder outside the project: what lies there is installed unchecked.";
      lock.problem({ code: "lockfile/link-outside", at: tuple.place(0), purl, why, fix });
    }
    return found({ kind: "path", path: resolution.slice(local[0].length), workspace: false });
  }
  if (/^(?:git\+|git:|git@|ssh:|github:)/.test(resolution)) {
    if (tuple.text(2) === null || tuple.length > 4 || (tuple.length === 4 && tuple.text(3) === null)) {
      return tuple.misshapen("holds an object, a tag and perhaps a digest for git");
    }
    return found(readGit(lock, tuple, purl, resolution));
  }
  if (tuple.length > 3 || (tuple.length === 3 && tuple.text(2) === null)) {
    return tuple.misshapen("holds an object and perhaps a digest for a tarball");
  }
  if (/^https?:/i.test(resolution)) return found({ kind: "url", url: resolution }, [tarball(null)]);
  if (!/\.(?:tgz|tar\.gz)$/i.test(resolution))
    return tuple.misshapen(`names where a package comes from, not ${quote(resolution)}`);
  const file = resolution.split("/").at(-1) ?? null;
  return found({ kind: "path", path: resolution, workspace: false }, [tarball(file)]);
}

function readGit(lock: JsonLockfile, tuple: Tuple, purl: string, resolution: string): Source {
  const hash = resolution.indexOf("#");
  const url = hash === -1 ? resolution : resolution.slice(0, hash);
  const commit = hash === -1 ? "" : resolution.slice(hash + 1);
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
    lock.problem({
      code: "lockfile/entry-malformed",
      at: tuple.place(0),
      purl,
      why: "The git source is not locked to a full commit, so it can change after review.",
      fix: 'Name the full commit in package.json ("github:owner/repository#<40 hex digits>") and run `bun install`.',
    });
  }
  return { kind: "git", url, commit };
}

type Found = {
  name: string;
  version: string;
  source: Source;
  artefacts: readonly Artefact[];
  info: JsonFields;
};

function packageOf({ at }: Tuple, { info, ...found }: Found): BunEntry {
  info.expectOnly(infoFields);
  const markers = { ...noMarkers, os: info.texts("os"), cpu: info.texts("cpu"), libc: info.texts("libc") };
  return {
    kind: "package",
    purl: npmPurl(found.name, found.version),
    installedAs: found.name,
    at,
    info,
    markers,
    ...found,
  };
}

class Tuple {
  readonly at: Position;
  readonly #lock: JsonLockfile;
  readonly #nodes: readonly JsonNode[];
  readonly #values: readonly unknown[];

  constructor(lock: JsonLockfile, node: JsonNode, value: unknown, at: Position) {
    this.at = at;
    this.#lock = lock;
    this.#values = Array.isArray(value) ? value : [];
    this.#nodes = Array.isArray(value) ? lock.tree.children(node) : [];
  }

  get length(): number {
    return this.#values.length;
  }

  text(index: number): string | null {
    const value = this.#values[index];
    return typeof value === "string" ? value : null;
  }

  info(index: number): JsonFields | null {
    const value = this.#values[index];
    const node = this.#nodes[index];
    return isJsonObject(value) && node !== undefined ? new JsonFields(this.#lock, node, value) : null;
  }

  place(index: number): Position {
    const node = this.#nodes[index];
    return node === undefined ? this.at : this.#lock.at(this.#lock.tree.offset(node));
  }

  misshapen(shape: string): null {
    this.#lock.misshapen(this.at, `An entry of \`packages\` ${shape}.`);
    return null;
  }
}
