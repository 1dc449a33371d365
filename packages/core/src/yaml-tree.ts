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

/** `documents` may be empty: a file of comments has none. At most `maximumProblems` problems are listed. */
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

/** The value of a scalar: a quoted one is its text, a plain one what {@link plainValue} says. */
export const scalarValue = (scalar: YamlScalar): string | number | boolean | null =>
  scalar.plain ? plainValue(scalar.text) : scalar.text;

/**
 * What unquoted text is under the YAML 1.2 core schema (§10.3.2): `null`, `~` and nothing are null; `true`/`false`,
 * integers and floats are what they say; the rest, which is most of it, are strings.
 */
export function plainValue(text: string): string | number | boolean | null {
  if (text === "") return null;
  if (!notStrings.has(text.charCodeAt(0)) || !notString.test(text)) return text;
  if (/^[~nN]/.test(text)) return null;
  if (/^[tTfF]/.test(text)) return /^[tT]/.test(text);
  if (/inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return Number(text);
}

/** What a plain scalar that is no string can begin with, which tells most strings apart at once. */
const notStrings: ReadonlySet<number> = new Set(
  Array.from("-+.0123456789~nNtTfF", (first) => first.charCodeAt(0)),
);
const notString: RegExp =
  /^(?:null|Null|NULL|~|true|True|TRUE|false|False|FALSE|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

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
