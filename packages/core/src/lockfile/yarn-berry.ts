import { digestFromHex } from "../digest.ts";
import { startOf, type Position } from "../position.ts";
import { formatPurl } from "../purl.ts";
import { ok, refuse, type Result } from "../result.ts";
import type { YamlMap } from "../yaml-tree.ts";
import { isNpmVersion } from "./npm-tarball-url.ts";
import type { Artefact, LockedPackage, Markers, PackageSet } from "./package-set.ts";
import { isOutside, joinPath } from "./relative-path.ts";
import { toFinding, type Problem } from "./problems.ts";
import type { LazyLockfileReader, ReaderInput } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";
import { YamlLockfile } from "./yaml-lockfile.ts";
import { parseLocator, parseReference, type YarnLocator } from "./yarn-locator.ts";
import { readYarnSource, type YarnSource } from "./yarn-source.ts";

const regenerate = "yarn install --mode=update-lockfile";

/**
 * Yarn 3.2 and later (6) and Yarn 4 (8 to 10) write the same entries. Before 6 there are no `conditions`; 7 was
 * only ever in release candidates; later versions are not known.
 */
export const yarnBerryVersions: readonly string[] = ["6", "8", "9", "10"];

const knownFields: ReadonlySet<string> = new Set(
  (
    "version resolution dependencies peerDependencies dependenciesMeta peerDependenciesMeta bin " +
    "checksum conditions languageName linkType"
  ).split(" "),
);

/**
 * yarn.lock of Yarn Berry. An entry is what its `resolution` says; its key only lists who asks for it. Checksums
 * are over the zip that Yarn makes of a package, so their form is `yarn-zip` and they bind to no statement by
 * themselves. A patch is a package of its own beside the one it patches: same name, version and source, and the
 * patch as its artefact's `url`.
 */
export const readYarnBerry: LazyLockfileReader = async (input: ReaderInput): Promise<Result<PackageSet>> => {
  const opened = await YamlLockfile.open(input, "failsafe", regenerate);
  if (!opened.ok) return opened;
  const file = opened.value;
  const [document] = file.documents;
  const whole = document === undefined ? null : file.map(document, "The lockfile");
  const metadata = whole === null ? null : file.mapIn(whole, "__metadata");
  if (file.documents.length !== 1 || whole === null || metadata === null) {
    const why = "The file is not one map with `__metadata`, which every lockfile of Yarn Berry is.";
    return refuse(
      toFinding({
        code: "lockfile/malformed",
        at: startOf(input.path),
        why,
        fix: `Regenerate the lockfile: ${regenerate}`,
      }),
    );
  }
  const version = file.textIn(metadata, "version") ?? "";
  if (!yarnBerryVersions.includes(version)) {
    const at = file.at(metadata.entries.get("version")?.value.at ?? metadata.at);
    const why = `Lockfile version ${JSON.stringify(version.slice(0, 40))} is not one of ${yarnBerryVersions.join(", ")}.`;
    return refuse(
      toFinding({
        code: "lockfile/version-unsupported",
        at,
        why,
        fix: `yarn set version stable && ${regenerate}`,
      }),
    );
  }
  const entries = 2 * (whole.entries.size - 1);
  if (entries > input.budget.lockfileEntries) {
    const why = `The lockfile has ${entries} entries; the bound is ${input.budget.lockfileEntries}.`;
    return refuse(
      toFinding({ code: "budget/entries", at: startOf(input.path), why, fix: "Split the workspace." }),
    );
  }
  const set = new BerrySet(file, whole, file.textIn(metadata, "cacheKey"));
  const packages = set.read();
  const refused = file.refused();
  if (refused !== null) return refused;
  const lockfile = {
    path: input.path,
    format: "yarn-berry",
    formatVersion: version,
    digest: input.digest,
  } as const;
  return ok({ lockfile, setDigest: packageSetDigest(packages), packages, problems: file.problems.list() });
};

type Entry = {
  at: number;
  fields: YamlMap;
  descriptors: string[];
  /** Verbatim. */
  resolution: string;
  locator: YarnLocator;
  found: YarnSource;
  version: string;
  purl: string;
};

class BerrySet {
  readonly #file: YamlLockfile;
  readonly #root: YamlMap;
  readonly #cacheKey: string | null;
  readonly #byDescriptor: Map<string, Entry> = new Map();
  readonly #byResolution: Map<string, Entry> = new Map();
  /** The one entry of a name; null: there are several. */
  readonly #byIdent: Map<string, Entry | null> = new Map();

  constructor(file: YamlLockfile, root: YamlMap, cacheKey: string | null) {
    this.#file = file;
    this.#root = root;
    this.#cacheKey = cacheKey;
  }

