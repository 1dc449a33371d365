import { scalarValue, type YamlNode } from "../yaml.ts";
import type { Schema } from "./schema.ts";

/** One departure from a schema. `offset` is into the text; `example` is a line that would do. */
export type ShapeProblem = { offset: number; why: string; example: string };

/** More are not listed: a file that is not a policy at all would otherwise give one a line. */
export const maximumShapeProblems = 50;

/**
 * Checks a YAML tree against a schema of the subset that `Schema` describes, in the order of the file. Control and
 * bidirectional characters are refused everywhere: they make a policy show something else than it says.
 * @param root the schema that `$ref`s are resolved in
 */
export function checkShape(node: YamlNode, root: Schema): ShapeProblem[] {
  const checker = new ShapeChecker(root);
  checker.check(node, root, "", node.at);
  return checker.problems;
}

class ShapeChecker {
  readonly problems: ShapeProblem[] = [];
  readonly #root: Schema;

  constructor(root: Schema) {
    this.#root = root;
  }

  check(node: YamlNode, given: Schema, path: string, offset: number): void {
    if (this.problems.length >= maximumShapeProblems) return;
    const schema = this.#resolve(given);
    switch (schema.type) {
      case "object":
        this.#object(node, schema, path, offset);
        return;
      case "array":
        this.#array(node, schema, path, offset);
        return;
      case "string":
      case "integer":
      case undefined:
        this.#scalar(node, schema, path);
    }
  }

  #object(node: YamlNode, schema: Schema, path: string, offset: number): void {
    if (node.kind !== "map") {
      this.#expected(node, schema, path);
      return;
    }
    const known = schema.properties ?? {};
    if (schema.maxProperties !== undefined && node.entries.size > schema.maxProperties) {
      this.#add(
        offset,
        `${place(path)} has ${node.entries.size} entries; the bound is ${schema.maxProperties}.`,
        "",
      );
      return;
    }
    for (const [key, entry] of node.entries) {
      const below = path === "" ? key : `${path}.${key}`;
      if (hidden.test(key)) this.#add(entry.keyAt, `${place(path)} has a control character in a key.`, "");
      else if (Object.hasOwn(known, key)) this.check(entry.value, known[key] as Schema, below, entry.keyAt);
      else if (typeof schema.additionalProperties === "object") {
        const names = schema.propertyNames === undefined ? null : this.#resolve(schema.propertyNames);
        if (names?.pattern !== undefined && !new RegExp(names.pattern, "u").test(key)) {
          this.#add(
            entry.keyAt,
            `${place(path)}: expected ${names.description} as a key; found ${quote(key)}.`,
            "",
          );
        }
        this.check(entry.value, schema.additionalProperties, below, entry.keyAt);
      } else {
        this.#unknownKey(key, entry.keyAt, Object.keys(known), path);
      }
    }
    for (const key of schema.required ?? []) {
      if (node.entries.has(key)) continue;
      const missing = this.#resolve(known[key] as Schema);
      this.#add(
        offset,
        `${place(path)} lacks ${quote(key)}: ${missing.description ?? key}.`,
        line(key, missing),
      );
    }
  }

  #array(node: YamlNode, schema: Schema, path: string, offset: number): void {
    if (node.kind !== "sequence") {
      this.#expected(node, schema, path);
    } else if (node.items.length < (schema.minItems ?? 0)) {
      this.#add(
        offset,
        `${place(path)} is empty; leave the key out to say nothing.`,
        line(last(path), schema),
      );
    } else if (node.items.length > (schema.maxItems ?? Infinity)) {
      this.#add(
        offset,
        `${place(path)} has ${node.items.length} entries; the bound is ${schema.maxItems}.`,
        "",
      );
    } else {
      for (const [index, item] of node.items.entries()) {
        this.check(item, schema.items as Schema, `${path}[${index}]`, item.at);
      }
    }
  }

  #scalar(node: YamlNode, schema: Schema, path: string): void {
    const value = node.kind === "scalar" ? scalarValue(node) : null;
    if (typeof value === "string" && hidden.test(value)) {
      this.#add(
        node.at,
        `${place(path)} has a control or bidirectional character, so it shows something else than it says.`,
        "",
      );
    } else if (!fits(value, schema)) {
      this.#expected(node, schema, path);
    }
  }

  #expected(node: YamlNode, schema: Schema, path: string): void {
    const hint =
      schema.type === "string" &&
      node.kind === "scalar" &&
      node.plain &&
      typeof scalarValue(node) === "number"
        ? ` Numbers need quotes here: ${quote(node.text)}.`
        : "";
    const why = `${place(path)}: expected ${schema.description ?? schema.type}; found ${describe(node)}.${hint}`;
    this.#add(node.at, why, line(last(path), schema));
  }

  #unknownKey(key: string, offset: number, known: readonly string[], path: string): void {
    const near = known.find((name) => isNear(key, name));
    const meant = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${quote(near)}?`;
    this.#add(
      offset,
      `${place(path)} has the unknown key ${quote(key)}; ${meant}`,
      near === undefined ? "" : `${near}: …`,
    );
  }

  #add(offset: number, why: string, example: string): void {
    if (this.problems.length < maximumShapeProblems) this.problems.push({ offset, why, example });
  }

  #resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    return this.#root.$defs?.[schema.$ref.replace("#/$defs/", "")] as Schema;
  }
}

function fits(value: unknown, schema: Schema): boolean {
  if (schema.type === "string") {
    if (typeof value !== "string" || value.length > (schema.maxLength ?? Infinity)) return false;
    if (schema.enum !== undefined) return schema.enum.includes(value);
    return schema.pattern === undefined || new RegExp(schema.pattern, "u").test(value);
  }
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  if (schema.const !== undefined) return value === schema.const;
  return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
}

/** C0 (tab and line feed too), C1, bidirectional and invisible format characters, line separators, lone surrogates. */
const hidden = /[\p{Cc}\u200B-\u200F\u2028-\u202E\u2060-\u2069\u061C\uFEFF\p{Cs}]/u;

const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
const place = (path: string): string => (path === "" ? "The policy" : path);
const last = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

function describe(node: YamlNode): string {
  if (node.kind === "map") return "a map";
  if (node.kind === "sequence") return "a list";
  const value = scalarValue(node);
  if (value === null) return "nothing";
  return typeof value === "string" ? quote(value) : node.text.slice(0, 80);
}

/** `key: value` with the schema's example, or "" where there is none. */
function line(key: string, schema: Schema): string {
  const example = schema.examples?.[0];
  if (example === undefined) return "";
  const value = JSON.stringify(example);
  return key === "" || key.endsWith("]") ? `- ${value}` : `${key}: ${value}`;
}

/** Whether two keys differ by one character added, dropped or changed, or by case. */
function isNear(given: string, known: string): boolean {
  if (given.toLowerCase() === known.toLowerCase()) return true;
  if (Math.abs(given.length - known.length) > 1) return false;
  let start = 0;
  while (start < given.length && given[start] === known[start]) start += 1;
  let end = 0;
  const shorter = Math.min(given.length, known.length) - start;
  while (end < shorter && given.at(-1 - end) === known.at(-1 - end)) end += 1;
  return Math.max(given.length, known.length) - start - end <= 1;
}
