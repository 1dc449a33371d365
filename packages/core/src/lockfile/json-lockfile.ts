import type { Code } from "../codes.ts";
import type { Finding } from "../finding.ts";
import { isJsonObject, jsonMember, parseJsonDocument, type JsonObject, type JsonProblem } from "../json.ts";
import type { JsonNode, JsonTree } from "../json-tree.ts";
import { LineIndex, type Position } from "../position.ts";
import { ok, refuse, type Result } from "../result.ts";
import type { LockedPackage, LockFormat, PackageSet } from "./package-set.ts";
import { Problems, toFinding, type Problem } from "./problems.ts";
import type { ReaderInput } from "./reader.ts";
import { packageSetDigest } from "./set-digest.ts";

const codeOf: Record<JsonProblem["reason"], Code> = {
  syntax: "lockfile/malformed",
  "duplicate-key": "lockfile/duplicate-key",
  depth: "budget/depth",
  values: "budget/entries",
};

/**
 * A lockfile written in JSON while it is read. What has the wrong shape makes the file one that was not understood,
 * and it is refused; what was understood but must not be trusted is a problem of the set.
 */
export class JsonLockfile {
  readonly root: JsonFields;
  readonly tree: JsonTree;
  readonly #problems: Problems;
  readonly #misshapen: Problems;
  readonly #input: ReaderInput;
  readonly #lines: LineIndex;
  readonly #fix: string;
  readonly #unknown: Set<string> = new Set();
  #entries = 0;
  #refused = false;

  private constructor(input: ReaderInput, lines: LineIndex, fix: string, tree: JsonTree, root: JsonObject) {
    this.#problems = new Problems(input.budget);
    this.#misshapen = new Problems(input.budget);
    this.#input = input;
    this.#lines = lines;
    this.#fix = fix;
    this.tree = tree;
    this.root = new JsonFields(this, tree.root, root);
  }

  /** @param fix how the file is written anew: the fix of every problem that has none of its own */
  static open(input: ReaderInput, syntax: "json" | "jsonc", fix: string): Result<JsonLockfile> {
    const lines = new LineIndex(input.path, input.text);
    const document = parseJsonDocument(input.text, input.budget.depth, syntax);
    if (!document.ok) {
      const { reason, offset, detail } = document.problem;
      return refuse(
        toFinding({ code: codeOf[reason], at: lines.at(offset), why: `Not read as JSON: ${detail}.`, fix }),
      );
    }
    const { tree, value } = document;
    if (isJsonObject(value)) return ok(new JsonLockfile(input, lines, fix, tree, value));
    const why = "The lockfile is not a JSON object.";
    return refuse(toFinding({ code: "lockfile/malformed", at: lines.at(tree.offset(tree.root)), why, fix }));
  }

  at(offset: number): Position {
    return this.#lines.at(offset);
  }

  /** What was read and must not be trusted. */
  problem(problem: Omit<Problem, "fix"> & { fix?: string }): void {
    this.#problems.add({ fix: this.#fix, ...problem });
  }

  /** What cannot be read exactly: the whole file will be refused. */
  misshapen(
    at: Position,
    why: string,
    code: Code = "lockfile/entry-malformed",
    fix: string = this.#fix,
  ): void {
    this.#refused = true;
    this.#misshapen.add({ code, at, why, fix });
  }

  /** Counts entries against the budget; false (and the file refused) when there are too many. */
  within(count: number): boolean {
    const { lockfileEntries } = this.#input.budget;
    const before = this.#entries;
    this.#entries += count;
    if (this.#entries > lockfileEntries && before <= lockfileEntries) {
      this.misshapen(this.at(0), `The lockfile has more than ${lockfileEntries} entries.`, "budget/entries");
    }
    return this.#entries <= lockfileEntries;
  }

