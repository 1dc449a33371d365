import { parseIntegrity } from "../digest.ts";
import type { Position } from "../position.ts";
import { formatPurl } from "../purl.ts";
import type { YamlMap } from "../yaml-tree.ts";
import type { Artefact, ArtefactForm, Source } from "./package-set.ts";
import { isNpmName, parseHttpUrl, parseNpmTarballUrl } from "./npm-tarball-url.ts";
import { unknownField, type PnpmPackage } from "./pnpm-document.ts";
import { parsePackageKey, type PnpmSlot } from "./pnpm-path.ts";
import { isOutside, joinPath } from "./relative-path.ts";
import type { YamlLockfile } from "./yaml-lockfile.ts";

/** What a `packages` entry locks, whoever requires it. */
export type PnpmResolved = {
  purl: string;
  name: string;
  version: string;
  source: Source;
  artefacts: Artefact[];
  os: readonly string[];
  cpu: readonly string[];
  libc: readonly string[];
};

type Found = { source: Source; artefacts: Artefact[]; os?: string[]; cpu?: string[]; libc?: string[] };

/** The fields of a resolution, by its `type`. */
const knownFields: Readonly<Record<string, ReadonlySet<string>>> = {
  "": new Set(["integrity", "tarball", "gitHosted", "path", "revision"]),
  directory: new Set(["type", "directory"]),
  git: new Set(["type", "repo", "commit", "path"]),
  binary: new Set(["type", "url", "integrity", "bin", "archive", "prefix"]),
  variations: new Set(["type", "variants"]),
};

/**
 * Reads one package. The key says what the package is; a resolution that fetches something else is a problem, for
 * pnpm fetches by the resolution and names by the key.
 * @returns null when the entry was refused
 */
export function resolvePnpmPackage(
  file: YamlLockfile,
  key: string,
  pkg: PnpmPackage,
  context: { unpacked: boolean; projects: ReadonlySet<string> },
): PnpmResolved | null {
  const parsed = parsePackageKey(key);
  if (parsed === null || !isNpmName(parsed.name)) {
    file.refuse(pkg, `\`${key.slice(0, 200)}\` is not the key of a package.`, "lockfile/entry-malformed");
    return null;
  }
  const { name, slot } = parsed;
  const version = versionOf(file, key, pkg, slot);
  const reader = new ResolutionReader(file, { key, name, version, slot, pkg, ...context });
  const found = reader.read();
  if (found === null) return null;
  const os = found.os ?? file.textsIn(pkg.fields, "os");
  const cpu = found.cpu ?? file.textsIn(pkg.fields, "cpu");
  const libc = found.libc ?? file.textsIn(pkg.fields, "libc");
  return {
    purl: reader.purl,
    name,
    version,
    source: found.source,
    artefacts: found.artefacts,
    os,
    cpu,
    libc,
  };
}

/** pnpm takes the `version` and `name` fields before those of the key, so where the key has them they must agree. */
function versionOf(file: YamlLockfile, key: string, pkg: PnpmPackage, slot: PnpmSlot): string {
  const claimed = file.textIn(pkg.fields, "version");
  const claimedName = file.textIn(pkg.fields, "name");
  const keyed = slot.kind === "registry" || slot.kind === "runtime" ? slot.version : null;
  const namesOther = claimedName !== null && !key.startsWith(`${claimedName}@`);
  if (namesOther || (keyed !== null && claimed !== null && claimed !== keyed)) {
    const why = `The entry \`${key}\` says of itself that it is ${claimedName ?? ""}@${claimed ?? ""}: pnpm would fetch that one.`;
    file.problem({ code: "lockfile/resolved-mismatch", at: file.at(pkg.at), why });
  }
  return keyed ?? claimed ?? "";
}

type Entry = {
  key: string;
  name: string;
  version: string;
  slot: PnpmSlot;
  pkg: PnpmPackage;
  unpacked: boolean;
  projects: ReadonlySet<string>;
};

class ResolutionReader {
  readonly purl: string;
  readonly #file: YamlLockfile;
  readonly #entry: Entry;

  constructor(file: YamlLockfile, entry: Entry) {
    this.#file = file;
    this.#entry = entry;
    this.purl = formatPurl({ ecosystem: "npm", name: entry.name, version: entry.version });
  }

