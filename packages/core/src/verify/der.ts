import { Buffer } from "node:buffer";
import { ASN1Obj } from "@sigstore/core";

type Tag = ASN1Obj["tag"];

/** Nodes of one DER document, guesses at the content of octet strings included. Real certificates have about 150. */
const maximumNodes = 20_000;
const maximumDepth = 100;

/**
 * Reads bytes as DER (X.690 §10) into the tree that `@sigstore/core` works on: the very tree that its own parser
 * makes, in bounded time. That parser guesses that an octet string holds DER and starts over behind it when it does
 * not, so 82 hostile bytes cost it seconds, and every further four double that. Here every step is counted, guesses
 * too, and a document that needs too many is refused.
 * @param bytes not to be changed afterwards: the tree shares them
 * @returns null where the bytes are not exactly one node in DER, or more than the bounds above
 */
export const readDer = (bytes: Buffer): ASN1Obj | null => new DerReader(bytes).document();

/** The tree again, so that one of them can be changed. */
export const copyDer = ({ tag, value, subs }: ASN1Obj): ASN1Obj => new DerNode(tag, value, subs.map(copyDer));

/** A node that is encoded in one pass over its tree; the library's copies what is below once for every level. */
class DerNode extends ASN1Obj {
  #identifier: string | null = null;

  /** Decoded once: the library looks for an extension by decoding the identifiers of all before it. */
  override toOID(): string {
    this.#identifier ??= super.toOID();
    return this.#identifier;
  }

  /** Freshly allocated: RFC 3161 verification writes another tag into it. */
  override toDER(): Buffer {
    const parts: Buffer[] = [];
    encode(this, parts);
    return Buffer.concat(parts.toReversed());
  }
}

/** Appends the node's parts last to first, since a header states the length of what follows it. */
function encode({ tag, value, subs }: ASN1Obj, parts: Buffer[]): number {
  let length = 0;
  for (const sub of subs.toReversed()) length += encode(sub, parts);
  if (subs.length === 0) {
    length = value.length;
    parts.push(value);
  }
  const header = Buffer.of(tag.toDER(), ...encodeLength(length));
  parts.push(header);
  return header.length + length;
}

/** X.690 §10.1: the definite form in as few octets as possible. */
function encodeLength(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

class DerReader {
  readonly #bytes: Buffer;
  #at = 0;
  #nodes = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  document(): ASN1Obj | null {
    const node = this.#node(0);
    return this.#at === this.#bytes.length && this.#nodes <= maximumNodes ? node : null;
  }

  #node(depth: number): ASN1Obj | null {
    if (depth > maximumDepth || ++this.#nodes > maximumNodes) return null;
    const tag = tagOf(this.#bytes[this.#at++]);
    const length = this.#length();
    if (tag === null || length === null || this.#at + length > this.#bytes.length) return null;
    const end = this.#at + length;
    const value = this.#bytes.subarray(this.#at, end);
    const subs = tag.constructed || tag.isOctetString() ? this.#children(end, depth) : [];
    // A constructed node is its children; what stands in an octet string may be DER or not.
    if (subs === null && tag.constructed) return null;
    this.#at = end;
    return new DerNode(tag, value, subs ?? []);
  }

  #children(end: number, depth: number): ASN1Obj[] | null {
    const subs: ASN1Obj[] = [];
    while (this.#at < end) {
      const sub = this.#node(depth + 1);
      if (sub === null) return null;
      subs.push(sub);
    }
    return this.#at === end ? subs : null;
  }

  /** X.690 §8.1.3 and §10.1: definite, in as few octets as possible. */
  #length(): number | null {
    const first = this.#bytes[this.#at++];
    if (first === undefined || first < 0x80) return first ?? null;
    const octets = first & 0x7f;
    const start = this.#at;
    this.#at += octets;
    if (octets === 0 || octets > 6 || this.#at > this.#bytes.length || this.#bytes[start] === 0) return null;
    const length = this.#bytes.readUIntBE(start, octets);
    return length < 0x80 ? null : length;
  }
}

/** Answers never change, so this is a table that is written when it is first read. */
const tags = new Map<number, Tag | null>();

/** The library's reading of an identifier octet, by its own parser; null where it takes none such. */
function tagOf(octet: number | undefined): Tag | null {
  if (octet === undefined) return null;
  const known = tags.get(octet);
  if (known !== undefined) return known;
  const tag = parseTag(octet);
  tags.set(octet, tag);
  return tag;
}

function parseTag(octet: number): Tag | null {
  try {
    return ASN1Obj.parseBuffer(Buffer.of(octet, 0)).tag;
  } catch {
    return null;
  }
}
