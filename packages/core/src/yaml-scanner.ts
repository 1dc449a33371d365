import { firstNodeOver } from "./yaml-node-bound.ts";
import { plainValue, type YamlBounds, type YamlEntry, type YamlNode, type YamlSchema } from "./yaml-tree.ts";

const space = 0x20;
const lineBreak = 0x0a;
const doubleQuote = 0x22;
const hash = 0x23;
const singleQuote = 0x27;
const comma = 0x2c;
const dash = 0x2d;
const dot = 0x2e;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const bar = 0x7c;
const closeBrace = 0x7d;

/**
 * Tabs, carriage returns, control characters, other line ends and byte-order marks: where parsers differ or the
 * grammar has many cases, and what no package manager writes.
 */
const outside = /[^\n\x20-\x7e\xa0-\u2027\u2030-\ufefe\uff00-\ufffd]/;

/** ASCII that a plain scalar may begin with here: no indicator, whatever may follow it. */
const beginsPlain: Uint8Array = Uint8Array.from({ length: 0x80 }, (_, code) =>
  code > space && !"#&*!|>'\"%@`,[]{}?-:".includes(String.fromCharCode(code)) ? 1 : 0,
);

/**
 * Reads, in one pass, the YAML that package managers write: block maps and lists of one entry a line, keys and
 * values plain or quoted on one line, `|-` texts, and flow maps and lists on one line.
 *
 * It never guesses: what is outside of this, what exceeds a bound and what is to be refused all give null, and the
 * parser of the whole language reads the text instead. What it does return is what that parser would.
 */
export function scanYaml(text: string, schema: YamlSchema, bounds: YamlBounds): readonly YamlNode[] | null {
  if (outside.test(text) || !text.isWellFormed() || firstNodeOver(text, bounds.nodes) !== null) return null;
  return new YamlScanner(text, schema, bounds).scan();
}

/** Every method returns null as soon as the text leaves the subset, and nothing is read after that. */
class YamlScanner {
  readonly #text: string;
  readonly #schema: YamlSchema;
  readonly #bounds: YamlBounds;
  /** Where the next character to be read stands. */
  #at = 0;
  /** Column at which the content of the current line begins; -1 at the end of the text. */
  #column = 0;
  #nodes = 0;
  readonly #lineBreaks: Occurrences;
  readonly #separators: Occurrences;
  readonly #lastSeparators: Occurrences;
  readonly #hashes: Occurrences;

  constructor(text: string, schema: YamlSchema, bounds: YamlBounds) {
    this.#text = text;
    this.#lineBreaks = new Occurrences(text, "\n");
    this.#separators = new Occurrences(text, ": ");
    this.#lastSeparators = new Occurrences(text, ":\n");
    this.#hashes = new Occurrences(text, "#");
    this.#schema = schema;
    this.#bounds = bounds;
  }

