import { digestFromHex } from "../digest.ts";
import type { Position } from "../position.ts";
import { formatPurl } from "../purl.ts";
import { JsonLockfile, quote, type JsonFields } from "./json-lockfile.ts";
import { npmPurl, tarballArtefact, TarballAddresses } from "./npm-artefact.ts";
import { isNpmName, isNpmVersion, parseHttpUrl } from "./npm-tarball-url.ts";
import { PackageFolding } from "./package-folding.ts";
import { noMarkers, type Artefact, type LockedPackage, type Source } from "./package-set.ts";
import type { LockfileReader } from "./reader.ts";

const fix = "Restore deno.lock, or delete it, run `deno install` and review what changes.";

const rootFields: ReadonlySet<string> = new Set([
  "version",
  "specifiers",
  "jsr",
  "npm",
  "redirects",
  "remote",
  "workspace",
]);
const npmFields: ReadonlySet<string> = new Set([
  "integrity",
  "dependencies",
  "optionalDependencies",
  "optionalPeers",
  "os",
  "cpu",
  "tarball",
  "deprecated",
  "scripts",
  "bin",
  "trust",
]);
const jsrFields: ReadonlySet<string> = new Set(["integrity", "dependencies"]);
const workspaceFields: ReadonlySet<string> = new Set([
  "dependencies",
  "packageJson",
  "members",
  "links",
  "patches",
  "npmOverrides",
]);

/**
 * Reads deno.lock version 5: npm packages by their tarball's digest, JSR packages by the digest of their version
 * manifest, and remote modules by their own.
 */
export const readDenoLock: LockfileReader = (input) => {
  const opened = JsonLockfile.open(input, "json", fix);
  if (!opened.ok) return opened;
  const lock = opened.value;
  if (!isVersion5(lock)) return lock.refusal();
  lock.root.expectOnly(rootFields);
  const folding = new PackageFolding(lock, fix);
  const reading = new DenoLockReading(lock);
  reading.index();
  reading.npm(folding);
  reading.jsr(folding);
  reading.remote(folding);
  reading.workspace();
  return lock.finish("deno-lock", "5", folding.list());
};

function isVersion5(lock: JsonLockfile): boolean {
  const found = lock.root.value["version"];
  if (found === "5") return true;
  const old = found === undefined || (typeof found === "string" && /^[1-4]$/.test(found));
  lock.misshapen(
    lock.root.place("version"),
    old
      ? "Versions before 5 of deno.lock do not bind every package the way this reader needs."
      : `Version ${quote(JSON.stringify(found))} is unknown: another version may say elsewhere what is installed.`,
    "lockfile/version-unsupported",
    old ? "Run `deno install` with Deno 2.3 or newer, which writes version 5." : "Upgrade Countersign.",
  );
  return false;
}

/** As many as Deno follows. */
const maximumRedirects = 10;

type Edge = LockedPackage["requires"][number];
type Npm = { id: string; name: string; version: string; fields: JsonFields };

class DenoLockReading {
  readonly #lock: JsonLockfile;
  readonly #npm: Map<string, Npm> = new Map();
  /** By name: the only package of that name, or null where there are several. */
  readonly #npmNames: Map<string, Npm | null> = new Map();
  readonly #jsr: Map<string, { name: string; version: string; fields: JsonFields }> = new Map();
  /** What a specifier is locked to, and the only one of each name. */
  readonly #specifiers: Map<string, string> = new Map();
  readonly #specifierNames: Map<string, string | null> = new Map();

  constructor(lock: JsonLockfile) {
    this.#lock = lock;
  }

