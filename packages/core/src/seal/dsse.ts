import { Buffer } from "node:buffer";

/**
 * Pre-authentication encoding of DSSE v1: the bytes that every signature of a seal is over. Type and payload are
 * preceded by their lengths in bytes, so that no other pair of them encodes to the same.
 */
export const pae = (payloadType: string, payload: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `),
    payload,
  ]);