  scan(): readonly YamlNode[] | null {
    const documents: YamlNode[] = [];
    this.#seekContent(0);
    while (this.#column !== -1) {
      if (this.#atMarker()) this.#seekContent(this.#at + 4);
      if (this.#column !== 0) return null;
      this.#nodes += 1;
      const root = this.#map(0, 1, null);
      if (root === null) return null;
      documents.push(root);
    }
    return documents.length === 0 || this.#nodes > this.#bounds.nodes ? null : documents;
  }

  /**
   * Entries of one column, each on a line of its own.
   * @param first the first key, where it was read already
   */
  #map(column: number, depth: number, first: { at: number; key: string | null } | null): YamlNode | null {
    if (depth > this.#bounds.depth) return null;
    this.#nodes += 1;
    const at = first?.at ?? this.#at;
    const entries = new Map<string, YamlEntry>();
    let keyAt = at;
    let key = first === null ? this.#key(false) : first.key;
    for (;;) {
      const value = key === null ? null : this.#valueOf(column, depth);
      if (key === null || value === null) return null;
      const { size } = entries;
      entries.set(key, { keyAt, value });
      if (entries.size === size) return null;
      if (this.#column !== column || this.#atMarker()) break;
      keyAt = this.#at;
      key = this.#key(false);
    }
    return this.#column > column ? null : { kind: "map", at, entries };
  }

  /** Items of one column; an item may be a map, whose entries then stand two columns further in. */
  #sequence(column: number, depth: number): YamlNode | null {
    if (depth > this.#bounds.depth) return null;
    this.#nodes += 1;
    const at = this.#at;
    const items: YamlNode[] = [];
    do {
      if (this.#code(0) !== dash || this.#code(1) !== space) return null;
      this.#at += 2;
      const item = this.#item(column + 2, depth + 1);
      if (item === null) return null;
      items.push(item);
    } while (this.#column === column);
    return this.#column > column ? null : { kind: "sequence", at, items };
  }

  #item(column: number, depth: number): YamlNode | null {
    const at = this.#at;
    const first = this.#code(0);
    const text = first === openBrace || first === openBracket ? null : this.#scalar(first, false);
    if (text !== null && this.#code(0) === colon)
      return this.#map(column, depth, { at, key: this.#keyOf(first, text) });
    const item = text === null ? this.#value(depth, false) : this.#scalarNode(at, first, text);
    return item !== null && this.#pastLineEnd() ? item : null;
  }

  /** What follows a key's colon. */
  #valueOf(column: number, depth: number): YamlNode | null {
    return this.#atLineEnd() ? this.#below(column, depth) : this.#beside(column, depth);
  }

  /** A map or list on the lines below its key, further in than it. */
  #below(column: number, depth: number): YamlNode | null {
    this.#seekContent(this.#at + 1);
    if (this.#column <= column) return null;
    return this.#code(0) === dash
      ? this.#sequence(this.#column, depth + 1)
      : this.#map(this.#column, depth + 1, null);
  }

  /** A value on the line of its key. */
  #beside(column: number, depth: number): YamlNode | null {
    if (this.#code(0) !== space) return null;
    this.#at += 1;
    if (this.#code(0) === bar) return this.#literal(column);
    const value = this.#value(depth + 1, false);
    return value !== null && this.#pastLineEnd() ? value : null;
  }

  /** `|-`: lines further in than the key, without their indentation and without the blank ones at the end. */
  #literal(column: number): YamlNode | null {
    const text = this.#text;
    if (!text.startsWith("|-\n", this.#at)) return null;
    this.#nodes += 1;
    const at = this.#at + 3;
    const indent = this.#indentOf(at);
    // A blank first line has no column to measure the others by.
    if (indent <= column || text.charCodeAt(at + indent) === lineBreak) return null;
    let lines = "";
    let blanks = "";
    let start = at;
    while (start < text.length) {
      const found = text.indexOf("\n", start);
      const end = found === -1 ? text.length : found;
      const inward = this.#indentOf(start);
      if (end === start) blanks += "\n";
      else if (start + inward === end) return null;
      else if (inward < indent) break;
      else {
        lines += blanks + text.slice(start + indent, end);
        blanks = "\n";
      }
      start = end + 1;
    }
    this.#seekContent(start);
    return { kind: "scalar", at, text: lines, plain: false };
  }

  #value(depth: number, inFlow: boolean): YamlNode | null {
    const first = this.#code(0);
    if (first === openBrace) return this.#flowMap(depth);
    if (first === openBracket) return this.#flowSequence(depth);
    const at = this.#at;
    const text = this.#scalar(first, inFlow);
    if (text === null) return null;
    return this.#scalarNode(at, first, text);
  }

  #scalarNode(at: number, first: number, text: string): YamlNode {
    this.#nodes += 1;
    return { kind: "scalar", at, text, plain: first !== singleQuote && first !== doubleQuote };
  }

  #flowMap(depth: number): YamlNode | null {
    if (depth > this.#bounds.depth) return null;
    this.#nodes += 1;
    const at = this.#at;
    const entries = new Map<string, YamlEntry>();
    let more = this.#enter(closeBrace);
    while (more) {
      const { size } = entries;
      const keyAt = this.#at;
      const key = this.#key(true);
      if (key === null || this.#code(0) !== space) return null;
      this.#at += 1;
      const value = this.#value(depth + 1, true);
      if (value === null) return null;
      entries.set(key, { keyAt, value });
      const next = this.#next(closeBrace);
      if (next === null || entries.size === size) return null;
      more = next;
    }
    return { kind: "map", at, entries };
  }

  #flowSequence(depth: number): YamlNode | null {
    if (depth > this.#bounds.depth) return null;
    this.#nodes += 1;
    const at = this.#at;
    const items: YamlNode[] = [];
    let more = this.#enter(closeBracket);
    while (more) {
      const item = this.#value(depth + 1, true);
      const next = item === null ? null : this.#next(closeBracket);
      if (item === null || next === null) return null;
      items.push(item);
      more = next;
    }
    return { kind: "sequence", at, items };
  }

  /** Passes the opening bracket; false when the collection closes at once. */
  #enter(close: number): boolean {
    this.#at += 1;
    if (this.#code(0) !== close) return true;
    this.#at += 1;
    return false;
  }

  /** Passes `, ` (true: another entry follows) or the closing bracket (false). */
  #next(close: number): boolean | null {
    const code = this.#code(0);
    this.#at += 1;
    if (code === close) return false;
    if (code !== comma || this.#code(0) !== space) return null;
    this.#at += 1;
    return true;
  }

  /** A key and the colon after it. */
  #key(inFlow: boolean): string | null {
    const first = this.#code(0);
    const text = this.#scalar(first, inFlow);
    return text === null || this.#code(0) !== colon ? null : this.#keyOf(first, text);
  }

  /** Passes the colon; null where a key that reads thus is to be refused. */
  #keyOf(first: number, text: string): string | null {
    this.#at += 1;
    this.#nodes += 1;
    if (first === singleQuote || first === doubleQuote) return text;
    if (text === "<<" || (this.#schema === "core" && String(plainValue(text)) !== text)) return null;
    return text;
  }

  #scalar(first: number, inFlow: boolean): string | null {
    if (first === singleQuote) return this.#singleQuoted();
    if (first === doubleQuote) return this.#doubleQuoted();
    if (Number.isNaN(first) || beginsPlain[first] === 0) return null;
    // At the start of a line dots may end the document.
    if (first === dot && this.#column === 0 && this.#text.startsWith("...", this.#at)) return null;
    const start = this.#at;
    this.#at = inFlow ? flowPlainEnd(this.#text, start) : this.#plainEnd(start);
    const last = this.#code(-1);
    // A colon that ends the text separates a key from nothing.
    if (last === space || last === colon || this.#hasComment(start)) return null;
    return this.#text.slice(start, this.#at);
  }

  /** Where a plain scalar of a block ends: at the colon that separates it from a value, or with its line. */
  #plainEnd(start: number): number {
    const separator = Math.min(this.#separators.from(start), this.#lastSeparators.from(start));
    return Math.min(separator, this.#lineBreaks.from(start));
  }

  /** Whether a comment starts before the place where a plain scalar seems to end. */
  #hasComment(start: number): boolean {
    for (let at = this.#hashes.from(start); at < this.#at; at = this.#hashes.from(at + 1))
      if (this.#text.charCodeAt(at - 1) === space) return true;
    return false;
  }

  /** On one line; its mark stands twice for itself. */
  #singleQuoted(): string | null {
    const text = this.#text;
    const start = this.#at + 1;
    const lineEnd = this.#lineBreaks.from(start);
    let end = text.indexOf("'", start);
    let doubled = false;
    while (end !== -1 && end < lineEnd && text.charCodeAt(end + 1) === singleQuote) {
      doubled = true;
      end = text.indexOf("'", end + 2);
    }
    if (end === -1 || end > lineEnd) return null;
    this.#at = end + 1;
    const inside = text.slice(start, end);
    return doubled ? inside.replaceAll("''", "'") : inside;
  }

  /** On one line and without escapes. */
  #doubleQuoted(): string | null {
    const start = this.#at + 1;
    const end = this.#text.indexOf('"', start);
    if (end === -1 || end > this.#lineBreaks.from(start)) return null;
    this.#at = end + 1;
    const inside = this.#text.slice(start, end);
    return inside.includes("\\") ? null : inside;
  }

  #code(ahead: number): number {
    return this.#text.charCodeAt(this.#at + ahead);
  }

  #atLineEnd(): boolean {
    return this.#at >= this.#text.length || this.#code(0) === lineBreak;
  }

  /** Goes on to the next content; false where something else stands on this line. */
  #pastLineEnd(): boolean {
    if (!this.#atLineEnd()) return false;
    this.#seekContent(this.#at + 1);
    return true;
  }

  /** `---` alone on its line starts a document. */
  #atMarker(): boolean {
    if (this.#column !== 0 || this.#code(0) !== dash || !this.#text.startsWith("---", this.#at)) return false;
    return this.#at + 3 >= this.#text.length || this.#code(3) === lineBreak;
  }

  /** Goes to the first content at or after the start of a line; blank lines and unindented comments are none. */
  #seekContent(lineStart: number): void {
    const text = this.#text;
    let start = lineStart;
    while (start < text.length) {
      const indent = this.#indentOf(start);
      const code = text.charCodeAt(start + indent);
      if (code !== lineBreak && (code !== hash || indent > 0)) {
        this.#at = start + indent;
        this.#column = indent;
        return;
      }
      const end = text.indexOf("\n", start);
      start = end === -1 ? text.length : end + 1;
    }
    this.#at = text.length;
    this.#column = -1;
  }

  #indentOf(lineStart: number): number {
    let at = lineStart;
    while (this.#text.charCodeAt(at) === space) at += 1;
    return at - lineStart;
  }
}

/** Where a plain scalar of a flow collection ends: at an indicator, at a colon that separates, or with its line. */
function flowPlainEnd(text: string, start: number): number {
  flowIndicator.lastIndex = start;
  while (flowIndicator.test(text)) {
    const at = flowIndicator.lastIndex - 1;
    if (text.charCodeAt(at) !== colon || separators.has(text.charCodeAt(at + 1))) return at;
  }
  return text.length;
}

const flowIndicator = /[\n,:[\]{}]/g;
/** What makes a colon before it one that separates: the end of the text is also one, but a flow never ends there. */
const separators: ReadonlySet<number> = new Set(Array.from("\n ,[]{}", (after) => after.charCodeAt(0)));

/** The places of a short text in another, asked for in ascending order; all searches together pass the text once. */
class Occurrences {
  readonly #text: string;
  readonly #sought: string;
  #next = -1;

  constructor(text: string, sought: string) {
    this.#text = text;
    this.#sought = sought;
  }

  /** The first at or after an offset; the end of the text where there is none. */
  from(offset: number): number {
    if (this.#next < offset) {
      const found = this.#text.indexOf(this.#sought, offset);
      this.#next = found === -1 ? this.#text.length : found;
    }
    return this.#next;
  }
}