  /** Reads all names first: entries refer to one another in any order. */
  index(): void {
    for (const { key: id, fields } of this.#entries("npm")) {
      const [name, rest] = splitId(id);
      // Peers are appended to the version, which itself cannot hold an underscore.
      const version = rest.split("_", 1)[0] as string;
      if (!isNpmName(name) || !isNpmVersion(version))
        this.#lock.misshapen(fields.at, `${quote(id)} is not \`name@version\`.`);
      const found = { id, name, version, fields };
      this.#npm.set(id, found);
      this.#npmNames.set(name, this.#npmNames.has(name) ? null : found);
    }
    for (const { key: id, fields } of this.#entries("jsr")) {
      const [name, version] = splitId(id);
      if (!name.startsWith("@") || !isNpmName(name) || !isNpmVersion(version)) {
        this.#lock.misshapen(fields.at, `${quote(id)} is not \`@scope/name@version\`.`);
      }
      this.#jsr.set(id, { name, version, fields });
    }
    const specifiers = this.#lock.root.textMap("specifiers");
    if (!this.#lock.within(specifiers.length)) return;
    for (const [specifier, version] of specifiers) {
      const [name] = splitId(specifier, specifier.indexOf(":") + 2);
      this.#specifiers.set(specifier, `${name}@${version}`);
      this.#specifierNames.set(name, this.#specifierNames.has(name) ? null : specifier);
    }
  }

  npm(folding: PackageFolding): void {
    const addresses = new TarballAddresses();
    for (const { name, version, fields } of this.#npm.values()) {
      fields.expectOnly(npmFields);
      const purl = npmPurl(name, version);
      const url = fields.text("tarball");
      const { source, foreign } =
        url === null
          ? { source: { kind: "registry", ecosystem: "npm", registry: null } as const, foreign: null }
          : addresses.read(url, name, version);
      if (foreign !== null) {
        const why = `The address belongs to ${quote(foreign)}, not to ${quote(`${name}@${version}`)}: that other package would be installed under this name.`;
        this.#lock.problem({ code: "lockfile/resolved-mismatch", at: fields.place("tarball"), purl, why });
      }
      const at = fields.place("integrity");
      const artefact = tarballArtefact(this.#lock, {
        purl,
        integrity: fields.text("integrity"),
        url,
        file: null,
        at,
        fix,
      });
      const requires = [
        ...this.#npmEdges(fields, "dependencies"),
        ...this.#npmEdges(fields, "optionalDependencies"),
        ...this.#npmEdges(fields, "optionalPeers"),
      ];
      const markers = { ...noMarkers, os: fields.texts("os"), cpu: fields.texts("cpu") };
      folding.add({
        purl,
        name,
        version,
        source,
        artefacts: [artefact],
        alias: null,
        requires,
        markers,
        at: fields.at,
      });
    }
  }

  jsr(folding: PackageFolding): void {
    for (const { name, version, fields } of this.#jsr.values()) {
      fields.expectOnly(jsrFields);
      const purl = jsrPurl(name, version);
      const source: Source = { kind: "registry", ecosystem: "jsr", registry: null };
      const artefact = this.#module(fields.text("integrity") ?? "", null, fields.place("integrity"), purl);
      const requires = this.#jsrEdges(fields);
      folding.add({
        purl,
        name,
        version,
        source,
        artefacts: [artefact],
        alias: null,
        requires,
        markers: noMarkers,
        at: fields.at,
      });
    }
  }