  /** A note on the first occurrence of each field that the reader does not know. */
  unknownField(field: string, at: Position): void {
    if (this.#unknown.has(field)) return;
    this.#unknown.add(field);
    this.problem({
      code: "lockfile/unknown-field",
      at,
      why: `The field ${quote(field)} is unknown to this version and was ignored: it may decide what is installed.`,
      fix: "Upgrade Countersign, or remove the field by regenerating the lockfile.",
    });
  }

  get refused(): boolean {
    return this.#refused;
  }

  /** The set with its problems, or the refusal when anything was misshapen. */
  finish(format: LockFormat, formatVersion: string, packages: readonly LockedPackage[]): Result<PackageSet> {
    if (this.#refused) return this.refusal();
    const { path, digest } = this.#input;
    return ok({
      lockfile: { path, format, formatVersion, digest },
      setDigest: packageSetDigest(packages),
      packages,
      problems: this.#problems.list(),
    });
  }

  /** What was misshapen; other problems of a file that was not understood would only mislead. */
  refusal(): { ok: false; findings: readonly Finding[] } {
    return refuse(...this.#misshapen.list());
  }
}

/** One object of the lockfile, read field by field; a field of the wrong type makes the file refused. */
export class JsonFields {
  readonly value: JsonObject;
  readonly node: JsonNode;
  readonly #lock: JsonLockfile;

  constructor(lock: JsonLockfile, node: JsonNode, value: JsonObject) {
    this.#lock = lock;
    this.node = node;
    this.value = value;
  }

  /** Where the object's key stands; of a list's element, where it starts. */
  get at(): Position {
    return this.#lock.at(this.#lock.tree.keyOffset(this.node));
  }

  /** Where the field's value stands, else the object's key. */
  place(name: string): Position {
    return this.#lock.at(this.#lock.tree.memberOffset(this.node, name));
  }

  has(name: string): boolean {
    return Object.hasOwn(this.value, name);
  }

  text(name: string): string | null {
    const value = jsonMember(this.value, name);
    if (value === undefined || typeof value === "string") return value ?? null;
    return this.#wrong(name, "a string");
  }

  flag(name: string): boolean {
    const value = jsonMember(this.value, name);
    if (value === undefined || typeof value === "boolean") return value ?? false;
    this.#wrong(name, "true or false");
    return false;
  }

  fields(name: string): JsonFields | null {
    const value = jsonMember(this.value, name);
    if (value === undefined) return null;
    const node = this.#lock.tree.member(this.node, name);
    if (isJsonObject(value) && node !== null) return new JsonFields(this.#lock, node, value);
    return this.#wrong(name, "an object");
  }

  /** A list of strings; npm writes a single one bare. */
  texts(name: string): readonly string[] {
    const value = jsonMember(this.value, name);
    if (value === undefined) return [];
    if (typeof value === "string") return [value];
    if (Array.isArray(value) && value.every((element) => typeof element === "string")) return value;
    this.#wrong(name, "a list of strings");
    return [];
  }

  /** The values of an object of strings: a dependency's name and what is asked of it. */
  textMap(name: string): readonly (readonly [string, string])[] {
    const value = jsonMember(this.value, name);
    if (value === undefined) return [];
    if (!isJsonObject(value)) {
      this.#wrong(name, "an object of strings");
      return [];
    }
    const entries = Object.entries(value);
    if (entries.every((entry): entry is [string, string] => typeof entry[1] === "string")) return entries;
    this.#wrong(name, "an object of strings");
    return [];
  }

  /** The names that several objects of strings have, each once: what a package requires, whatever it asks for. */
  names(groups: readonly string[]): readonly string[] {
    let names: string[] = [];
    let several = false;
    for (const group of groups) {
      const value = jsonMember(this.value, group);
      if (value === undefined) continue;
      const found = isJsonObject(value) ? Object.keys(value) : null;
      if (found !== null && found.every((name) => typeof (value as JsonObject)[name] === "string")) {
        several ||= names.length > 0;
        names = names.length === 0 ? found : [...names, ...found];
      } else this.#wrong(group, "an object of strings");
    }
    return several ? [...new Set(names)] : names;
  }

  /** The members that are objects, in the order of the file. */
  children(): { key: string; fields: JsonFields }[] {
    const children: { key: string; fields: JsonFields }[] = [];
    for (const { key, node, value } of this.members()) {
      if (isJsonObject(value)) children.push({ key, fields: new JsonFields(this.#lock, node, value) });
      else
        this.#lock.misshapen(this.#lock.at(this.#lock.tree.offset(node)), `${quote(key)} must be an object.`);
    }
    return children;
  }

  /** The members, in the order of the file. */
  members(): { key: string; node: JsonNode; value: unknown }[] {
    const { tree } = this.#lock;
    return tree.children(this.node).map((node) => {
      const key = tree.key(node) as string;
      return { key, node, value: this.value[key] };
    });
  }

  /** Notes the fields that are not in the set. */
  expectOnly(known: ReadonlySet<string>): void {
    for (const name in this.value) if (!known.has(name)) this.#lock.unknownField(name, this.place(name));
  }

  #wrong(name: string, expected: string): null {
    this.#lock.misshapen(this.place(name), `${quote(name)} must be ${expected}.`);
    return null;
  }
}

/** Hostile text in a message: quoted and short. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
