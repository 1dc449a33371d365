import { Buffer } from "node:buffer";

/**
 * Reads the data types of RFC 4251 §5 from hostile bytes. What is missing reads as empty and is remembered:
 * nothing read counts unless {@link isDone} holds at the end.
 */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;
  #short = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Everything that was asked for was there, and nothing follows. */
  get isDone(): boolean {
    return !this.#short && this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (this.#short || end > this.#bytes.length) {
      this.#short = true;
      return Buffer.alloc(0);
    }
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  uint32(): number {
    const bytes = this.take(4);
    return bytes.length === 4 ? bytes.readUInt32BE() : 0;
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  /** A string of printable ASCII, as all names in keys and signatures are; "" for anything else. */
  name(): string {
    const text = this.string().toString("latin1");
    return /^[\x21-\x7e]*$/.test(text) ? text : "";
  }

  /** A positive integer of at most 32 bytes in its only encoding, as 32 bytes; null for any other. */
  scalar(): Buffer | null {
    const bytes = this.string();
    const [first, second] = bytes;
    if (first === undefined || first >= 0x80) return null;
    if (first === 0 && (second === undefined || second < 0x80)) return null;
    const digits = first === 0 ? bytes.subarray(1) : bytes;
    return digits.length > 32 ? null : Buffer.concat([Buffer.alloc(32 - digits.length), digits]);
  }
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([sshUint32(bytes.length), bytes]);
}
