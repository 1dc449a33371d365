import { stringEnd, valueOffset, type JsonTape } from "./json-scanner.ts";

/** One value of a document; only {@link JsonTree} gives it meaning. */
export type JsonNode = number;

const width = 3;

/**
 * Where the values of one document stand, in document order. Offsets are UTF-16 code units and point at the
 * first character: the opening quote, brace or digit. Nothing is decoded until it is asked for.
 */
export class JsonTree {
  readonly root: JsonNode = 0;
  readonly #text: string;
  readonly #tape: JsonTape;

  constructor(text: string, tape: JsonTape) {
    this.#text = text;
    this.#tape = tape;
  }

  /** Where the value starts. */
  offset(node: JsonNode): number {
    return valueOffset(this.#text, this.#tape, node);
  }

  /** Where the key of a member starts; for list elements and the root, where the value does. */
  keyOffset(node: JsonNode): number {
    const offset = this.#tape.cells[node * width + 1] as number;
    return offset === -1 ? this.offset(node) : offset;
  }

  /** The decoded key of a member; null for list elements and the root. */
  key(node: JsonNode): string | null {
    const start = this.#tape.cells[node * width + 1] as number;
    if (start === -1) return null;
    const token = this.#text.slice(start, stringEnd(this.#text, start));
    return token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
  }

  /** The members of an object or elements of a list, in document order; none for any other value. */
  children(node: JsonNode): JsonNode[] {
    const children: JsonNode[] = [];
    const next = this.#next(node);
    for (let child = node + 1; child < next; child = this.#next(child)) children.push(child);
    return children;
  }

  /** The member of that name; null where there is none. Costs one look at each member before it. */
  member(node: JsonNode, name: string): JsonNode | null {
    const next = this.#next(node);
    const token = JSON.stringify(name);
    // Nearly every key is written without escapes, so it is compared where it stands.
    for (let child = node + 1; child < next; child = this.#next(child))
      if (this.#text.startsWith(token, this.#tape.cells[child * width + 1])) return child;
    for (let child = node + 1; child < next; child = this.#next(child))
      if (this.key(child) === name) return child;
    return null;
  }

  /** Where the named member's value starts, else where the node's key does: for findings about that member. */
  memberOffset(node: JsonNode, name: string): number {
    const member = this.member(node, name);
    return member === null ? this.keyOffset(node) : this.offset(member);
  }

  #next(node: JsonNode): JsonNode {
    return this.#tape.cells[node * width + 2] as number;
  }
}
