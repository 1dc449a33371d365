import {
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
  type Event,
  type ScalarEvent,
} from "js-yaml";
import { firstNodeOver } from "./yaml-node-bound.ts";
import {
  scalarValue,
  type YamlBounds,
  type YamlEntry,
  type YamlNode,
  type YamlProblem,
  type YamlResult,
  type YamlRule,
  type YamlSchema,
} from "./yaml-tree.ts";

export const maximumProblems = 20;

/** Reads the whole of YAML through the events of js-yaml's parser, and says what is wrong and where. */
export function readYamlEvents(text: string, schema: YamlSchema, bounds: YamlBounds): YamlResult {
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
