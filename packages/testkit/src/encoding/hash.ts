import { createHash } from "node:crypto";

const hash = (algorithm: string, parts: readonly Uint8Array[]): Buffer => {
  const state = createHash(algorithm);
  for (const part of parts) state.update(part);
  return state.digest();
};

export const sha1 = (...parts: readonly Uint8Array[]): Buffer => hash("sha1", parts);
export const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash("sha256", parts);
export const sha512 = (...parts: readonly Uint8Array[]): Buffer => hash("sha512", parts);

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
