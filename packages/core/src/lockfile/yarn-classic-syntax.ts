import type { Code } from "../codes.ts";
import type { Budget } from "../budget.ts";

/** A text of the file and the offset where it starts. */
export type Placed = { text: string; at: number };
export type ClassicField = { value: Placed } | { block: ReadonlyMap<string, Placed> };
/** One entry: the patterns it answers, and its fields. */
export type ClassicEntry = {
  at: number;
  patterns: readonly Placed[];
  fields: ReadonlyMap<string, ClassicField>;
};
export type ClassicProblem = { code: Code; at: number; why: string };
export type ClassicResult =
  | { ok: true; entries: readonly ClassicEntry[] }
  | { ok: false; problem: ClassicProblem };

/**
 * Reads the text of a Yarn 1 lockfile: exactly what Yarn writes, one pattern list, field or dependency a line,
 * indented by none, two or four blanks. Yarn's own parser takes more; what it takes beyond that is refused here,
 * for no Yarn wrote it.
 */
export function readClassicSyntax(text: string, budget: Budget): ClassicResult {
  return new ClassicScanner(text, budget).read();
}

const header = /^# yarn lockfile v1$/m;

class ClassicScanner {
  readonly #text: string;
  readonly #budget: Budget;
  readonly #entries: ClassicEntry[] = [];
  #fields: Map<string, ClassicField> | null = null;
  #block: Map<string, Placed> | null = null;
  #lines = 0;

  constructor(text: string, budget: Budget) {
    this.#text = text;
    this.#budget = budget;
  }

  read(): ClassicResult {
    const { length } = this.#text;
    let sawHeader = false;
    for (let start = 0; start < length;) {
      const newline = this.#text.indexOf("\n", start);
      const next = newline === -1 ? length : newline + 1;
      const end = newline === -1 ? length : newline - (this.#text[newline - 1] === "\r" ? 1 : 0);
      const line = this.#text.slice(start, Math.max(start, end));
      if (line.startsWith("#")) sawHeader ||= header.test(line);
      else if (line !== "") {
        const problem = sawHeader
          ? this.#line(line, start)
          : malformed(start, "The file does not begin with `# yarn lockfile v1`.");
        if (problem !== null) return { ok: false, problem };
      }
      start = next;
    }
    if (!sawHeader)
      return { ok: false, problem: malformed(0, "The file does not begin with `# yarn lockfile v1`.") };
    return { ok: true, entries: this.#entries };
  }

  #line(line: string, start: number): ClassicProblem | null {
    this.#lines += 1;
    if (
      this.#entries.length > this.#budget.lockfileEntries ||
      this.#lines > 32 * this.#budget.lockfileEntries
    ) {
      return { code: "budget/entries", at: start, why: `More than ${this.#budget.lockfileEntries} entries.` };
    }
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    if (indent === 0) return this.#entry(line, start);
    if (indent === 2 && this.#fields !== null) return this.#field(line.slice(2), start + 2, this.#fields);
    if (indent === 4 && this.#block !== null) return this.#dependency(line.slice(4), start + 4, this.#block);
    return malformed(start, "A line is indented as no line of this format is.");
  }

  #entry(line: string, start: number): ClassicProblem | null {
    const patterns: Placed[] = [];
    let offset = 0;
    while (offset < line.length) {
      const word = readWord(line, offset, true);
      if (word === null) return malformed(start + offset, "A pattern is not well-formed.");
      patterns.push({ text: word.text, at: start + offset });
      offset = word.end;
      if (line.slice(offset) === ":") {
        this.#fields = new Map();
        this.#block = null;
        this.#entries.push({ at: start, patterns, fields: this.#fields });
        return null;
      }
      if (!line.startsWith(", ", offset)) break;
      offset += 2;
    }
    return malformed(start, "A list of patterns does not end with a colon.");
  }

  #field(line: string, start: number, fields: Map<string, ClassicField>): ClassicProblem | null {
    const name = readWord(line, 0, true);
    if (name === null) return malformed(start, "A field is not well-formed.");
    if (fields.has(name.text)) return duplicate(start, name.text);
    if (line.slice(name.end) === ":") {
      this.#block = new Map();
      fields.set(name.text, { block: this.#block });
      return null;
    }
    this.#block = null;
    const value = lastWord(line, name.end);
    if (value === null) return malformed(start, "A field is not one name and one value.");
    fields.set(name.text, { value: { text: value, at: start + name.end + 1 } });
    return null;
  }

  #dependency(line: string, start: number, block: Map<string, Placed>): ClassicProblem | null {
    const name = readWord(line, 0, true);
    const value = name === null ? null : lastWord(line, name.end);
    if (name === null || value === null)
      return malformed(start, "A dependency is not one name and one range.");
    if (block.has(name.text)) return duplicate(start, name.text);
    block.set(name.text, { text: value, at: start });
    return null;
  }
}

/** The word that a blank and the end of the line enclose. */
function lastWord(line: string, from: number): string | null {
  if (line[from] !== " ") return null;
  const word = readWord(line, from + 1, false);
  return word !== null && word.end === line.length ? word.text : null;
}

/** A JSON string, or a bare word as Yarn leaves one: from a letter (values: also a digit) up to a blank, comma or colon. */
function readWord(line: string, from: number, isKey: boolean): { text: string; end: number } | null {
  if (line[from] === '"') {
    const end = closingQuote(line, from);
    const text = end === -1 ? null : parseString(line.slice(from, end));
    return text === null ? null : { text, end };
  }
  const bare = isKey ? /[A-Za-z][^:\s\\",[\]]*/y : /[A-Za-z/.-][^:\s\\",[\]]*|\d+/y;
  bare.lastIndex = from;
  const text = bare.exec(line)?.[0];
  return text === undefined ? null : { text, end: from + text.length };
}

/** The offset after the quote that closes the string; -1: nothing closes it. */
function closingQuote(line: string, from: number): number {
  for (let index = from + 1; index < line.length; index += 1) {
    if (line[index] === "\\") index += 1;
    else if (line[index] === '"') return index + 1;
  }
  return -1;
}

function parseString(text: string): string | null {
  try {
    return JSON.parse(text) as string;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const malformed = (at: number, why: string): ClassicProblem => ({ code: "lockfile/malformed", at, why });
const duplicate = (at: number, name: string): ClassicProblem => ({
  code: "lockfile/duplicate-key",
  at,
  why: `\`${name.slice(0, 100)}\` stands twice in one entry: parsers disagree on which one counts.`,
});
