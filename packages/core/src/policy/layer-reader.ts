import { isCode, type Code } from "../codes.ts";
import { digestFromHex } from "../digest.ts";
import type { Finding } from "../finding.ts";
import { parseDay } from "../instant.ts";
import type { LineIndex, Position } from "../position.ts";
import { formatPurl, parsePurl, type Ecosystem } from "../purl.ts";
import { scalarValue, yamlAt, type YamlNode } from "../yaml.ts";
import type { Level } from "../verify/verdict.ts";
import { normaliseAddress } from "./address.ts";
import { parseDuration } from "./duration.ts";
import { globProblem } from "./glob.ts";
import { normaliseRepository } from "./identity-pattern.ts";
import {
  driftKinds,
  type Binding,
  type Exception,
  type IdentityPattern,
  type LayerKind,
  type Mode,
  type PolicyLayer,
  type RegistryRule,
  type Requirement,
  type Sources,
  type Stated,
} from "./policy.ts";

/** A mistake in a policy file. */
export function malformed(at: Position, why: string, fix: string): Finding {
  return { code: "policy/malformed", effect: "block", at, why, fix };
}

/** What to do about a mistake. `example` is a line that would do, or "". */
export const forExample = (example: string): string =>
  example === "" ? "Correct the line." : `Write for example: ${example}`;

/** A value of the tree under its path; the shape has been checked, so kinds and required keys are as the schema says. */
class Field {
  readonly node: YamlNode;
  readonly at: Position;
  readonly #index: LineIndex;

  constructor(node: YamlNode, offset: number, index: LineIndex) {
    this.node = node;
    this.#index = index;
    this.at = index.at(offset);
  }

