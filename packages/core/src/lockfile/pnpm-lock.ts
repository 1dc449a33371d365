import { startOf } from "../position.ts";
import { formatPurl } from "../purl.ts";
import { ok, refuse, type Result } from "../result.ts";
import type { YamlNode } from "../yaml-tree.ts";
import type { LockedPackage, PackageSet } from "./package-set.ts";
import { readPnpmDocument, type PnpmDependency, type PnpmDocument } from "./pnpm-document.ts";
import { packageKeyOf, snapshotKeyOf } from "./pnpm-path.ts";
import { isOutside, joinPath } from "./relative-path.ts";
import { resolvePnpmPackage, type PnpmResolved } from "./pnpm-resolution.ts";
import { toFinding } from "./problems.ts";
import type { LazyLockfileReader, ReaderInput } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";
import { YamlLockfile } from "./yaml-lockfile.ts";

const regenerate = "pnpm install --lockfile-only";

/**
 * pnpm-lock.yaml, lockfileVersion 9.0 and 13.0 (`lockfile.format: v13`), with or without the leading environment
 * document, whose packages (configuration dependencies, pnpm itself) are installed and run too.
 *
 * One package per `packages` key: peer variants of it are one package. The projects of the workspace are packages
 * of the source `path`; so is whatever a link leads to, named by its path.
 */
export const readPnpmLock: LazyLockfileReader = async (input: ReaderInput): Promise<Result<PackageSet>> => {
  const opened = await YamlLockfile.open(input, "core", regenerate);
  if (!opened.ok) return opened;
  const file = opened.value;
  const roots = splitDocuments(file, input.text);
  if (roots === null) {
    const why =
      "pnpm takes a file that starts with `---` for an environment document and a lockfile, and any other for one lockfile. This file is neither.";
    return refuse(
      toFinding({
        code: "lockfile/malformed",
        at: startOf(input.path),
        why,
        fix: `Regenerate the lockfile: ${regenerate}`,
      }),
    );
  }
  const documents = roots.flatMap((root) => readPnpmDocument(file, root) ?? []);
  const over = entriesOver(documents, input);
  if (over !== null) return over;
  const set = new PnpmSet(file);
  for (const document of documents) set.addDocument(document);
  const packages = set.packages();
  const refused = file.refused();
  if (refused !== null) return refused;
  return ok({
    lockfile: {
      path: input.path,
      format: "pnpm-lock",
      formatVersion: documents.at(-1)?.version ?? "",
      digest: input.digest,
    },
    setDigest: packageSetDigest(packages),
    packages,
    problems: file.problems.list(),
  });
};

/**
 * pnpm splits the text before it parses: a file that starts with the line `---` has its environment document up to
 * the next such line, and the lockfile after it. YAML knows more ways to start a document; where the two readings
 * differ, pnpm installs something else than what stands here.
 */
function splitDocuments(file: YamlLockfile, text: string): readonly YamlNode[] | null {
  const { documents } = file;
  if (!/^---\r?\n/.test(text)) return documents.length === 1 ? documents : null;
  const [environment, lockfile] = documents;
  if (documents.length !== 2 || environment === undefined || lockfile === undefined) return null;
  const separator = /\n---\r?(?:\n|$)/.exec(text)?.index ?? -1;
  const isEmpty = lockfile.kind === "scalar" && lockfile.plain && lockfile.text === "";
  if (environment.at > separator || (!isEmpty && lockfile.at <= separator)) return null;
  return isEmpty ? [environment] : documents;
}

function entriesOver(documents: readonly PnpmDocument[], input: ReaderInput): Result<PackageSet> | null {
  let entries = 0;
  for (const document of documents) entries += document.projects.length + 2 * document.packages.size;
  if (entries <= input.budget.lockfileEntries) return null;
  const why = `The lockfile has ${entries} entries; the bound is ${input.budget.lockfileEntries}.`;
  return refuse(
    toFinding({ code: "budget/entries", at: startOf(input.path), why, fix: "Split the workspace." }),
  );
}

type Edges = Map<string, { as: string; purl: string }>;
type Building = {
  resolved: Pick<PnpmResolved, "purl" | "name" | "version" | "source" | "artefacts" | "os" | "cpu" | "libc">;
  at: number;
  aliases: Set<string>;
  requires: Edges;
  /** null: nothing asked for it yet. */
  optional: boolean | null;
};

/** Gathers the packages of all documents, each key once. */
class PnpmSet {
  readonly #file: YamlLockfile;
  readonly #packages: Map<string, Building> = new Map();
  readonly #links: Map<string, Building> = new Map();
  #projects: ReadonlySet<string> = new Set();

  constructor(file: YamlLockfile) {
    this.#file = file;
  }