  /** Modules by address; a locked redirect to one is another name of it. */
  remote(folding: PackageFolding): void {
    const remote = this.#lock.root.fields("remote");
    const modules = new Map(this.#lock.root.textMap("remote"));
    const aliases = this.#redirects(modules);
    if (remote === null || !this.#lock.within(modules.size)) return;
    for (const { key: url, node } of remote.members()) {
      const at = this.#lock.at(this.#lock.tree.keyOffset(node));
      if (parseHttpUrl(url) === null) this.#lock.misshapen(at, `${quote(url)} is no http address.`);
      const purl = `pkg:generic/${encodeURIComponent(url.toWellFormed())}`;
      const digestAt = this.#lock.at(this.#lock.tree.offset(node));
      const artefact = this.#module(modules.get(url) ?? "", url, digestAt, purl);
      const source: Source = { kind: "url", url };
      for (const alias of [null, ...(aliases.get(url) ?? [])]) {
        folding.add({
          purl,
          name: url,
          version: "",
          source,
          artefacts: [artefact],
          alias,
          requires: [],
          markers: noMarkers,
          at,
        });
      }
    }
  }

  /** The addresses that are redirected to each locked module. */
  #redirects(modules: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
    const aliases = new Map<string, string[]>();
    const redirects = this.#lock.root.fields("redirects");
    const targets = new Map(this.#lock.root.textMap("redirects"));
    if (redirects === null || !this.#lock.within(targets.size)) return aliases;
    for (const { key: from, node } of redirects.members()) {
      let to = targets.get(from) ?? from;
      for (let hop = 0; hop < maximumRedirects && !modules.has(to); hop += 1) to = targets.get(to) ?? to;
      if (modules.has(to)) {
        const names = aliases.get(to) ?? [];
        aliases.set(to, names);
        names.push(from);
      } else if (/^https?:/i.test(to)) {
        const why = `${quote(from)} is redirected to ${quote(to)}, whose digest is not locked: whatever it serves would run.`;
        this.#lock.problem({
          code: "artefact/digest-missing",
          at: this.#lock.at(this.#lock.tree.offset(node)),
          why,
        });
      }
    }
    return aliases;
  }

  workspace(): void {
    const workspace = this.#lock.root.fields("workspace");
    workspace?.expectOnly(workspaceFields);
    for (const field of ["links", "patches"]) {
      for (const { key, fields } of workspace?.fields(field)?.children() ?? []) {
        const why = `${quote(key)} is replaced by a folder that the project names: no digest binds it.`;
        this.#lock.problem({
          code: "lockfile/patched",
          at: fields.at,
          why,
          fix: "Review the linked folder as code.",
        });
      }
    }
  }

  #entries(section: "npm" | "jsr"): { key: string; fields: JsonFields }[] {
    const children = this.#lock.root.fields(section)?.children() ?? [];
    return this.#lock.within(children.length) ? children : [];
  }

  /** `name` where only one version is locked, `name@version_peers`, or `alias@npm:name@version_peers`. */
  #npmEdges(fields: JsonFields, group: string): Edge[] {
    const edges: Edge[] = [];
    const dependencies = fields.texts(group);
    if (!this.#lock.within(dependencies.length / 16)) return edges;
    for (const dependency of dependencies) {
      const [as, rest] = splitId(dependency);
      const id = rest.startsWith("npm:") ? rest.slice("npm:".length) : dependency;
      const found = rest === "" ? this.#npmNames.get(dependency) : this.#npm.get(id);
      if (found === undefined || found === null) this.#unlocked(fields, group, dependency, found === null);
      else edges.push({ as, purl: npmPurl(found.name, found.version) });
    }
    return edges;
  }

  /** `jsr:@scope/name@range`, or without the range where only one is asked for; the same with `npm:`. */
  #jsrEdges(fields: JsonFields): Edge[] {
    const edges: Edge[] = [];
    const dependencies = fields.texts("dependencies");
    if (!this.#lock.within(dependencies.length / 16)) return edges;
    for (const dependency of dependencies) {
      const [name, range] = splitId(dependency, dependency.indexOf(":") + 2);
      const specifier = range === "" ? (this.#specifierNames.get(name) ?? dependency) : dependency;
      const id = this.#specifiers.get(specifier);
      const npm = id === undefined ? undefined : this.#npm.get(id.slice(id.indexOf(":") + 1));
      const jsr = id === undefined ? undefined : this.#jsr.get(id.slice(id.indexOf(":") + 1));
      const as = name.slice(name.indexOf(":") + 1);
      if (dependency.startsWith("npm:") && npm !== undefined)
        edges.push({ as, purl: npmPurl(npm.name, npm.version) });
      else if (dependency.startsWith("jsr:") && jsr !== undefined) {
        edges.push({ as, purl: jsrPurl(jsr.name, jsr.version) });
      } else this.#unlocked(fields, "dependencies", dependency, false);
    }
    return edges;
  }

  #unlocked(fields: JsonFields, group: string, dependency: string, several: boolean): void {
    const why = `${quote(dependency)} ${several ? "could be any of several locked packages" : "is required and not locked"}: Deno would choose for itself.`;
    this.#lock.problem({ code: "lockfile/entry-malformed", at: fields.place(group), why });
  }

  #module(hex: string, url: string | null, at: Position, purl: string): Artefact {
    const digest = digestFromHex("sha256", hex);
    if (digest === null) {
      const code = hex === "" ? "artefact/digest-missing" : "artefact/digest-malformed";
      const why =
        hex === ""
          ? "No digest is locked: whatever the address serves would run."
          : `${quote(hex)} is no SHA-256 in hex.`;
      this.#lock.problem({ code, at, purl, why });
    }
    return { form: "module", file: null, url, digest, at };
  }
}

const jsrPurl = (name: string, version: string): string =>
  formatPurl({ ecosystem: "jsr", name: name.toWellFormed(), version: version.toWellFormed() });

/** The name and what follows its `@`; a scope's own `@` is part of the name. */
function splitId(id: string, from = 1): [name: string, rest: string] {
  const at = id.indexOf("@", Math.max(from, 1));
  return at === -1 ? [id, ""] : [id.slice(0, at), id.slice(at + 1)];
}