  read(): LockedPackage[] {
    const workspaces = this.#workspaces();
    const entries: Entry[] = [];
    for (const [key, { keyAt, value }] of this.#root.entries) {
      const fields = key === "__metadata" ? null : this.#file.map(value, "The entry");
      const entry = fields === null ? null : this.#entry(key, keyAt, fields, workspaces);
      if (entry !== null) entries.push(entry);
    }
    return entries.map((entry) => this.#package(entry));
  }

  #workspaces(): ReadonlySet<string> {
    const paths = new Set<string>();
    for (const { value } of this.#root.entries.values()) {
      const resolution = value.kind === "map" ? value.entries.get("resolution")?.value : undefined;
      const reference = resolution?.kind === "scalar" ? parseLocator(resolution.text)?.reference : undefined;
      if (reference?.protocol === "workspace:") paths.add(joinPath(".", reference.selector));
    }
    return paths;
  }

  #entry(key: string, at: number, fields: YamlMap, workspaces: ReadonlySet<string>): Entry | null {
    for (const [field, { keyAt }] of fields.entries) {
      if (knownFields.has(field)) continue;
      const why = `\`${field.slice(0, 80)}\` is not a field of this format that is known here.`;
      this.#problem({
        code: "lockfile/unknown-field",
        at: this.#file.at(keyAt),
        why,
        fix: "Update countersign.",
      });
    }
    const resolution = this.#file.textIn(fields, "resolution");
    const locator = resolution === null ? null : parseLocator(resolution);
    const claimed = this.#file.textIn(fields, "version");
    if (resolution === null || locator === null || claimed === null) {
      return this.#malformed(at, key, "it lacks a version or a resolution");
    }
    const read = readYarnSource(locator, workspaces);
    if ("problem" in read && read.problem === "malformed") return this.#malformed(at, key, read.why);
    const local = claimed === "0.0.0-use.local" || /[\s/]/.test(claimed);
    const version = local ? "" : claimed;
    const purl = formatPurl({ ecosystem: "npm", name: locator.ident, version });
    const place = this.#place(fields, "resolution", at);
    const mismatch = (why: string): void =>
      this.#problem({
        code: "lockfile/resolved-mismatch",
        at: place,
        purl,
        why: `\`${resolution.slice(0, 200)}\` is not what it says: ${why}.`,
      });
    if ("problem" in read) mismatch(read.why);
    const found: YarnSource =
      "problem" in read
        ? { source: { kind: "url", url: resolution }, version: "", url: resolution, zipped: true }
        : read;
    if (found.version !== "" && found.version !== version)
      mismatch(`the entry says version ${claimed.slice(0, 100)}`);
    const descriptors = key.split(/,/).map((descriptor) => descriptor.trim());
    const entry: Entry = { at, fields, descriptors, resolution, locator, found, version, purl };
    this.#checkLink(entry);
    this.#register(entry);
    return entry;
  }

  #checkLink({ found: { source }, purl, at, locator }: Entry): void {
    if (source.kind !== "path" || (source.workspace && !isOutside(source.path))) return;
    const isLink = locator.reference.protocol === "link:" || locator.reference.protocol === "portal:";
    if (!isLink && !isOutside(source.path)) return;
    const why = `\`${locator.ident}\` is used from \`${source.path}\`, which is no workspace of this project: nothing binds what lies there.`;
    const fix = `Add \`${source.path}\` to the workspaces of package.json, or depend on a published version.`;
    this.#problem({ code: "lockfile/link-outside", at: this.#file.at(at), purl, why, fix });
  }

  /** Yarn keeps the last entry of a descriptor and of a locator; which one that is must not decide. */
  #register(entry: Entry): void {
    const at = this.#file.at(entry.at);
    for (const descriptor of entry.descriptors) {
      if (this.#byDescriptor.has(descriptor)) {
        const why = `Two entries answer \`${descriptor.slice(0, 200)}\`: Yarn takes the last.`;
        this.#problem({ code: "lockfile/duplicate-key", at, purl: entry.purl, why });
      } else this.#byDescriptor.set(descriptor, entry);
      this.#checkDescriptor(entry, descriptor, at);
    }
    const { ident } = entry.locator;
    this.#byIdent.set(ident, this.#byIdent.has(ident) ? null : entry);
    const known = this.#byResolution.get(entry.resolution);
    if (known === undefined) {
      this.#byResolution.set(entry.resolution, entry);
      return;
    }
    const sum = (one: Entry): string | null => this.#file.textIn(one.fields, "checksum");
    const agree = known.version === entry.version && sum(known) === sum(entry);
    const why = `\`${entry.resolution.slice(0, 200)}\` is locked twice${agree ? "" : ", with different contents"}: Yarn takes the last.`;
    this.#problem({
      code: agree ? "lockfile/duplicate-package" : "lockfile/conflicting-entries",
      at,
      purl: entry.purl,
      why,
    });
  }

  /** A descriptor asks for a name, and for a version where it is exact: an entry that answers with another is forged. */
  #checkDescriptor(entry: Entry, text: string, at: Position): void {
    const descriptor = parseLocator(text);
    const { protocol, selector } = descriptor?.reference ?? parseReference("");
    let asked = descriptor?.ident ?? "";
    let range = selector;
    if (protocol === "npm:" || protocol === "") {
      const alias = parseLocator(selector);
      if (alias !== null) [asked, range] = [alias.ident, alias.reference.text];
      const exact = isNpmVersion(range) && entry.found.version !== "";
      if (exact && withoutBuild(range) !== withoutBuild(entry.version)) asked = "";
    }
    if (asked === entry.locator.ident) return;
    const why = `\`${text.slice(0, 200)}\` is answered by \`${entry.resolution.slice(0, 200)}\`, which is not what it asks for.`;
    this.#problem({ code: "lockfile/resolved-mismatch", at, purl: entry.purl, why });
  }

  #package(entry: Entry): LockedPackage {
    const { locator, found, version, purl } = entry;
    const aliases = new Set<string>();
    for (const descriptor of entry.descriptors) {
      const ident = parseLocator(descriptor)?.ident;
      if (ident !== undefined && ident !== locator.ident) aliases.add(ident);
    }
    const at = this.#file.at(entry.at);
    for (const alias of aliases) {
      const why = `${purl} is installed under the name \`${alias}\`.`;
      const fix =
        "Nothing to do where the alias is meant; otherwise correct the dependency and regenerate the lockfile.";
      this.#problem({ code: "lockfile/alias", at, purl, why, fix });
    }
    const artefacts = found.zipped ? [this.#artefact(entry)] : [];
    const name = locator.ident;
    const markers = this.#markers(entry.fields);
    return {
      purl,
      name,
      version,
      source: found.source,
      artefacts,
      aliases: [...aliases],
      requires: this.#requires(entry),
      markers,
      at,
    };
  }

  /** `cacheKey/sha512` of the zip; format 6 leaves out the key of the file's own cache. */
  #artefact({ fields, found, purl, at: entryAt, resolution }: Entry): Artefact {
    const text = this.#file.textIn(fields, "checksum");
    const at = this.#place(fields, "checksum", entryAt);
    const made = { form: "yarn-zip", file: null, url: found.url, at } as const;
    const name = resolution.slice(0, 200);
    if (text === null) {
      const why = `\`${name}\` has no checksum: Yarn installs whatever it is served.`;
      // Yarn writes none for packages of one platform. Whether this machine's install takes one is not the reader's
      // to say: without a digest it is refused wherever it is in scope.
      if (!fields.entries.has("conditions"))
        this.#problem({ code: "artefact/digest-missing", at, purl, why });
      return { ...made, digest: null };
    }
    const slash = text.indexOf("/");
    const cacheKey = slash === -1 ? this.#cacheKey : text.slice(0, slash);
    const digest = digestFromHex("sha512", text.slice(slash + 1));
    if (digest === null || cacheKey === null) {
      const why = `The checksum of \`${name}\` is not a cache key and a SHA-512.`;
      this.#problem({ code: "artefact/digest-malformed", at, purl, why });
      return { ...made, digest: null };
    }
    if (cacheKey !== this.#cacheKey) {
      const why = `The checksum of \`${name}\` is of cache ${cacheKey.slice(0, 40)}, the lockfile's is ${String(this.#cacheKey).slice(0, 40)}: Yarn ignores it and installs whatever it is served.`;
      this.#problem({ code: "artefact/cache-key-mismatch", at, purl, why });
      return { ...made, digest: null };
    }
    return { ...made, digest, cacheKey };
  }

  /** An edge that a `resolutions` field redirects is found by its name where there is one package of it. */
  #requires(entry: Entry): { as: string; purl: string }[] {
    const edges: { as: string; purl: string }[] = [];
    const dependencies = this.#file.mapIn(entry.fields, "dependencies");
    for (const [as, { value }] of dependencies?.entries ?? []) {
      const range = this.#file.text(value, `\`${as}\``);
      if (range === null) continue;
      const target =
        this.#byDescriptor.get(`${as}@${range}`) ??
        this.#byDescriptor.get(`${as}@npm:${range}`) ??
        this.#byDescriptor.get(`${as}@${range}::locator=${encodeURIComponent(entry.resolution)}`) ??
        this.#byIdent.get(as);
      if (target !== undefined && target !== null) edges.push({ as, purl: target.purl });
    }
    return edges;
  }

  #markers(fields: YamlMap): Markers {
    const expression = this.#file.textIn(fields, "conditions");
    const words = (field: string): string[] => {
      const plain = expression !== null && !expression.includes("!");
      return plain
        ? [...expression.matchAll(new RegExp(`\\b${field}=([\\w-]+)`, "g"))].map(
            (match) => match[1] as string,
          )
        : [];
    };
    return {
      optional: false,
      dev: false,
      peer: false,
      os: words("os"),
      cpu: words("cpu"),
      libc: words("libc"),
      expression,
    };
  }

  #place(fields: YamlMap, field: string, otherwise: number): Position {
    return this.#file.at(fields.entries.get(field)?.value.at ?? otherwise);
  }

  #malformed(at: number, key: string, why: string): null {
    this.#file.refuse({ at }, `The entry \`${key.slice(0, 200)}\`: ${why}.`, "lockfile/entry-malformed");
    return null;
  }

  #problem(problem: Omit<Problem, "fix"> & { fix?: string }): void {
    this.#file.problem(problem);
  }
}

const withoutBuild = (version: string): string => version.split("+", 1)[0] as string;
