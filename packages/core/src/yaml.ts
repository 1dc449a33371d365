import {
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
  type Event,
  type ScalarEvent,
} from "js-yaml";

/**
 * Strict YAML 1.2 with a place for every key and value. Accepted is the part of YAML that every parser reads the
 * same way: no anchors, aliases, tags, directives, merge keys or duplicate keys, and only strings as keys. The
 * grammar is js-yaml's; what a scalar means is decided here.
 *
 * Offsets are UTF-16 code units into the text; `LineIndex` turns them into lines and columns.
 */
export type YamlNode = YamlScalar | YamlMap | YamlSequence;
/** `plain` tells `1` from `"1"`: an unquoted scalar may be a number, boolean or null, see {@link scalarValue}. */
export type YamlScalar = { kind: "scalar"; at: number; text: string; plain: boolean };
/** Entries in the order of the file. */
export type YamlMap = { kind: "map"; at: number; entries: ReadonlyMap<string, YamlEntry> };
export type YamlEntry = { keyAt: number; value: YamlNode };
export type YamlSequence = { kind: "sequence"; at: number; items: readonly YamlNode[] };

export type YamlProblem = { rule: YamlRule; at: number; detail: string };
export type YamlRule =
  | "syntax"
  | "duplicate-key"
  | "key-not-string"
  | "merge-key"
  | "anchor"
  | "alias"
  | "tag"
  | "directive"
  | "depth"
  | "nodes";

/** `documents` may be empty: a file of comments has none. At most {@link maximumProblems} problems are listed. */
export type YamlResult =
  | { ok: true; documents: readonly YamlNode[] }
  | { ok: false; problems: readonly YamlProblem[] };

export type YamlBounds = {
  /** Nesting of maps and sequences. */
  depth: number;
  /** Keys, values, maps and sequences of all documents together. */
  nodes: number;
};

/**
 * `core`: unquoted scalars follow the YAML 1.2 core schema, so a key such as `0x10` is refused.
 * `failsafe`: every scalar is a string, as Yarn reads its lockfile.
 */
export type YamlSchema = "core" | "failsafe";

export const maximumProblems = 20;

/** Reads every document of a text. Total: whatever the text holds, the outcome is a value. */
export function readYaml(text: string, schema: YamlSchema, bounds: YamlBounds): YamlResult {
  const over = firstNodeOver(text, bounds.nodes);
  if (over !== null) return refused("nodes", over, `more than ${bounds.nodes} values`);
  // The parser counts scalars as a level; the exact bound is held when the tree is built.
  const events = parse(text, bounds.depth + 2);
  return Array.isArray(events) ? new TreeBuilder(text, schema, bounds).build(events) : events;
}

function parse(text: string, maxDepth: number): Event[] | YamlResult {
  try {
    return parseEvents(text, { maxDepth });
  } catch (error) {
    // js-yaml asks its callers to expect any exception, not its own alone.
    if (!(error instanceof YAMLException)) return refused("syntax", 0, "text that cannot be parsed");
    const rule = error.reason.startsWith("nesting exceeded") ? "depth" : "syntax";
    return refused(rule, error.mark?.position ?? 0, error.reason);
  }
}

/**
 * The value of a scalar under the YAML 1.2 core schema (§10.3.2): quoted scalars and most plain ones are strings;
 * `null`, `~` and nothing are null; `true`/`false`, integers and floats are what they say.
 */
export function scalarValue(scalar: YamlScalar): string | number | boolean | null {
  const { text } = scalar;
  if (!scalar.plain || (text !== "" && !notStrings.has(text.charCodeAt(0)))) return text;
  if (/^(?:null|Null|NULL|~|)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/.test(text)) return Number(text);
  if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? Number.NaN : text;
}

/** What a plain scalar that is no string can begin with. */
const notStrings: ReadonlySet<number> = new Set(
  Array.from("-+.0123456789~nNtTfF", (first) => first.charCodeAt(0)),
);

/** A node as plain data under the core schema. Maps have no prototype, so `__proto__` is a key like any other. */
export function yamlValue(node: YamlNode): unknown {
  if (node.kind === "scalar") return scalarValue(node);
  if (node.kind === "sequence") return node.items.map(yamlValue);
  const value: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of node.entries) value[key] = yamlValue(entry.value);
  return value;
}

/** The node under a path of keys and indexes, with the offset of its key where it has one; null: no such node. */
export function yamlAt(
  root: YamlNode,
  path: readonly (string | number)[],
): { node: YamlNode; keyAt: number | null } | null {
  let found: { node: YamlNode; keyAt: number | null } = { node: root, keyAt: null };
  for (const step of path) {
    const { node } = found;
    if (node.kind === "map") {
      const entry = node.entries.get(String(step));
      if (entry === undefined) return null;
      found = { node: entry.value, keyAt: entry.keyAt };
    } else {
      const item = node.kind === "sequence" ? node.items[Number(step)] : undefined;
      if (item === undefined) return null;
      found = { node: item, keyAt: null };
    }
  }
  return found;
}

/**
 * The parser builds its whole event list before it can be asked to stop, so the count is bounded from the text:
 * every node but the first follows a line break, a flow indicator, or a block indicator that ends its word or
 * stands after a quoted key.
 * @returns the offset at which the bound is passed, or null
 */
function firstNodeOver(text: string, bound: number): number | null {
  if (text.length < bound) return null;
  let nodes = 1;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7b || !separates(text, index, code)) continue;
    nodes += 1;
    if (nodes > bound) return index;
  }
  return null;
}

