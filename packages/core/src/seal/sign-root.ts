import { malformed, signatureHex, type TrustProblem } from "./root-document.ts";
import { acceptsRoot, signatureCount, type RootMetadata } from "./root-metadata.ts";

/** Who still has to sign a version before it counts: by the last trusted version's root keys, and by its own. */
export type MissingSignatures = {
  complete: boolean;
  needs: readonly {
    /** Of the version whose keys and threshold these are. */
    version: number;
    threshold: number;
    signed: readonly string[];
    missing: readonly string[];
  }[];
};

/**
 * Adds one signature, once it has been held against the key: of a root key of this version or of the one before.
 * @param last the last trusted version; null where this is version 1
 */
export function attachRootSignature(
  metadata: RootMetadata,
  last: RootMetadata | null,
  keyid: string,
  signature: Uint8Array,
): { ok: true; value: RootMetadata } | TrustProblem {
  const roots = last === null ? [metadata] : [metadata, last];
  if (!roots.some(({ root }) => root.root.keyids.includes(keyid)))
    return malformed(`${keyid} is a root key neither of this version nor of the one before`);
  const { signed, signatures } = metadata.document;
  const document = {
    signed,
    signatures: [
      ...signatures.filter((each) => each.keyid !== keyid),
      { keyid, sig: signatureHex(signature) },
    ],
  };
  if (!roots.some((each) => signatureCount(each, document).keyids.includes(keyid)))
    return malformed(`the signature does not verify with the key ${keyid}`);
  return { ok: true, value: { ...metadata, document } };
}

export function missingSignatures(metadata: RootMetadata, last: RootMetadata | null): MissingSignatures {
  const roots = last === null ? [metadata] : [last, metadata];
  const needs = roots.map((each) => {
    const { keyids, threshold } = signatureCount(each, metadata.document);
    const missing = each.root.root.keyids.filter((keyid) => !keyids.includes(keyid));
    return { version: each.root.version, threshold, signed: keyids, missing };
  });
  return { complete: roots.every((each) => acceptsRoot(each, metadata.document)), needs };
}
