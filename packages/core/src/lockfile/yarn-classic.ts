import { parseIntegrity, sameDigest } from "../digest.ts";
import { LineIndex, startOf, type Position } from "../position.ts";
import { formatPurl } from "../purl.ts";
import { ok, refuse, type Result } from "../result.ts";
import { isNpmName, isNpmVersion, parseHttpUrl, parseNpmTarballUrl } from "./npm-tarball-url.ts";
import { noMarkers, type Artefact, type LockedPackage, type PackageSet, type Source } from "./package-set.ts";
import { isOutside, joinPath } from "./relative-path.ts";
import { Problems, toFinding, type Problem } from "./problems.ts";
import type { LockfileReader, ReaderInput } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";
import { readClassicSyntax, type ClassicEntry, type Placed } from "./yarn-classic-syntax.ts";
import { parseLocator } from "./yarn-locator.ts";

const fix = "Restore the file from version control, or regenerate the entry: yarn install";

const knownFields: ReadonlySet<string> = new Set(
  (
    "name version resolved integrity dependencies optionalDependencies uid registry permissions " +
    "prebuiltVariants"
  ).split(" "),
);

/**
 * yarn.lock of Yarn 1. `integrity` is over the registry's tarball; what `resolved` carries after `#` is a SHA-1,
 * or the commit of a repository.
 */
export const readYarnClassic: LockfileReader = (input: ReaderInput): Result<PackageSet> => {
  const lines = new LineIndex(input.path, input.text);
  const syntax = readClassicSyntax(input.text, input.budget);
  if (!syntax.ok) {
    const { code, at, why } = syntax.problem;
    return refuse(toFinding({ code, at: lines.at(at), why, fix }));
  }
  const entries = 2 * syntax.entries.length;
  if (entries > input.budget.lockfileEntries) {
    const why = `The lockfile has ${entries} entries; the bound is ${input.budget.lockfileEntries}.`;
    return refuse(
      toFinding({ code: "budget/entries", at: startOf(input.path), why, fix: "Split the workspace." }),
    );
  }
  const set = new ClassicSet(lines, new Problems(input.budget));
  const read = set.read(syntax.entries);
  if (!read.ok) return read;
  const lockfile = {
    path: input.path,
    format: "yarn-classic",
    formatVersion: "1",
    digest: input.digest,
  } as const;
  return ok({
    lockfile,
    setDigest: packageSetDigest(read.value),
    packages: read.value,
    problems: set.problems.list(),
  });
};

/** What a pattern asks for: `left@npm:left-pad@^1.0.0` is seen as `left` and asks for `left-pad`. */
type Pattern = { text: string; as: string; name: string; range: string };
type Locked = { entry: ClassicEntry; patterns: Pattern[]; name: string; version: string; purl: string };

class ClassicSet {
  readonly problems: Problems;
  readonly #lines: LineIndex;
  readonly #byPattern: Map<string, Locked> = new Map();
  /** The one entry of a name; null: there are several. */
  readonly #byName: Map<string, Locked | null> = new Map();
  readonly #byPurl: Map<string, Artefact> = new Map();

  constructor(lines: LineIndex, problems: Problems) {
    this.#lines = lines;
    this.problems = problems;
  }