  read(): Found | null {
    const { slot, pkg } = this.#entry;
    const resolution = pkg.resolution;
    if (resolution === null) {
      // Format 13, and format 9 after `turbo prune`, leave a directory to the key.
      if (slot.kind === "file" && !isTarballFile(slot.path)) return this.#directory(slot.path);
      return this.#tarball(pkg.fields, null, null);
    }
    const type = resolution === pkg.fields ? "" : (this.#file.textIn(resolution, "type") ?? "");
    const known = knownFields[type];
    if (known === undefined)
      return this.#malformed(`Its resolution is of the type \`${type}\`, which no known fetcher serves.`);
    if (resolution !== pkg.fields) {
      for (const [field, entry] of resolution.entries)
        if (!known.has(field)) unknownField(this.#file, field, entry.keyAt);
    }
    switch (type) {
      case "directory": {
        const directory = this.#file.textIn(resolution, "directory");
        if (directory === null) return this.#malformed("Its resolution names no directory.");
        return this.#directory(directory);
      }
      case "git":
        return this.#git(resolution);
      case "binary":
        return this.#binaries(resolution);
      case "variations":
        return this.#binaries(resolution);
      default:
        return this.#tarball(
          resolution,
          this.#file.textIn(resolution, "tarball"),
          this.#file.textIn(resolution, "integrity"),
        );
    }
  }

  #tarball(resolution: YamlMap, tarball: string | null, integrity: string | null): Found {
    const { slot } = this.#entry;
    const artefact = (url: string | null, form: ArtefactForm): Artefact[] => [
      this.#artefact(resolution, integrity, url, form),
    ];
    switch (slot.kind) {
      case "registry": {
        const form = this.#entry.unpacked ? "unpacked-tar" : "tarball";
        const source = this.#registry(slot.prefix, tarball, this.#place(resolution, "tarball"));
        return { source, artefacts: artefact(tarball, form) };
      }
      case "file": {
        const path = tarball?.startsWith("file:") === true ? tarball.slice("file:".length) : null;
        if (tarball !== null && path !== slot.path)
          this.#mismatch(tarball, this.#place(resolution, "tarball"));
        if (path === null && tarball !== null)
          return { source: { kind: "url", url: tarball }, artefacts: artefact(tarball, "tarball") };
        return {
          source: this.#path(joinPath(".", path ?? slot.path)),
          artefacts: artefact(tarball, "tarball"),
        };
      }
      case "address": {
        const address = withoutFragment(slot.address);
        const at = this.#place(resolution, "tarball");
        if (tarball === null) {
          this.#mismatch("the configured registry (no `tarball`)", at);
          return { source: { kind: "url", url: address }, artefacts: artefact(null, "tarball") };
        }
        if (tarball !== address) this.#mismatch(tarball, at);
        return { source: { kind: "url", url: tarball }, artefacts: artefact(tarball, "tarball") };
      }
      case "runtime": {
        this.#mismatch(tarball ?? "the configured registry", this.#place(resolution, "tarball"));
        return {
          source: tarball === null ? npmRegistry(null) : { kind: "url", url: tarball },
          artefacts: artefact(tarball, "tarball"),
        };
      }
    }
  }