function separates(text: string, index: number, code: number): boolean {
  switch (code) {
    case 0x0a: // line break
    case 0x0d:
    case 0x2c: // ,
    case 0x5b: // [
    case 0x7b: // {
      return true;
    case 0x2d: // -
    case 0x3f: // ?
      return isBlank(text.charCodeAt(index + 1));
    case 0x3a: // :
      return isBlank(text.charCodeAt(index + 1)) || isQuote(text.charCodeAt(index - 1));
    default:
      return false;
  }
}

const isBlank = (code: number): boolean =>
  code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d || Number.isNaN(code);
const isQuote = (code: number): boolean => code === 0x22 || code === 0x27;

type Open =
  | { kind: "document"; root: YamlNode | null }
  | { kind: "sequence"; items: YamlNode[] }
  | { kind: "map"; entries: Map<string, YamlEntry>; key: string | null; keyAt: number };

/** Turns the flat events into nodes and refuses what parsers read differently. */
class TreeBuilder {
  readonly #text: string;
  readonly #schema: YamlSchema;
  readonly #bounds: YamlBounds;
  readonly #problems: YamlProblem[] = [];
  readonly #documents: YamlNode[] = [];
  readonly #open: Open[] = [];

  constructor(text: string, schema: YamlSchema, bounds: YamlBounds) {
    this.#text = text;
    this.#schema = schema;
    this.#bounds = bounds;
  }

  build(events: readonly Event[]): YamlResult {
    let nodes = 0;
    for (const event of events) {
      if (this.#problems.length >= maximumProblems || this.#problems.at(-1)?.rule === "depth") break;
      if (event.type !== EVENT_ID.POP && ++nodes > this.#bounds.nodes) {
        return refused("nodes", 0, `more than ${this.#bounds.nodes} values`);
      }
      this.#take(event);
    }
    if (this.#problems.length > 0) return { ok: false, problems: this.#problems };
    return { ok: true, documents: this.#documents };
  }

  #take(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        if (event.directives.length > 0) this.#problem("directive", 0, "a % directive");
        this.#open.push({ kind: "document", root: null });
        return;
      case EVENT_ID.MAPPING: {
        this.#checkProperties(event);
        const entries = new Map<string, YamlEntry>();
        this.#add({ kind: "map", at: event.start, entries });
        this.#enter({ kind: "map", entries, key: null, keyAt: 0 }, event.start);
        return;
      }
      case EVENT_ID.SEQUENCE: {
        this.#checkProperties(event);
        const items: YamlNode[] = [];
        this.#add({ kind: "sequence", at: event.start, items });
        this.#enter({ kind: "sequence", items }, event.start);
        return;
      }
      case EVENT_ID.SCALAR: {
        this.#checkProperties(event);
        const plain = event.style === SCALAR_STYLE.PLAIN;
        const quoted =
          event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
        const at = Math.max(0, event.valueStart - (quoted ? 1 : 0));
        this.#add({ kind: "scalar", at, text: this.#decode(event, at), plain });
        return;
      }
      case EVENT_ID.ALIAS:
        this.#problem("alias", event.anchorStart, "an alias (*)");
        this.#add({ kind: "scalar", at: event.anchorStart, text: `*${event.anchorStart}`, plain: false });
        return;
      case EVENT_ID.POP: {
        const closed = this.#open.pop();
        if (closed?.kind === "document" && closed.root !== null) this.#documents.push(closed.root);
        return;
      }
    }
  }

  #enter(open: Open, at: number): void {
    // The document itself is open too.
    if (this.#open.length > this.#bounds.depth)
      this.#problem("depth", at, `more than ${this.#bounds.depth} levels`);
    this.#open.push(open);
  }

  #add(node: YamlNode): void {
    const open = this.#open.at(-1) as Open;
    if (open.kind === "document") open.root = node;
    else if (open.kind === "sequence") open.items.push(node);
    else if (open.key === null) [open.key, open.keyAt] = [this.#key(node, open.entries), node.at];
    else {
      open.entries.set(open.key, { keyAt: open.keyAt, value: node });
      open.key = null;
    }
  }

  /** Keys are compared as text: a key that a schema would turn into something else has no text of its own. */
  #key(node: YamlNode, siblings: ReadonlyMap<string, YamlEntry>): string {
    if (node.kind !== "scalar") {
      this.#problem("key-not-string", node.at, "a key that is a list or a map");
      return "";
    }
    if (node.plain && node.text === "<<") this.#problem("merge-key", node.at, "a merge key (<<)");
    const means =
      this.#schema === "core" ? scalarValue(node) : node.plain && node.text === "" ? null : node.text;
    if (String(means) !== node.text) this.#problem("key-not-string", node.at, `the key ${quote(node.text)}`);
    if (siblings.has(node.text)) this.#problem("duplicate-key", node.at, `the key ${quote(node.text)} twice`);
    return node.text;
  }

  #decode(event: ScalarEvent, at: number): string {
    const text = getScalarValue(this.#text, event);
    // An escape can name half of a character, which parsers in other languages refuse or replace.
    if (!event.fast && !text.isWellFormed()) this.#problem("syntax", at, "an escape that names no character");
    return text;
  }

  #checkProperties(event: { anchorStart: number; tagStart: number }): void {
    if (event.anchorStart !== -1) this.#problem("anchor", event.anchorStart, "an anchor (&)");
    if (event.tagStart !== -1) this.#problem("tag", event.tagStart, "a tag (!)");
  }

  #problem(rule: YamlRule, at: number, detail: string): void {
    this.#problems.push({ rule, at, detail });
  }
}

const refused = (rule: YamlRule, at: number, detail: string): YamlResult => ({
  ok: false,
  problems: [{ rule, at, detail }],
});

const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
