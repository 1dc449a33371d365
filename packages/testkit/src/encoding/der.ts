/** A small DER writer (ITU-T X.690): what certificates, SCT lists and timestamp tokens need, and nothing else. */

const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content]);
};

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = minimalBytes(BigInt(length));
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

function minimalBytes(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, ...parts);
export const octetString = (content: Uint8Array): Buffer => tlv(0x04, content);
export const utf8String = (text: string): Buffer => tlv(0x0c, Buffer.from(text));
export const bool = (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0]));
export const nothing: Buffer = tlv(0x05);

/** A bit string of whole bytes, or with `unused` bits at the end of the last one. */
export const bitString = (content: Uint8Array, unused = 0): Buffer =>
  tlv(0x03, Buffer.from([unused]), content);

/** Context-specific constructed `[n]`, as EXPLICIT tagging and constructed IMPLICIT types use it. */
export const context = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  tlv(0xa0 | number, ...parts);

/** Context-specific primitive `[n]`: an IMPLICIT string (general names, key identifiers). */
export const contextPrimitive = (number: number, content: Uint8Array): Buffer => tlv(0x80 | number, content);

/** A non-negative integer; bytes are taken as unsigned big-endian. */
export function integer(value: number | bigint | Uint8Array): Buffer {
  const bytes = minimalBytes(
    value instanceof Uint8Array ? BigInt(`0x0${Buffer.from(value).toString("hex")}`) : BigInt(value),
  );
  return tlv(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function objectIdentifier(dotted: string): Buffer {
  const arcs = dotted.split(".").map(Number);
  const [first = 0, second = 0, ...rest] = arcs;
  return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift((rest % 128) | 0x80);
  return digits;
}

/** UTCTime to 2049, GeneralizedTime after (RFC 5280 §4.1.2.5); whole seconds. */
export function time(instant: number): Buffer {
  const year = new Date(instant).getUTCFullYear();
  return year < 2050 ? tlv(0x17, Buffer.from(digitsOf(instant).slice(2))) : generalizedTime(instant);
}

export const generalizedTime = (instant: number): Buffer => tlv(0x18, Buffer.from(digitsOf(instant)));

const digitsOf = (instant: number): string =>
  `${new Date(instant).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