  read(entries: readonly ClassicEntry[]): Result<LockedPackage[]> {
    const locked: Locked[] = [];
    for (const entry of entries) {
      const one = this.#identify(entry);
      if (typeof one === "string") {
        return refuse(
          toFinding({ code: "lockfile/entry-malformed", at: this.#lines.at(entry.at), why: one, fix }),
        );
      }
      locked.push(one);
    }
    const packages: LockedPackage[] = [];
    for (const one of locked) {
      const pkg = this.#package(one);
      if (typeof pkg === "string") {
        return refuse(
          toFinding({ code: "lockfile/entry-malformed", at: this.#lines.at(one.entry.at), why: pkg, fix }),
        );
      }
      packages.push(pkg);
    }
    return ok(packages);
  }

  #identify(entry: ClassicEntry): Locked | string {
    const patterns: Pattern[] = [];
    for (const { text } of entry.patterns) {
      const pattern = parsePattern(text);
      if (pattern === null) return `\`${text.slice(0, 200)}\` is not the pattern of a package.`;
      patterns.push(pattern);
    }
    const version = valueOf(entry, "version")?.text;
    const [first] = patterns;
    if (first === undefined || version === undefined) return "An entry lacks its version.";
    // Yarn writes `name` where a pattern does not tell it: an alias merged with its target, a repository.
    const said = valueOf(entry, "name")?.text;
    if (said !== undefined && !isNpmName(said))
      return `\`${said.slice(0, 200)}\` cannot be the name of a package.`;
    const name = said !== undefined && isAddress(first.range) ? said : first.name;
    const locked: Locked = {
      entry,
      patterns,
      name,
      version,
      purl: formatPurl({ ecosystem: "npm", name, version }),
    };
    for (const pattern of patterns) this.#register(locked, pattern);
    if (said !== undefined && said !== name) {
      const why = `${locked.purl} says of itself that it is \`${said}\`.`;
      this.#problem({
        code: "lockfile/resolved-mismatch",
        at: this.#lines.at(entry.at),
        purl: locked.purl,
        why,
      });
    }
    this.#byName.set(name, this.#byName.has(name) ? null : locked);
    for (const [field] of entry.fields) {
      if (knownFields.has(field)) continue;
      const why = `\`${field.slice(0, 80)}\` is not a field of this format that is known here.`;
      this.#problem({
        code: "lockfile/unknown-field",
        at: this.#lines.at(entry.at),
        why,
        fix: "Update countersign.",
      });
    }
    return locked;
  }

  #register(locked: Locked, pattern: Pattern): void {
    const at = this.#lines.at(locked.entry.at);
    const { purl, version, name } = locked;
    if (this.#byPattern.has(pattern.text)) {
      const why = `Two entries answer \`${pattern.text.slice(0, 200)}\`: Yarn takes the last.`;
      this.#problem({ code: "lockfile/duplicate-key", at, purl, why });
    } else this.#byPattern.set(pattern.text, locked);
    const wrongVersion = isNpmVersion(pattern.range) && pattern.range !== version;
    if ((pattern.name !== name && !isAddress(pattern.range)) || wrongVersion) {
      const why = `\`${pattern.text.slice(0, 200)}\` is answered by ${purl}, which is not what it asks for.`;
      this.#problem({ code: "lockfile/resolved-mismatch", at, purl, why });
    }
  }

  #package(locked: Locked): LockedPackage | string {
    const { entry, patterns, name, version, purl } = locked;
    const source = this.#source(locked);
    if (typeof source === "string") return source;
    const at = this.#lines.at(entry.at);
    const artefacts = this.#artefacts(locked, source);
    this.#checkRepeated(locked, source, artefacts);
    const aliases = [...new Set(patterns.map((pattern) => pattern.as).filter((as) => as !== name))];
    for (const alias of aliases) {
      const why = `${purl} is installed under the name \`${alias}\`.`;
      const note =
        "Nothing to do where the alias is meant; otherwise correct the dependency and run: yarn install";
      this.#problem({ code: "lockfile/alias", at, purl, why, fix: note });
    }
    return {
      purl,
      name,
      version,
      source,
      artefacts,
      aliases,
      requires: this.#requires(entry),
      markers: noMarkers,
      at,
    };
  }

  #source(locked: Locked): Source | string {
    const { entry, patterns, name, version } = locked;
    const range = patterns[0]?.range ?? "";
    const resolved = valueOf(entry, "resolved");
    const path = /^(?:file:|link:)(.*)$/.exec(range)?.[1];
    if (path !== undefined) return this.#path(locked, joinPath(".", path), resolved);
    if (resolved === undefined) {
      return isAddress(range)
        ? `${locked.purl} comes from an address and has no \`resolved\`.`
        : registry(null);
    }
    const hash = resolved.text.indexOf("#");
    const address = hash === -1 ? resolved.text : resolved.text.slice(0, hash);
    const commit = hash === -1 ? "" : resolved.text.slice(hash + 1);
    if (isRepository(address)) {
      if (!/^[0-9a-f]{40}$/.test(commit))
        return `${locked.purl} comes from a repository and names no full commit.`;
      if (!isAddress(range)) this.#mismatch(locked, resolved);
      return { kind: "git", url: address, commit };
    }
    if (isAddress(range)) {
      const asked = range.split("#", 1)[0] as string;
      if (parseHttpUrl(asked) !== null && !isRepository(asked) && asked !== address)
        this.#mismatch(locked, resolved);
      return { kind: "url", url: address };
    }
    if (!/^[a-z][a-z0-9+.-]*:/i.test(address)) {
      // With `yarn-offline-mirror` only the file's name is kept.
      const file = `${name.replace("/", "-")}-${version}.tgz`;
      if (address !== file && address !== `${name.slice(name.indexOf("/") + 1)}-${version}.tgz`)
        this.#mismatch(locked, resolved);
      return registry(null);
    }
    const served = parseNpmTarballUrl(address);
    if (served !== null && served.name === name && served.version === version)
      return registry(served.registry);
    if (served !== null || parseHttpUrl(address) === null) this.#mismatch(locked, resolved);
    return { kind: "url", url: address };
  }

  #path(locked: Locked, path: string, resolved: Placed | undefined): Source {
    if (isOutside(path)) {
      const why = `${locked.purl} is installed from \`${path}\`, outside the project.`;
      const at = this.#lines.at(locked.entry.at);
      const move = "Move it into the project, or depend on a published version.";
      this.#problem({ code: "lockfile/link-outside", at, purl: locked.purl, why, fix: move });
    }
    if (resolved !== undefined && !resolved.text.startsWith("file:")) this.#mismatch(locked, resolved);
    return { kind: "path", path, workspace: false };
  }

  #artefacts({ entry, purl }: Locked, source: Source): Artefact[] {
    const resolved = valueOf(entry, "resolved");
    if (source.kind === "git" || (source.kind === "path" && resolved === undefined)) return [];
    const integrity = valueOf(entry, "integrity");
    const at = this.#lines.at(integrity?.at ?? entry.at);
    const read = parseIntegrity(integrity?.text ?? "");
    if (!read.ok) {
      const sha1 = integrity === undefined && /#[0-9a-f]{40}$/.test(resolved?.text ?? "");
      const why = sha1
        ? `${purl} is bound by the SHA-1 of its address alone.`
        : `${purl} is not bound to exactly one strong digest (${read.detail}).`;
      this.#problem({ code: sha1 ? "artefact/digest-weak" : read.code, at, purl, why });
    }
    return [
      { form: "tarball", file: null, url: resolved?.text ?? null, digest: read.ok ? read.digest : null, at },
    ];
  }

  /** Yarn writes one entry for one tarball, and two where a version was resolved from two addresses. */
  #checkRepeated({ entry, purl }: Locked, source: Source, artefacts: readonly Artefact[]): void {
    const [artefact] = artefacts;
    if (source.kind !== "registry" || artefact === undefined) return;
    const known = this.#byPurl.get(purl);
    if (known === undefined) {
      this.#byPurl.set(purl, artefact);
      return;
    }
    const { digest, url } = artefact;
    const agree = known.digest === null || digest === null || sameDigest(known.digest, digest);
    if (agree && known.url !== url) return;
    const why = `${purl} is locked twice${agree ? "" : ", with different digests"}.`;
    const code = agree ? "lockfile/duplicate-package" : "lockfile/conflicting-entries";
    this.#problem({ code, at: this.#lines.at(entry.at), purl, why });
  }

  #requires(entry: ClassicEntry): { as: string; purl: string }[] {
    const edges: { as: string; purl: string }[] = [];
    for (const group of ["dependencies", "optionalDependencies"]) {
      const field = entry.fields.get(group);
      if (field === undefined || !("block" in field)) continue;
      for (const [as, { text }] of field.block) {
        const target = this.#byPattern.get(`${as}@${text}`) ?? this.#byName.get(as);
        if (target !== undefined && target !== null) edges.push({ as, purl: target.purl });
      }
    }
    return edges;
  }

  #mismatch({ purl }: Locked, resolved: Placed): void {
    const at: Position = this.#lines.at(resolved.at);
    const why = `${purl} is fetched from ${resolved.text.slice(0, 300)}, which is not that package.`;
    this.#problem({ code: "lockfile/resolved-mismatch", at, purl, why });
  }

  #problem(problem: Omit<Problem, "fix"> & { fix?: string }): void {
    this.problems.add({ fix, ...problem });
  }
}