  addDocument(document: PnpmDocument): void {
    this.#projects = new Set(document.projects.map(({ path }) => path).filter((path) => !isOutside(path)));
    this.#addPackages(document);
    for (const project of document.projects) {
      const building = this.#link(project.path, project.at);
      for (const dependency of project.dependencies)
        this.#require(building, dependency, project.path, document);
    }
    for (const [key, snapshot] of document.snapshots) {
      const building = this.#packages.get(this.#packageKey(key, document, snapshot));
      if (building === undefined) {
        this.#file.refuse(
          snapshot,
          `The snapshot \`${key.slice(0, 200)}\` has no package.`,
          "lockfile/entry-malformed",
        );
        continue;
      }
      building.optional = (building.optional ?? true) && snapshot.optional;
      for (const dependency of snapshot.dependencies) this.#require(building, dependency, ".", document);
    }
  }

  packages(): LockedPackage[] {
    return [...this.#packages.values(), ...this.#links.values()].map((building) => this.#finish(building));
  }

  #addPackages(document: PnpmDocument): void {
    const installed = new Set<string>();
    for (const key of document.snapshots.keys()) installed.add(packageKeyOf(key).key);
    const context = { unpacked: document.unpacked, projects: this.#projects };
    for (const [key, pkg] of document.packages) {
      const resolved = resolvePnpmPackage(this.#file, key, pkg, context);
      if (resolved === null) continue;
      if (!installed.has(key)) {
        const why = `\`${key}\` is locked but no snapshot installs it: pnpm writes both or none.`;
        this.#file.problem({
          code: "lockfile/entry-malformed",
          at: this.#file.at(pkg.at),
          purl: resolved.purl,
          why,
        });
      }
      const known = this.#packages.get(key);
      if (known === undefined) {
        this.#packages.set(key, {
          resolved,
          at: pkg.at,
          aliases: new Set(),
          requires: new Map(),
          optional: null,
        });
      } else if (comparable(known.resolved) !== comparable(resolved)) {
        const why = `\`${key}\` is locked twice, in the environment document and in the lockfile, and they disagree.`;
        this.#file.problem({
          code: "lockfile/conflicting-entries",
          at: this.#file.at(pkg.at),
          purl: resolved.purl,
          why,
        });
      }
    }
  }

  /** Format 9 repeats the hash of a patch in the snapshot's key; it must be one of the declared patches. */
  #packageKey(snapshotKey: string, document: PnpmDocument, snapshot: { at: number }): string {
    const { key, suffix } = packageKeyOf(snapshotKey);
    const patch = /^\(patch_hash=([^()]*)\)/.exec(suffix)?.[1];
    if (patch !== undefined && !document.patches.has(patch)) {
      const why = `\`${key}\` is patched by a file that \`patchedDependencies\` does not declare.`;
      this.#file.problem({ code: "lockfile/entry-malformed", at: this.#file.at(snapshot.at), why });
    }
    return key;
  }

  #require(from: Building, dependency: PnpmDependency, folder: string, document: PnpmDocument): void {
    const { as, reference, at } = dependency;
    const target = this.#target(from, dependency, folder, document);
    if (target === null) {
      const why = `\`${as.slice(0, 200)}\` refers to \`${reference.slice(0, 200)}\`, which is not locked.`;
      this.#file.refuse({ at }, why, "lockfile/entry-malformed");
      return;
    }
    const { purl, name } = target.resolved;
    from.requires.set(`${as} ${purl}`, { as, purl });
    if (target.resolved.source.kind !== "path" && as !== name) target.aliases.add(as);
  }

  #target(
    from: Building,
    { reference, as, at }: PnpmDependency,
    folder: string,
    document: PnpmDocument,
  ): Building | null {
    const key = snapshotKeyOf(reference, as);
    if (key !== null) {
      if (!document.snapshots.has(document.version === "9.0" ? key : packageKeyOf(key).key)) return null;
      return this.#packages.get(packageKeyOf(key).key) ?? null;
    }
    const path = joinPath(folder, reference.slice("link:".length));
    const isNew = !this.#links.has(path);
    const link = this.#link(path, at);
    if (isNew && !this.#projects.has(path)) {
      const where = isOutside(path) ? "outside the project" : "not a project of this workspace";
      const why = `\`${as}\`, required by ${from.resolved.purl}, is a link to \`${path}\`, which is ${where}: nothing binds what lies there.`;
      const fix = `Add \`${path}\` to the packages of pnpm-workspace.yaml, or depend on a published version.`;
      this.#file.problem({
        code: "lockfile/link-outside",
        at: this.#file.at(at),
        purl: link.resolved.purl,
        why,
        fix,
      });
    }
    return link;
  }

  /** A project or another folder that something links to, named by its path. */
  #link(path: string, at: number): Building {
    const known = this.#links.get(path);
    if (known !== undefined) return known;
    const purl = formatPurl({ ecosystem: "npm", name: path, version: "" });
    const source = { kind: "path", path, workspace: this.#projects.has(path) } as const;
    const resolved = { purl, name: path, version: "", source, artefacts: [], os: [], cpu: [], libc: [] };
    const building: Building = { resolved, at, aliases: new Set(), requires: new Map(), optional: null };
    this.#links.set(path, building);
    return building;
  }

  #finish({ resolved, at, aliases, requires, optional }: Building): LockedPackage {
    const { purl, name, version, source, artefacts, os, cpu, libc } = resolved;
    for (const alias of aliases) {
      const why = `${purl} is installed under the name \`${alias}\`.`;
      const fix =
        "Nothing to do where the alias is meant; otherwise correct the dependency and regenerate the lockfile.";
      this.#file.problem({ code: "lockfile/alias", at: this.#file.at(at), purl, why, fix });
    }
    const markers = { optional: optional === true, dev: false, peer: false, os, cpu, libc, expression: null };
    const edges = [...requires.values()];
    return {
      purl,
      name,
      version,
      source,
      artefacts,
      aliases: [...aliases],
      requires: edges,
      markers,
      at: this.#file.at(at),
    };
  }
}

/** What two entries of one package must have in common. */
const comparable = ({ source, artefacts }: PnpmResolved): string =>
  JSON.stringify([source, artefacts.map(({ form, url, digest }) => [form, url, digest])]);
