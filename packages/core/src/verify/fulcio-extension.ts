import type { Buffer } from "node:buffer";
import type { X509Certificate } from "@sigstore/core";

/** Fulcio's arc of certificate extensions (sigstore/fulcio docs/oid-info.md). */
export const fulcioArc = "1.3.6.1.4.1.57264.1.";

/** .1 to .6 are raw strings, .8 to .22 DER UTF8Strings; what lies outside is not read. */
const rawNumbers = { first: 1, last: 6 };
const derNumbers = { first: 8, last: 22 };
const utf8String = 0x0c;

export type Extension = { critical: boolean; content: X509Certificate["root"] };
/** By object identifier; where one stands twice, the first. */
export type Extensions = ReadonlyMap<string, Extension>;

/** Decodes every identifier once: the library does it again for every question. */
export function extensionsOf(certificate: X509Certificate): Extensions {
  const extensions = new Map<string, Extension>();
  for (const { subs } of certificate.extensions) {
    const [identifier, content] = [subs[0]?.toOID(), subs.at(-1)];
    if (identifier === undefined || content === undefined || extensions.has(identifier)) continue;
    extensions.set(identifier, { critical: subs.length === 3 && subs[1]?.toBoolean() === true, content });
  }
  return extensions;
}

/** Whether the extension is one that is not read, or text in its own encoding. */
export function isFulcioText(oid: string, { content }: Extension): boolean {
  const number = Number(oid.slice(fulcioArc.length));
  return (!isRaw(number) && !isDer(number)) || decode(number, content.value) !== null;
}

/** Text of extension 1.3.6.1.4.1.57264.1.`number`, null where it is missing, empty or not in its encoding. */
export function fulcioText(extensions: Extensions, number: number): string | null {
  const extension = extensions.get(`${fulcioArc}${number}`);
  const text = extension === undefined ? null : decode(number, extension.content.value);
  return text === "" ? null : text;
}

const isRaw = (number: number): boolean => number >= rawNumbers.first && number <= rawNumbers.last;
const isDer = (number: number): boolean => number >= derNumbers.first && number <= derNumbers.last;

function decode(number: number, value: Buffer): string | null {
  return isRaw(number) ? utf8(value) : derText(value);
}

/** X.690 §8.23, §10.1: tag, definite minimal length, content, nothing behind. */
function derText(value: Buffer): string | null {
  const length = value[1];
  if (value[0] !== utf8String || length === undefined) return null;
  if (length < 0x80) return value.length === 2 + length ? utf8(value.subarray(2)) : null;
  const octets = length & 0x7f;
  if (octets === 0 || octets > 2 || value.length < 2 + octets) return null;
  const stated = value.readUIntBE(2, octets);
  const minimal = octets === 1 ? stated >= 0x80 : stated > 0xff;
  return minimal && value.length === 2 + octets + stated ? utf8(value.subarray(2 + octets)) : null;
}

/** Text without bytes that are not UTF-8: two byte strings must never show as one name. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
