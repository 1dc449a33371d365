import type { Code } from "../codes.ts";
import type { Position } from "../position.ts";
import { parseToml, type TomlDocument, type TomlPath, type TomlTable } from "../toml.ts";
import type { Problem, Problems } from "./problems.ts";
import type { ReaderInput } from "./reader.ts";

/** What a reader found wrong. `refused` is set when something cannot be read exactly, so the file counts for nothing. */
export type Complaints = { problems: Problems; refused: boolean; fix: string };

/**
 * A table of a TOML lockfile, read field by field. A field of the wrong type refuses the file, for managers read on
 * only by chance; an absent one is null or empty, and the reader says what that means.
 */
export class TomlFields {
  readonly #document: TomlDocument;
  readonly #complaints: Complaints;
  readonly #table: TomlTable;
  readonly #path: TomlPath;

  constructor(
    document: TomlDocument,
    complaints: Complaints,
    table: TomlTable = document.root,
    path: TomlPath = [],
  ) {
    this.#document = document;
    this.#complaints = complaints;
    this.#table = table;
    this.#path = path;
  }

  /** Where a field stands, or the table itself. */
  at(...keys: string[]): Position {
    return this.#document.at(...this.#path, ...keys);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#table, key);
  }

  keys(): string[] {
    return Object.keys(this.#table);
  }

  value(key: string): unknown {
    return this.has(key) ? this.#table[key] : undefined;
  }

  text(key: string): string | null {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value ?? null;
    this.refuse(`"${key}" must be a string.`, key);
    return null;
  }

  texts(key: string): string[] {
    const value = this.value(key) ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    this.refuse(`"${key}" must be a list of strings.`, key);
    return [];
  }

  table(key: string): TomlFields | null {
    const value = this.value(key);
    if (value === undefined) return null;
    if (isTable(value)) return this.#inner(value, key);
    this.refuse(`"${key}" must be a table.`, key);
    return null;
  }

  tables(key: string): TomlFields[] {
    const value = this.value(key) ?? [];
    if (Array.isArray(value) && value.every(isTable))
      return value.map((item, index) => this.#inner(item, key, index));
    this.refuse(`"${key}" must be a list of tables.`, key);
    return [];
  }

  /** Reports something that must not be trusted. */
  report(code: Code, why: string, rest: Partial<Pick<Problem, "at" | "fix" | "purl" | "digest">> = {}): void {
    this.#complaints.problems.add({ code, at: this.at(), fix: this.#complaints.fix, why, ...rest });
  }

  /** Reports something that cannot be read exactly; the file is refused. */
  refuse(why: string, key?: string): void {
    this.#complaints.refused = true;
    this.report("lockfile/entry-malformed", why, { at: key === undefined ? this.at() : this.at(key) });
  }

  #inner(table: TomlTable, ...steps: (string | number)[]): TomlFields {
    return new TomlFields(this.#document, this.#complaints, table, [...this.#path, ...steps]);
  }
}

/** The fields of a whole lockfile; null when it is no TOML, which `complaints` then says. */
export function readTomlFields(
  { path, text, budget }: ReaderInput,
  complaints: Complaints,
): TomlFields | null {
  const parsed = parseToml(path, text, budget.depth);
  if (parsed.ok) return new TomlFields(parsed.document, complaints);
  complaints.refused = true;
  const { code, at, detail } = parsed;
  complaints.problems.add({ code, at, why: `The file is not valid TOML: ${detail}.`, fix: complaints.fix });
  return null;
}

/** Notes each field that the reader does not know once, however often it stands in the file. */
export class UnknownFields {
  readonly #seen: Set<string> = new Set();

  note(fields: TomlFields, where: string, known: ReadonlySet<string>): void {
    for (const key of fields.keys()) {
      if (known.has(key) || this.#seen.has(`${where} ${key}`)) continue;
      this.#seen.add(`${where} ${key}`);
      fields.report(
        "lockfile/unknown-field",
        `"${key}" in ${where} is not a field this reader knows; it was ignored.`,
        {
          at: fields.at(key),
          fix: "Nothing to do if the tool that wrote the file is newer than this version of Countersign.",
        },
      );
    }
  }
}

const isTable = (value: unknown): value is TomlTable =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
