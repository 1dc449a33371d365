import { parseHash } from "../digest.ts";
import { LineIndex, type Position } from "../position.ts";
import { normaliseProjectName } from "../purl.ts";
import { isProjectName, parseDistributionFilename } from "../pypi/distribution.ts";
import { parseVersion, versionKey } from "../pypi/version.ts";
import { ok, refuse } from "../result.ts";
import { noMarkers, type Artefact, type LockedPackage, type Source } from "./package-set.ts";
import { Problems, type Problem } from "./problems.ts";
import { fileOfUrl, pythonPurl } from "./python-files.ts";
import type { LockfileReader, ReaderInput } from "./reader.ts";
import { logicalLines, type LogicalLine, type Token } from "./requirements-lines.ts";
import { packageSetDigest } from "./set-digest.ts";

const regenerate =
  "Generate the file with `uv pip compile --generate-hashes` or `pip-compile --generate-hashes`.";

/**
 * Reads a requirements file of pinned versions with `--hash` (pip's hash-checking mode). It is exact for what pip
 * and uv both read alike; whatever they may read differently, or that leads to another file, refuses it.
 */
export const readRequirements: LockfileReader = (input) => {
  const reading = new RequirementsReading(input);
  const packages = reading.packages();
  if (packages === null || reading.refused) return refuse(...reading.problems.list());
  return ok({
    lockfile: { path: input.path, format: "requirements", formatVersion: "", digest: input.digest },
    setDigest: packageSetDigest(packages),
    packages,
    problems: reading.problems.list(),
  });
};

/** Options of a whole file that change neither where files come from nor whether their hashes are checked. */
const harmless: ReadonlySet<string> = new Set(["--require-hashes", "--pre", "--prefer-binary"]);
const harmlessWithValue: ReadonlySet<string> = new Set(["--only-binary", "--no-binary"]);
const includes: ReadonlySet<string> = new Set(["-r", "--requirement", "-c", "--constraint"]);

class RequirementsReading {
  readonly problems: Problems;
  refused = false;
  readonly #input: ReaderInput;
  readonly #places: LineIndex;
  readonly #seen = new Set<string>();
  #index: string | null = null;
  #entries = 0;

  constructor(input: ReaderInput) {
    this.#input = input;
    this.#places = new LineIndex(input.path, input.text);
    this.problems = new Problems(input.budget);
  }

