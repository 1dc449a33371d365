import type { Buffer } from "node:buffer";
import { RFC3161Timestamp } from "@sigstore/core";
import { readDer } from "./der.ts";

/**
 * Reads RFC 3161 responses in DER. Each must be granted (§2.4.2: status 0 or 1) and stand once; nothing is verified.
 * @returns null where one of them is not so
 */
export function readTimestamps(ders: readonly Buffer[]): RFC3161Timestamp[] | null {
  const distinct = new Set(ders.map((der) => der.toString("base64")));
  const stamps = ders.map((der) => readTimestamp(der));
  return distinct.size === ders.length && stamps.every((stamp) => stamp !== null) ? stamps : null;
}

/** Names the certificate that a timestamp says it was signed with: one source of time, however often it speaks. */
export const timestamper = (stamp: RFC3161Timestamp): string =>
  `tsa ${stamp.signerIssuer.toString("hex")} ${stamp.signerSerialNumber.toString("hex")}`;

function readTimestamp(der: Buffer): RFC3161Timestamp | null {
  const root = readDer(der);
  if (root === null) return null;
  try {
    const stamp = new RFC3161Timestamp(root);
    const granted = stamp.status === 0n || stamp.status === 1n;
    return granted && Number.isFinite(stamp.signingTime.getTime()) && timestamper(stamp) !== ""
      ? stamp
      : null;
  } catch {
    // The parser's getters throw on whatever shape they do not expect.
    return null;
  }
}
