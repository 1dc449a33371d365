import { scalarEnd, scanJson, stringEnd, valueOffset, type JsonTape } from "./json-scanner.ts";
import { JsonTree, type JsonNode } from "./json-tree.ts";
import { toPlainJson } from "./jsonc.ts";

/** Why a text is not one JSON document; `offset` counts UTF-16 code units. `values`: more than can be held. */
export type JsonProblem = {
  reason: "syntax" | "duplicate-key" | "depth" | "values";
  offset: number;
  detail: string;
};
export type JsonResult = { ok: true; value: unknown } | { ok: false; problem: JsonProblem };
export type JsonDocument = { ok: true; value: unknown; tree: JsonTree } | { ok: false; problem: JsonProblem };
/** An object as `JSON.parse` makes it: a `__proto__` key is an own property like any other. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads strict JSON (RFC 8259). One key twice in an object is refused, escaped or not, because parsers disagree on
 * which one counts; so is nesting deeper than `maxDepth` lists and objects. Never throws; linear in the text.
 */
export function parseJson(text: string, maxDepth: number): JsonResult {
  const document = parseJsonDocument(text, maxDepth);
  return document.ok ? { ok: true, value: document.value } : document;
}

/**
 * As {@link parseJson}, with the place of every value.
 * @param syntax `jsonc` allows comments and one trailing comma in a list or object, and nothing else
 */
export function parseJsonDocument(
  text: string,
  maxDepth: number,
  syntax: "json" | "jsonc" = "json",
): JsonDocument {
  const plain = syntax === "json" ? { ok: true as const, text } : toPlainJson(text);
  if (!plain.ok) return plain;
  const scan = scanJson(plain.text, maxDepth);
  if (!scan.ok) return scan;
  const tree = new JsonTree(plain.text, scan.tape);
  let value: unknown;
  try {
    value = JSON.parse(plain.text);
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, problem: tokenProblem(plain.text, scan.tape) };
    throw error;
  }
  // A key that stands twice leaves fewer members in the value than the text has.
  if (countMembers(value) !== scan.tape.members) return { ok: false, problem: duplicateKey(tree) };
  return { ok: true, value, tree };
}

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The own member of that name, or undefined: never what an object inherits. */
export const jsonMember = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? object[name] : undefined;

// `for…in` costs a third of `Object.values` here; a polluted prototype could only refuse a sound text.
function countMembers(value: unknown): number {
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value)
      if (typeof element === "object" && element !== null) count += countMembers(element);
  } else if (isJsonObject(value)) {
    for (const name in value) {
      count += 1;
      const child = value[name];
      if (typeof child === "object" && child !== null) count += countMembers(child);
    }
  }
  return count;
}

function duplicateKey(tree: JsonTree): JsonProblem {
  const pending: JsonNode[] = [tree.root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const children = tree.children(node);
    const seen = new Set<string>();
    for (const child of children) {
      const key = tree.key(child);
      if (key === null) break;
      if (seen.has(key)) {
        const detail = `the key ${JSON.stringify(key.slice(0, 200))} stands twice`;
        return { reason: "duplicate-key", offset: tree.keyOffset(child), detail };
      }
      seen.add(key);
    }
    for (const child of children.toReversed()) pending.push(child);
  }
  return { reason: "duplicate-key", offset: 0, detail: "a key stands twice" };
}

const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** The first key, string, number or literal that the grammar does not allow, in a text whose structure is sound. */
function tokenProblem(text: string, tape: JsonTape): JsonProblem {
  for (let index = 0; index < tape.values; index += 1) {
    for (const start of [tape.cells[index * 3 + 1] as number, valueOffset(text, tape, index)]) {
      const fault = start === -1 ? -1 : tokenFault(text, start);
      if (fault !== -1) {
        const detail = `unexpected ${JSON.stringify(text.slice(fault, fault + 16))}`;
        return { reason: "syntax", offset: fault, detail };
      }
    }
  }
  return { reason: "syntax", offset: 0, detail: "not JSON" };
}

function tokenFault(text: string, start: number): number {
  const first = text[start] as string;
  if (first === "{" || first === "[") return -1;
  if (first !== '"') {
    const token = text.slice(start, scalarEnd(text, start));
    return token === "true" || token === "false" || token === "null" || number.test(token) ? -1 : start;
  }
  const last = stringEnd(text, start) - 1;
  for (let offset = start + 1; offset < last; offset += 1) {
    if (text.charCodeAt(offset) < 0x20) return offset;
    if (text[offset] !== "\\") continue;
    if (text[offset + 1] !== "u") {
      if (!'"\\/bfnrt'.includes(text[offset + 1] as string)) return offset;
      offset += 1;
    } else if (/^[0-9a-fA-F]{4}$/.test(text.slice(offset + 2, offset + 6))) offset += 5;
    else return offset;
  }
  return -1;
}