  /**
   * A registry's package carries an address only where the registry serves it from an unusual one. The usual form
   * tells name and version; any other is a direct address, which the policy must allow.
   */
  #registry(prefix: string | null, tarball: string | null, at: Position): Source {
    if (tarball === null) return npmRegistry(prefix);
    const { name, version } = this.#entry;
    const isRelative = !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(tarball) && !/^[/\\]/.test(tarball);
    const served = parseNpmTarballUrl(isRelative ? `https://relative.invalid/${tarball}` : tarball);
    if (served === null) {
      if (isRelative || parseHttpUrl(tarball) === null) this.#mismatch(tarball, at);
      return { kind: "url", url: tarball };
    }
    if (served.name !== name || served.version !== version) {
      this.#mismatch(tarball, at);
      return { kind: "url", url: tarball };
    }
    return npmRegistry(isRelative ? prefix : served.registry);
  }

  #directory(directory: string): Found {
    const { slot, pkg } = this.#entry;
    if (slot.kind !== "file" || slot.path !== directory)
      this.#mismatch(`file:${directory}`, this.#file.at(pkg.at));
    return { source: this.#path(joinPath(".", directory)), artefacts: [] };
  }

  #path(path: string): Source {
    const workspace = this.#entry.projects.has(path);
    if (!workspace && isOutside(path)) {
      const why = `\`${this.#entry.key}\` is installed from \`${path}\`, outside the project.`;
      const fix = "Move the folder into the workspace, or depend on a published version.";
      this.#file.problem({
        code: "lockfile/link-outside",
        at: this.#file.at(this.#entry.pkg.at),
        purl: this.purl,
        why,
        fix,
      });
    }
    return { kind: "path", path, workspace };
  }

  #git(resolution: YamlMap): Found | null {
    const { slot, pkg } = this.#entry;
    const url = this.#file.textIn(resolution, "repo");
    const commit = this.#file.textIn(resolution, "commit");
    if (url === null || commit === null || !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
      return this.#malformed("Its resolution has no repository or no full commit.");
    }
    const names = slot.kind === "address" ? /#([0-9a-f]{40,64})(?:&|$)/.exec(slot.address)?.[1] : undefined;
    if (names !== commit) this.#mismatch(`${url}#${commit}`, this.#file.at(pkg.at));
    return { source: { kind: "git", url, commit }, artefacts: [] };
  }

  /** Node.js and other runtimes: one archive, or one for each platform. */
  #binaries(resolution: YamlMap): Found | null {
    const { slot } = this.#entry;
    const artefacts: Artefact[] = [];
    const targets = { os: new Set<string>(), cpu: new Set<string>(), libc: new Set<string>() };
    for (const binary of this.#variants(resolution, targets)) {
      const url = this.#file.textIn(binary, "url");
      if (url === null || parseHttpUrl(url) === null)
        return this.#malformed("A variant of its resolution has no address.");
      artefacts.push(this.#artefact(binary, this.#file.textIn(binary, "integrity"), url, "tarball"));
    }
    const first = artefacts[0];
    if (first === undefined) return this.#malformed("Its resolution has no variant.");
    if (slot.kind !== "runtime") this.#mismatch(first.url as string, this.#place(resolution, "url"));
    const [os, cpu, libc] = [[...targets.os], [...targets.cpu], [...targets.libc]];
    return { source: { kind: "url", url: first.url as string }, artefacts, os, cpu, libc };
  }

  #variants(
    resolution: YamlMap,
    targets: { os: Set<string>; cpu: Set<string>; libc: Set<string> },
  ): YamlMap[] {
    const list = resolution.entries.get("variants")?.value;
    if (list === undefined) return [resolution];
    if (list.kind !== "sequence") {
      this.#file.refuse(list, "`variants` is not a list.");
      return [];
    }
    return list.items.flatMap((item) => {
      const variant = this.#file.map(item, "A variant");
      const binary = variant === null ? null : this.#file.mapIn(variant, "resolution");
      const places = variant?.entries.get("targets")?.value;
      for (const place of places?.kind === "sequence" ? places.items : []) {
        const target = this.#file.map(place, "A target");
        if (target === null) continue;
        for (const field of ["os", "cpu", "libc"] as const) {
          for (const word of this.#file.textsIn(target, field)) targets[field].add(word);
        }
      }
      if (binary === null || this.#file.textIn(binary, "type") !== "binary") {
        this.#file.refuse(item, "A variant is not a binary.", "lockfile/entry-malformed");
        return [];
      }
      return [binary];
    });
  }

  #artefact(resolution: YamlMap, integrity: string | null, url: string | null, form: ArtefactForm): Artefact {
    const at = this.#place(resolution, "integrity");
    const read = parseIntegrity(integrity ?? "");
    if (!read.ok) {
      const why = `\`${this.#entry.key}\` is not bound to exactly one strong digest (${read.detail}).`;
      this.#file.problem({ code: read.code, at, purl: this.purl, why });
    }
    return { form, file: null, url, digest: read.ok ? read.digest : null, at };
  }

  /** Where a field's value stands; the entry where it has none. */
  #place(resolution: YamlMap, field: string): Position {
    return this.#file.at(resolution.entries.get(field)?.value.at ?? this.#entry.pkg.at);
  }

  #mismatch(found: string, at: Position): void {
    const why = `\`${this.#entry.key}\` is fetched from ${found.slice(0, 300)}, which is not that package.`;
    this.#file.problem({ code: "lockfile/resolved-mismatch", at, purl: this.purl, why });
  }

  #malformed(why: string): null {
    this.#file.refuse(
      this.#entry.pkg,
      `\`${this.#entry.key.slice(0, 200)}\`: ${why}`,
      "lockfile/entry-malformed",
    );
    return null;
  }
}

/** A named registry is known by its prefix alone (`work:`); the manager's configuration says where it is. */
const npmRegistry = (registry: string | null): Source => ({ kind: "registry", ecosystem: "npm", registry });

const isTarballFile = (path: string): boolean => /\.(?:tgz|tar\.gz|tar)$/i.test(path);
const withoutFragment = (address: string): string => address.split("#", 1)[0] as string;
