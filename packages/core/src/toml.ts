import { parse, TomlError } from "smol-toml";
import { LineIndex, type Position } from "./position.ts";

/** A parsed value. Tables have no prototype, so a key such as `__proto__` is only a key. */
export type TomlTable = { readonly [key: string]: unknown };
export type TomlPath = readonly (string | number)[];

/** A parsed document that knows where its values stand. */
export type TomlDocument = {
  root: TomlTable;
  /**
   * Where the value at a path stands: a table's header, or a value's first character. Falls back to the nearest
   * enclosing table or array when the place of the value itself is not certain.
   */
  at: (...path: TomlPath) => Position;
};

export type TomlResult =
  | { ok: true; document: TomlDocument }
  | {
      ok: false;
      code: "lockfile/malformed" | "lockfile/duplicate-key" | "budget/depth";
      detail: string;
      at: Position;
    };

/**
 * Reads TOML with the position of every value. smol-toml decides what the document means; a scan of the same text
 * finds the places, so at worst a position is coarse, never the value wrong.
 * @param depth nesting allowed of arrays and inline tables
 */
export function parseToml(path: string, text: string, depth: number): TomlResult {
  const lines = new LineIndex(path, text);
  let root: TomlTable;
  try {
    root = parse(text, { maxDepth: depth });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const detail = (error.message.split("\n", 1)[0] as string).replace(/^Invalid TOML document: /, "");
    const code = detail.startsWith("document contains excessively nested")
      ? "budget/depth"
      : /redefin/.test(detail)
        ? "lockfile/duplicate-key"
        : "lockfile/malformed";
    return { ok: false, code, detail, at: { path, line: error.line, column: error.column } };
  }
  const places = new Scanner(text).document();
  return { ok: true, document: { root, at: (...steps) => lines.at(locate(text, root, places, steps)) } };
}

/** A value's place. `children` is keyed by table keys or array indices; null for anything that is no container. */
type Place = { offset: number; children: Map<string | number, Place> | null };

function locate(text: string, root: unknown, places: Place, path: TomlPath): number {
  let value = root;
  let place = places;
  for (const step of path) {
    const inner = place.children?.get(step);
    value = child(value, step);
    if (inner === undefined || !agrees(text, value, inner)) return place.offset;
    place = inner;
  }
  return place.offset;
}

const child = (value: unknown, step: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string | number, unknown>)[step]
    : undefined;

/** Whether the text at a place can be the value: the value's own characters for strings, a container for containers. */
function agrees(text: string, value: unknown, place: Place): boolean {
  if (typeof value === "object" && value !== null) return place.children !== null || !isContainer(value);
  if (typeof value !== "string") return value !== undefined;
  const quote = text[place.offset];
  return (
    (quote === '"' || quote === "'") &&
    (text.startsWith(value, place.offset + 1) || text.startsWith(quote.repeat(3), place.offset))
  );
}

const isContainer = (value: object): boolean => Array.isArray(value) || Object.getPrototypeOf(value) === null;