  get(...path: readonly string[]): Field | null {
    const found = yamlAt(this.node, path);
    return found === null ? null : new Field(found.node, found.keyAt ?? found.node.at, this.#index);
  }

  items(): readonly Field[] {
    return this.node.kind === "sequence"
      ? this.node.items.map((item) => new Field(item, item.at, this.#index))
      : [];
  }

  entries(): readonly (readonly [string, Field])[] {
    if (this.node.kind !== "map") return [];
    return [...this.node.entries].map(
      ([key, { keyAt, value }]) => [key, new Field(value, keyAt, this.#index)] as const,
    );
  }

  value(): string | number | boolean | null {
    return this.node.kind === "scalar" ? scalarValue(this.node) : null;
  }
}

/** Turns a tree that has the policy's shape into a layer; what is wrong beyond its shape is in `problems`. */
export class LayerReader {
  readonly problems: Finding[] = [];
  readonly #root: Field;
  readonly #path: string;
  readonly #layer: LayerKind;

  constructor(root: YamlNode, index: LineIndex, path: string, layer: LayerKind) {
    this.#root = new Field(root, root.at, index);
    this.#path = path;
    this.#layer = layer;
  }

  read(): PolicyLayer {
    const root = this.#root;
    const identities = this.#identities();
    const registries = root.get("registries");
    const drift = root.get("drift");
    const minimum = root.get("age", "minimum");
    const roots = root.get("trust", "roots");
    return {
      kind: this.#layer,
      path: this.#path,
      mode: stated<Mode>(root.get("mode")),
      registries: registries === null ? null : { value: this.#registries(registries), at: registries.at },
      require: (root.get("require")?.items() ?? []).map((rule, index) =>
        this.#requirement(rule, index, identities),
      ),
      identities,
      sources: {
        git: stated<Sources["git"]>(root.get("sources", "git")),
        url: stated<Sources["url"]>(root.get("sources", "url")),
        path: stated<Sources["path"]>(root.get("sources", "path")),
        bundled: stated<Sources["bundled"]>(root.get("sources", "bundled")),
      },
      drift: drift === null ? null : { value: this.#drift(drift), at: drift.at },
      age:
        minimum === null
          ? null
          : { minimum: this.#duration(minimum), unknown: stated(root.get("age", "unknown")) },
      approval: this.#approval(),
      summary: this.#summary(),
      trust: {
        maxAge: this.#durationOrNull(root.get("trust", "maxAge")),
        sct: stated<number>(root.get("trust", "sct")),
        log: stated<number>(root.get("trust", "log")),
        time: stated<number>(root.get("trust", "time")),
      },
      roots: roots === null ? null : { value: roots.items().map((item) => this.#file(item)), at: roots.at },
      exceptions: (root.get("exceptions")?.items() ?? []).flatMap((item) => this.#exception(item)),
      delegate: this.#delegate(),
    };
  }

  #registries(field: Field): RegistryRule[] {
    const seen = new Map<string, Position>();
    return field.items().map((item) => {
      const url = this.#address(item.get("url"));
      const ecosystem = text(item.get("ecosystem")) as Ecosystem;
      const key = `${ecosystem} ${url}`;
      const twice = seen.get(key);
      if (twice !== undefined)
        this.#problem(item, `${url} is named twice for ${ecosystem}: see line ${twice.line}.`, "");
      seen.set(key, item.at);
      const speaksFor = item.get("speaksFor");
      const keys = item.get("keys");
      return {
        url,
        ecosystem,
        speaksFor:
          speaksFor === null || speaksFor.value() === "public"
            ? textOrNull(speaksFor)
            : this.#address(speaksFor),
        evidenceFrom: (item.get("evidenceFrom")?.items() ?? []).map((address) => this.#address(address)),
        keys: keys === null ? null : this.#file(keys),
        files: (item.get("files")?.items() ?? []).map((address) => this.#address(address)),
        scopes: this.#globs(item.get("scopes")),
        withdrawn: false,
        layer: this.#layer,
        at: item.at,
      };
    });
  }

  #requirement(rule: Field, index: number, known: ReadonlyMap<string, unknown>): Requirement {
    const ecosystem = textOrNull(rule.get("ecosystem")) as Ecosystem | null;
    const level = text(rule.get("level")) as Level;
    const named = rule.get("identities");
    if (level === "signed" && ecosystem !== "npm") {
      const why = `require[${index}]: only npm registries sign, so level signed needs ecosystem: npm.`;
      this.#problem(rule.get("level") ?? rule, why, '{ ecosystem: pypi, names: ["**"], level: locked }');
    }
    if (named !== null && level !== "provenance") {
      const why = `require[${index}]: an identity is known only from provenance, so identities need level: provenance.`;
      this.#problem(named, why, "level: provenance");
    }
    for (const name of named?.items() ?? []) {
      if (known.has(text(name))) continue;
      const names =
        known.size === 0 ? "the file defines none" : `defined here: ${[...known.keys()].join(", ")}`;
      this.#problem(
        name,
        `require[${index}] names the identity ${JSON.stringify(text(name))}; ${names}.`,
        "",
      );
    }
    return {
      ecosystem,
      names: this.#globs(rule.get("names")),
      registries: null,
      level,
      identities: (named?.items() ?? []).map(text),
      layer: this.#layer,
      label: `require[${index}] (${this.#path}:${rule.at.line})`,
      at: rule.at,
    };
  }

  #identities(): Map<string, IdentityPattern> {
    return new Map(
      (this.#root.get("identities")?.entries() ?? []).map(([name, field]) => [
        name,
        this.#identity(name, field),
      ]),
    );
  }

  #identity(name: string, field: Field): IdentityPattern {
    const issuer = text(field.get("issuer"));
    const repository = textOrNull(field.get("repository"));
    const pattern: IdentityPattern = {
      issuer,
      repository: repository === null ? null : normaliseRepository(issuer, repository),
      repositoryId: textOrNull(field.get("repositoryId")),
      owner: textOrNull(field.get("owner")),
      ownerId: textOrNull(field.get("ownerId")),
      workflow: textOrNull(field.get("workflow")),
      signer: textOrNull(field.get("signer")),
      ref: textOrNull(field.get("ref")),
      event: textOrNull(field.get("event")),
      runner: textOrNull(field.get("runner")),
      email: textOrNull(field.get("email")),
      slsaBuild: (field.get("slsaBuild")?.value() ?? 0) as IdentityPattern["slsaBuild"],
      at: field.at,
    };
    const who = [pattern.repository, pattern.repositoryId, pattern.owner, pattern.ownerId, pattern.email];
    if (who.every((part) => part === null)) {
      this.#problem(field, `identities.${name} accepts everyone at ${issuer}.`, "repository: acme/widgets");
    }
    for (const [key, value] of field.entries()) {
      if (!String(value.value()).includes("**")) continue;
      this.#problem(
        value,
        `identities.${name}.${key}: * stands within one segment, and ** for nothing.`,
        "ref: refs/tags/v*",
      );
    }
    return pattern;
  }

  #drift(field: Field): NonNullable<PolicyLayer["drift"]>["value"] {
    const [newPackage, alias, level, repository, owner, workflow, ref] = driftKinds.map((kind) =>
      stated<"block" | "warn" | "note">(field.get(kind)),
    );
    return {
      newPackage: newPackage ?? null,
      alias: alias ?? null,
      level: level ?? null,
      repository: repository ?? null,
      owner: owner ?? null,
      workflow: workflow ?? null,
      ref: ref ?? null,
    };
  }

  #approval(): PolicyLayer["approval"] {
    const field = this.#root.get("seal", "approval");
    if (field === null) return null;
    const threshold = (field.get("threshold")?.value() ?? null) as number | null;
    const signers = this.#signers(field);
    if (threshold !== null && threshold > signers.length) {
      const why = `seal.approval: ${threshold} signers must approve, and the groups have ${signers.length}.`;
      this.#problem(field.get("threshold") ?? field, why, `threshold: ${Math.max(1, signers.length)}`);
    }
    return { value: { threshold, signers }, at: field.at };
  }

  #summary(): PolicyLayer["summary"] {
    const field = this.#root.get("seal", "summary");
    if (field === null) return null;
    return {
      value: { signers: this.#signers(field), maxAge: this.#duration(field.get("maxAge")).value },
      at: field.at,
    };
  }

  /** Group names stand for the groups of their own file, so another layer cannot add to them. */
  #signers(field: Field): string[] {
    const ids = new Set<string>();
    for (const name of field.get("signers")?.items() ?? []) {
      const group = this.#root.get("groups", text(name));
      if (group === null) {
        this.#problem(
          name,
          `There is no group ${JSON.stringify(text(name))}.`,
          `groups: { ${text(name)}: [alice] }`,
        );
      }
      for (const id of group?.items() ?? []) ids.add(text(id));
    }
    return [...ids].toSorted();
  }

  #exception(field: Field): Exception[] {
    const purl = parsePurl(text(field.get("purl")));
    if (purl === null)
      this.#problem(
        field.get("purl") ?? field,
        "Not a package URL with a version.",
        "pkg:npm/left-pad@1.3.0",
      );
    const expires = parseDay(text(field.get("expires")));
    if (expires === null)
      this.#problem(field.get("expires") ?? field, "There is no such day.", 'expires: "2027-06-30"');
    const digest = readBinding(text(field.get("digest")));
    const codes = this.#codes(field.get("codes"));
    if (purl === null || expires === null || digest === null) return [];
    return [
      {
        purl: formatPurl(purl),
        digest,
        codes,
        reason: text(field.get("reason")),
        owner: text(field.get("owner")),
        expires,
        layer: this.#layer,
        at: field.at,
      },
    ];
  }