  /** All requirements; null when the text or its size rules out reading it. */
  packages(): LockedPackage[] | null {
    const split = logicalLines(this.#input.text);
    if (!split.ok) {
      this.#refuse(split.offset, split.why, "Generate the file anew.", split.code);
      return null;
    }
    const requirements = split.lines.filter((line) => !this.#option(line));
    const packages: LockedPackage[] = [];
    for (const line of requirements) {
      const pkg = this.#requirement(line);
      if (this.#entries > this.#input.budget.lockfileEntries) {
        this.#refuse(
          line.offset,
          `The file has more than ${this.#input.budget.lockfileEntries} entries.`,
          "Split the file.",
          "budget/entries",
        );
        return null;
      }
      if (pkg !== null) packages.push(pkg);
    }
    return packages;
  }

  /** Whether the line is an option of the whole file; what it means for sources and safety is taken in. */
  #option({ tokens, offset }: LogicalLine): boolean {
    const first = tokens[0] as Token;
    if (!first.text.startsWith("-")) return false;
    const { name, value } = optionOf(tokens);
    const quoted = `\`${name}\``;
    if (harmless.has(name) && tokens.length === 1) return true;
    if (harmlessWithValue.has(name) && value !== null) return true;
    if (includes.has(name)) {
      this.#refuse(
        offset,
        `${quoted} leads to another file, and what is installed is not all in this one.`,
        "Name that file with --lockfile of its own, or compile all of it into one file.",
      );
    } else if (name === "-i" || name === "--index-url") this.#useIndex(offset, value);
    else if (
      name === "--extra-index-url" ||
      name === "--find-links" ||
      name === "-f" ||
      name === "--no-index"
    ) {
      this.#refuse(
        offset,
        `${quoted}: which index serves a package is not locked, so another one may answer first.`,
        "Keep one `--index-url`, and remove the line.",
      );
    } else if (name === "-e" || name === "--editable") {
      this.#refuse(
        offset,
        "An editable install is built from files that no hash binds.",
        "Install the project itself apart from this file.",
      );
    } else if (name === "--trusted-host") {
      this.#add(
        "settings/weakens",
        offset,
        "`--trusted-host` turns off the check of the server's certificate.",
        "Remove the line.",
      );
    } else
      this.#refuse(
        offset,
        `${quoted} is not an option this reader knows, so what it changes is unknown.`,
        "Remove the line.",
      );
    return true;
  }

  #useIndex(offset: number, value: string | null): void {
    if (value === null || !/^https?:\/\//i.test(value) || !URL.canParse(value)) {
      this.#refuse(offset, "`--index-url` needs one web address.", "Write `--index-url https://…`.");
    } else if (this.#index !== null && this.#index !== value) {
      this.#refuse(
        offset,
        "A second `--index-url` replaces the first for the whole file.",
        "Keep one `--index-url`.",
      );
    } else this.#index = value;
  }

  #requirement({ tokens, offset }: LogicalLine): LockedPackage | null {
    this.#entries += 1;
    const split = tokens.findIndex(({ text }) => text.startsWith("-"));
    const head = (split === -1 ? tokens : tokens.slice(0, split)).map(({ text }) => text).join(" ");
    const hashes = split === -1 ? [] : hashTokens(tokens.slice(split));
    if (hashes === null) {
      this.#refuse(offset, "After a requirement only `--hash=ALGORITHM:HEX` is read.", regenerate);
      return null;
    }
    const parsed = parseRequirement(head);
    if (typeof parsed === "string") {
      this.#refuse(offset, parsed, regenerate);
      return null;
    }
    const purl = pythonPurl(parsed.name, parsed.version);
    const why = parsed.unpinned;
    if (why !== null)
      this.#add("lockfile/entry-malformed", offset, why, `Write \`${parsed.name}==VERSION\`.`, purl);
    this.#once(offset, parsed, purl);
    const { source } = parsed;
    return {
      purl,
      name: normaliseProjectName(parsed.name),
      version: parsed.version,
      source: source ?? { kind: "registry", ecosystem: "pypi", registry: this.#index },
      artefacts: source?.kind === "git" ? [] : this.#artefacts(offset, hashes, parsed, purl),
      aliases: [],
      requires: [],
      markers: { ...noMarkers, expression: parsed.marker },
      at: this.#places.at(offset),
    };
  }

  #once(offset: number, { name, version }: Requirement, purl: string): void {
    const parsed = parseVersion(version);
    const key = JSON.stringify([normaliseProjectName(name), parsed === null ? version : versionKey(parsed)]);
    if (this.#seen.has(key))
      this.#add(
        "lockfile/duplicate-package",
        offset,
        `${name} ${version} is required twice.`,
        "Remove one of the lines.",
        purl,
      );
    this.#seen.add(key);
  }

  // Every hash is an artefact of its own, for the file has a hash of each wheel and sdist and names none of them.
  #artefacts(offset: number, hashes: readonly Token[], parsed: Requirement, purl: string): Artefact[] {
    const url = parsed.source?.kind === "url" ? parsed.source.url : null;
    const file = url === null ? null : fileOfUrl(url);
    const known = file === null ? null : parseDistributionFilename(file);
    if (known?.form === "wheel" && known.project !== normaliseProjectName(parsed.name)) {
      this.#add(
        "lockfile/wheel-mismatch",
        offset,
        `"${file}" is not a file of ${parsed.name}: it would be installed in its place.`,
        "Correct the address.",
        purl,
      );
    }
    if (hashes.length === 0) {
      this.#add(
        "artefact/digest-missing",
        offset,
        `No hash binds ${parsed.name}: whatever is served is installed.`,
        regenerate,
        purl,
      );
    }
    if (parsed.source !== null && hashes.length > 1) {
      this.#add(
        "artefact/digest-several",
        offset,
        `Several hashes stand for the one file of ${parsed.name}: any of them is installed.`,
        "Keep the hash of the file that was reviewed.",
        purl,
      );
    }
    return hashes.map((hash) => {
      this.#entries += 1;
      const read = parseHash(hash.text);
      const at = this.#places.at(hash.offset);
      if (!read.ok) {
        const why =
          read.code === "artefact/digest-weak"
            ? `${read.detail} is broken, and a file with that hash can be made at will.`
            : `${JSON.stringify(hash.text.slice(0, 160))} is no hash.`;
        this.#add(read.code, hash.offset, why, regenerate, purl);
      }
      // A hash without a name may be of an sdist, the form that can run code when it is installed.
      return { form: known?.form ?? "sdist", file, url, digest: read.ok ? read.digest : null, at };
    });
  }

  #refuse(
    offset: number,
    why: string,
    fix: string,
    code: Problem["code"] = "lockfile/entry-malformed",
  ): void {
    this.refused = true;
    this.#add(code, offset, why, fix);
  }

  #add(code: Problem["code"], offset: number, why: string, fix: string, purl?: string): void {
    const at: Position = this.#places.at(offset);
    this.problems.add({ code, at, why, fix, ...(purl === undefined ? {} : { purl }) });
  }
}

