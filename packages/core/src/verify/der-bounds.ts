/** Nodes of one DER document, guesses at the content of octet strings included. Real certificates have about 150. */
const maximumNodes = 20_000;
const maximumDepth = 100;

const constructed = 0x20;
const octetString = 0x04;

/**
 * Whether `@sigstore/core` can parse these bytes in bounded time. Its parser guesses that an octet string holds DER
 * and starts over behind it when it does not; a guess may reach past the string's end, so 82 hostile bytes cost it
 * seconds, and every further four double that. This walk takes the same steps, counts them and gives up. It says
 * nothing about whether the bytes are well-formed: the parser does.
 */
export function isBoundedDer(bytes: Uint8Array): boolean {
  return new DerWalk(bytes).isBounded();
}

class DerWalk {
  readonly #bytes: Uint8Array;
  #nodes = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  isBounded(): boolean {
    this.#node(0, 0);
    return this.#nodes <= maximumNodes;
  }

  /** Offset behind the node that starts here, or -1 where the parser throws. */
  #node(start: number, depth: number): number {
    if (depth > maximumDepth || ++this.#nodes > maximumNodes) return -1;
    const tag = this.#bytes[start];
    if (tag === undefined || (tag & 0x1f) === 0x1f || tag === 0) return -1;
    const [content, length] = this.#length(start + 1);
    if (content === -1) return -1;
    const end = content + length;
    const guess = (tag & ~constructed) === octetString;
    if ((tag & constructed) === 0 && !guess) return end;
    const reached = this.#children(content, end, depth);
    return reached === -1 && !((tag & constructed) === 0 && guess) ? -1 : end;
  }

  #children(start: number, end: number, depth: number): number {
    if (end > this.#bytes.length) return -1;
    let at = start;
    while (at < end) {
      at = this.#node(at, depth + 1);
      if (at === -1) return -1;
    }
    return at === end ? end : -1;
  }

  #length(at: number): readonly [content: number, length: number] {
    const first = this.#bytes[at];
    if (first === undefined) return [-1, 0];
    if (first < 0x80) return [at + 1, first];
    const count = first & 0x7f;
    if (count > 6) return [-1, 0];
    let length = 0;
    for (let index = 1; index <= count; index++) length = length * 256 + (this.#bytes[at + index] ?? 0);
    return [at + 1 + count, length];
  }
}