function parsePattern(text: string): Pattern | null {
  const locator = parseLocator(text) ?? (isNpmName(text) ? { ident: text, reference: { text: "" } } : null);
  if (locator === null || !isNpmName(locator.ident)) return null;
  const range = locator.reference.text;
  const target = range.startsWith("npm:") ? range.slice("npm:".length) : null;
  if (target === null) return { text, as: locator.ident, name: locator.ident, range };
  const aliased = parseLocator(target);
  const name = aliased?.ident ?? target;
  return isNpmName(name) ? { text, as: locator.ident, name, range: aliased?.reference.text ?? "" } : null;
}

function valueOf(entry: ClassicEntry, field: string): Placed | undefined {
  const found = entry.fields.get(field);
  return found !== undefined && "value" in found ? found.value : undefined;
}

const registry = (address: string | null): Source => ({
  kind: "registry",
  ecosystem: "npm",
  registry: address,
});

const isRepository = (address: string): boolean =>
  /^(?:git|ssh|git\+[a-z]+):/.test(address) || address.startsWith("git@") || address.endsWith(".git");

/** A range that names a place: a URL, `git@host:…` or `owner/repository`. */
const isAddress = (range: string): boolean =>
  /^[a-z][a-z0-9+.-]*:/i.test(range) || range.startsWith("git@") || /^[^@\s<>=~^|/]+\/[^\s/]+$/.test(range);