/**
 * Finds places in text that smol-toml has accepted, so it reports no errors; on anything unexpected it moves on by
 * one character and so always ends. Nesting is bounded by the parse before it.
 */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Place {
    const root = container(0);
    let table = root;
    for (this.#skipVoid(); this.#at < this.#text.length; this.#skipVoid()) {
      if (this.#text[this.#at] === "[") table = this.#header(root);
      else this.#pair(table);
    }
    return root;
  }

  #header(root: Place): Place {
    const offset = this.#at;
    const isArray = this.#text[offset + 1] === "[";
    this.#at += isArray ? 2 : 1;
    const keys = this.#keys("]");
    this.#at += isArray ? 2 : 1;
    let table = root;
    for (const key of isArray ? keys.slice(0, -1) : keys) table = lastItem(enter(table, key, offset));
    if (!isArray) return atOffset(table, offset);
    const list = enter(table, keys.at(-1) ?? "", offset);
    const item = container(offset);
    list.children?.set(list.children.size, item);
    return item;
  }

  #pair(table: Place): void {
    const offset = this.#at;
    const keys = this.#keys("=");
    this.#at += 1;
    this.#skipBlanks();
    let target = table;
    for (const key of keys.slice(0, -1)) target = enter(target, key, offset);
    const place = this.#value();
    target.children?.set(keys.at(-1) ?? "", place);
  }

  /** Reads a dotted key up to its end; a quoted part with escapes is kept raw and so found under no path. */
  #keys(end: string): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skipBlanks();
      const start = this.#at;
      const first = this.#text[start];
      if (first === '"' || first === "'") {
        this.#string();
        keys.push(this.#text.slice(start + 1, this.#at - 1));
      } else {
        while (this.#at < this.#text.length && isBare(this.#text.charCodeAt(this.#at))) this.#at += 1;
        keys.push(this.#text.slice(start, this.#at));
      }
      this.#skipBlanks();
      const next = this.#text[this.#at];
      if (next === end || next === undefined) return keys;
      this.#at += 1;
      if (next !== ".") return keys;
    }
  }

  #value(): Place {
    const offset = this.#at;
    const first = this.#text[offset];
    if (first === "[") return this.#array();
    if (first === "{") return this.#inlineTable();
    if (first === '"' || first === "'") this.#string();
    else while (this.#at < this.#text.length && !endsScalar(this.#text.charCodeAt(this.#at))) this.#at += 1;
    return { offset, children: null };
  }

  #array(): Place {
    const place = container(this.#at);
    this.#at += 1;
    for (this.#skipVoid(); this.#at < this.#text.length; this.#skipVoid()) {
      const next = this.#text[this.#at];
      const before = this.#at;
      if (next === "]") break;
      if (next === ",") this.#at += 1;
      else place.children?.set(place.children.size, this.#value());
      if (this.#at === before) this.#at += 1;
    }
    this.#at += 1;
    return place;
  }

  #inlineTable(): Place {
    const place = container(this.#at);
    this.#at += 1;
    for (this.#skipVoid(); this.#at < this.#text.length; this.#skipVoid()) {
      const next = this.#text[this.#at];
      if (next === "}") break;
      if (next === ",") this.#at += 1;
      else this.#pair(place);
    }
    this.#at += 1;
    return place;
  }

  #string(): void {
    const text = this.#text;
    const quote = text[this.#at] as string;
    const fence = text.startsWith(quote.repeat(3), this.#at) ? quote.repeat(3) : quote;
    let at = this.#at + fence.length;
    if (quote === "'") {
      const end = text.indexOf(fence, at);
      at = end === -1 ? text.length : end + fence.length;
    } else {
      while (at < text.length && !(text.charCodeAt(at) === 0x22 && text.startsWith(fence, at))) {
        at += text.charCodeAt(at) === 0x5c ? 2 : 1;
      }
      at += fence.length;
    }
    // A multi-line string may end in up to two quotes of its own before the fence.
    for (let extra = 0; fence.length === 3 && extra < 2 && text[at] === quote; extra++) at += 1;
    this.#at = at;
  }

  #skipBlanks(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x09) return;
    }
  }

  #skipVoid(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x23) {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end === -1 ? this.#text.length : end;
      } else if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return;
    }
  }
}

const container = (offset: number): Place => ({ offset, children: new Map() });

const lastItem = (place: Place): Place => {
  const size = place.children?.size ?? 0;
  return place.children?.get(size - 1) ?? place;
};

function enter(table: Place, key: string, offset: number): Place {
  const known = table.children?.get(key);
  if (known !== undefined) return known;
  const made = container(offset);
  table.children?.set(key, made);
  return made;
}

/** A table first met as the parent of another (`[a.b]` before `[a]`) stands at its own header. */
function atOffset(table: Place, offset: number): Place {
  table.offset = offset;
  return table;
}

// Letters, digits, dash and underscore.
const isBare = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x2d ||
  code === 0x5f;

// Line end, comma, closing bracket or brace, or comment.
const endsScalar = (code: number): boolean =>
  code === 0x0a || code === 0x0d || code === 0x2c || code === 0x5d || code === 0x7d || code === 0x23;