type Requirement = {
  name: string;
  /** "" when it names no exact version; `unpinned` then says so. */
  version: string;
  unpinned: string | null;
  /** null: an index. */
  source: Source | null;
  marker: string | null;
};

/** Reads `name[extras]==version ; marker` or `name[extras] @ address ; marker` (PEP 508); a text says why it cannot. */
function parseRequirement(text: string): Requirement | string {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*) ?(?:\[([A-Za-z0-9._, -]*)\])? ?(.*)$/.exec(text);
  const name = match?.[1] ?? "";
  if (match === null || !isProjectName(name))
    return `${JSON.stringify(text.slice(0, 160))} is not a requirement with a name.`;
  const rest = match[3] ?? "";
  if (rest.startsWith("@")) return parseDirect(name, rest.slice(1).trim());
  const semicolon = rest.indexOf(";");
  const specifier = (semicolon === -1 ? rest : rest.slice(0, semicolon)).trim();
  const marker = semicolon === -1 ? null : rest.slice(semicolon + 1).trim();
  const pinned = /^(?:\( ?)?===? ?([^\s,;()*=]+) ?\)?$/.exec(specifier)?.[1] ?? "";
  if (specifier !== "" && !/^[(<>=!~]/.test(specifier))
    return `${JSON.stringify(text.slice(0, 160))} is not a requirement.`;
  const version = parseVersion(pinned) === null ? "" : pinned;
  const unpinned = version === "" ? `${name} names no exact version, so what it installs can change.` : null;
  return { name, version, unpinned, source: null, marker };
}

function parseDirect(name: string, text: string): Requirement | string {
  // The address ends at white space; a marker must follow one (PEP 508).
  const space = text.indexOf(" ");
  const url = space === -1 ? text : text.slice(0, space);
  const rest = space === -1 ? "" : text.slice(space + 1).trim();
  if (rest !== "" && !rest.startsWith(";"))
    return `The address of ${name} is followed by something that is no marker.`;
  const marker = rest === "" ? null : rest.slice(1).trim();
  if (!URL.canParse(url)) return `${name} has no valid address.`;
  if (/^git\+/i.test(url)) {
    const found = /^git\+([^#]+)@([0-9a-f]{40})(#.*)?$/i.exec(url);
    if (found === null) return `${name} has no full git commit, so what it installs can change.`;
    const source: Source = {
      kind: "git",
      url: `${found[1]}${found[3] ?? ""}`,
      commit: (found[2] as string).toLowerCase(),
    };
    return { name, version: "", unpinned: null, source, marker };
  }
  const isFile = /^file:/i.test(url);
  if (!isFile && !/^https?:\/\//i.test(url)) return `${name} has an address of a kind that is not read.`;
  // pip takes a hash in the fragment for one more that the file may have.
  if (/#.*\b(?:md5|sha1|sha224|sha256|sha384|sha512)=/i.test(url))
    return `The hash of ${name} stands in its address: write it as --hash.`;
  const file = fileOfUrl(url);
  const parsed = file === null ? null : parseDistributionFilename(file);
  const source: Source = isFile ? { kind: "path", path: url, workspace: false } : { kind: "url", url };
  return {
    name,
    version: parsed?.project === normaliseProjectName(name) ? parsed.version : "",
    unpinned: null,
    source,
    marker,
  };
}

/** The option a line starts with and its value, given as `--name=value` or `--name value`; null unless exactly one. */
function optionOf(tokens: readonly Token[]): { name: string; value: string | null } {
  const first = (tokens[0] as Token).text;
  const equals = first.startsWith("--") ? first.indexOf("=") : -1;
  if (equals !== -1)
    return { name: first.slice(0, equals), value: tokens.length === 1 ? first.slice(equals + 1) : null };
  return { name: first, value: tokens.length === 2 ? (tokens[1] as Token).text : null };
}

/** The values of `--hash=…` and `--hash …`; null when anything else stands among them. */
function hashTokens(tokens: readonly Token[]): Token[] | null {
  const found: Token[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] as Token;
    if (token.text.startsWith("--hash="))
      found.push({ text: token.text.slice("--hash=".length), offset: token.offset + "--hash=".length });
    else if (token.text === "--hash" && index + 1 < tokens.length) found.push(tokens[++index] as Token);
    else return null;
  }
  return found.every(({ text }) => /^[A-Za-z0-9]+:[A-Za-z0-9]+$/.test(text)) ? found : null;
}