  #delegate(): PolicyLayer["delegate"] {
    const field = this.#root.get("delegate", "exceptions");
    if (field === null) return null;
    const maxDays = field.get("maxDays")?.value() as number;
    return {
      value: { codes: this.#codes(field.get("codes")), maxDays, names: this.#globs(field.get("names")) },
      at: field.at,
    };
  }

  #codes(field: Field | null): Code[] {
    return (field?.items() ?? []).flatMap((item) => {
      const code = text(item);
      if (isCode(code)) return [code];
      this.#problem(
        item,
        `There is no code ${JSON.stringify(code)}; docs/codes.md lists them.`,
        "codes: [signature/absent]",
      );
      return [];
    });
  }

  #globs(field: Field | null): string[] {
    const globs = (field?.items() ?? []).map(text);
    const problem = field === null ? null : globProblem(globs);
    if (field !== null && problem !== null) this.#problem(field, `${problem}.`, 'names: ["**", "!@acme/**"]');
    return globs;
  }

  #address(field: Field | null): string {
    const address = normaliseAddress(text(field));
    if (address === null && field !== null) {
      const why = `${JSON.stringify(text(field))} is not an https address (http only on loopback) without credentials.`;
      this.#problem(field, why, 'url: "https://npm.acme.example/"');
    }
    return address ?? "";
  }

  #file(field: Field): string {
    const path = text(field);
    if (path.split("/").some((segment) => segment === ".." || segment === "")) {
      this.#problem(
        field,
        `${JSON.stringify(path)} leads out of the policy's folder.`,
        "keys: keys/acme.json",
      );
    }
    return path;
  }

  #duration(field: Field | null): Stated<number> {
    return { value: parseDuration(text(field)) ?? 0, at: field?.at ?? this.#root.at };
  }

  #durationOrNull(field: Field | null): Stated<number> | null {
    return field === null ? null : this.#duration(field);
  }

  #problem(field: Field, why: string, example: string): void {
    this.problems.push(malformed(field.at, why, forExample(example)));
  }
}

const text = (field: Field | null): string => String(field?.value() ?? "");
const textOrNull = (field: Field | null): string | null => (field === null ? null : text(field));

/** The schema has checked that the value is one of T. */
const stated = <T extends string | number>(field: Field | null): Stated<T> | null =>
  field === null ? null : { value: field.value() as T, at: field.at };

function readBinding(written: string): Binding | null {
  const [algorithm = "", hex = ""] = written.split(":");
  return algorithm === "gitCommit" ? { algorithm, hex } : digestFromHex(algorithm, hex);
}
