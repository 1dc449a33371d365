import type { Code } from "../codes.ts";
import { readRootDocument, type TrustProblem } from "./root-document.ts";
import { acceptsRoot, readRootMetadata, signatureCount, type RootMetadata } from "./root-metadata.ts";

/**
 * What one more file of the trust store comes to. `pending`: not signed by enough keys yet, or no root at all:
 * anybody can put such a file there, so it changes nothing. `refused`: signed by enough keys, and wrong all the same.
 */
export type NextRoot =
  | { state: "accepted"; value: RootMetadata }
  | { state: "pending"; code: Code; detail: string }
  | { state: "refused"; code: Code; detail: string };

/**
 * Judges the next version by the last trusted one (TUF § 5.3): signed by the threshold of both, its version exactly
 * one more. That the last one has expired is no hindrance; only the newest root's expiry counts.
 */
export function nextTrusted(last: RootMetadata, bytes: Uint8Array): NextRoot {
  const document = readRootDocument(bytes);
  if (!document.ok) return pending(document);
  if (!acceptsRoot(last, document.value)) {
    const { keyids, threshold } = signatureCount(last, document.value);
    return pending({
      code: "trust/threshold",
      detail: `${keyids.length} of ${threshold} root keys of version ${last.root.version} have signed it`,
    });
  }
  const read = readRootMetadata(document.value);
  if (!read.ok) return { state: "refused", code: read.code, detail: read.detail };
  const next = read.value;
  if (!acceptsRoot(next, next.document)) {
    const { keyids, threshold } = signatureCount(next, next.document);
    return pending({
      code: "trust/threshold",
      detail: `${keyids.length} of ${threshold} of its own root keys have signed it`,
    });
  }
  const expected = last.root.version + 1;
  if (next.root.version === expected) return { state: "accepted", value: next };
  const detail = `it says version ${next.root.version} where ${expected} follows`;
  return {
    state: "refused",
    code: next.root.version > expected ? "trust/version-gap" : "trust/rollback",
    detail,
  };
}

const pending = ({ code, detail }: Pick<TrustProblem, "code" | "detail">): NextRoot => ({
  state: "pending",
  code,
  detail,
});
