import type { Code } from "../codes.ts";

/** Which container the attestations came in: what a registry serves, or a plain bundle (file or JSON lines). */
export type AttestationFormat =
  | "npm-attestations"
  | "pep740-provenance"
  | "pep740-attestation"
  | "bundle"
  | "bundle-lines";

/** The `publisher` block of PEP 740: unsigned, so only ever compared with the certificate. */
export type Publisher = { kind: string; claims: Readonly<Record<string, string | null>> };

/**
 * One attestation of a document, in the document's order. A part that cannot be read stays in the list as
 * `malformed`, so that nothing is dropped and a good neighbour cannot hide it.
 */
export type DocumentedAttestation =
  | {
      state: "read";
      /** The container's own label (npm); null where the format has none. The statement must agree. */
      predicateType: string | null;
      /** The Sigstore bundle as protobuf-JSON; PEP 740 objects are converted. Not yet verified in any way. */
      bundle: unknown;
      publisher: Publisher | null;
    }
  | { state: "malformed"; predicateType: string | null; code: Code; detail: string };

/** Never empty: an empty list is `absent`. */
export type AttestationDocument = {
  format: AttestationFormat;
  attestations: readonly DocumentedAttestation[];
};

/** Missing (`null`, `[]`), malformed and readable are three different results. */
export type DocumentResult =
  | { state: "found"; document: AttestationDocument }
  | { state: "absent" }
  | { state: "malformed"; code: Code; detail: string };
