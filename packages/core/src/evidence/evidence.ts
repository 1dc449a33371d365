import type { Code } from "../codes.ts";
import type { Digest } from "../digest.ts";
import type { Instant } from "../instant.ts";
import type { AttestationDocument } from "./attestation-document.ts";

/**
 * What was looked for and what came of it. The three states never fold into one another: `absent` is the live
 * word of a source that the policy accepts for it, `unavailable` is everything else that is not `found`
 * (not asked, offline, an error, a malformed document).
 */
export type Seen<T> =
  | { state: "found"; value: T; origin: string }
  | { state: "absent"; origin: string }
  | { state: "unavailable"; code: Code; detail: string };

/** What a registry lists, unsigned, for this name, version and file. */
export type Listing = {
  digests: readonly Digest[];
  file: string | null;
  yanked: string | null;
  repository: string | null;
};

/** One entry of `dist.signatures`. */
export type RegistrySignature = { keyid: string; sig: string };

/** Everything collected for one artefact. */
export type Evidence = {
  /** Normalised address of the registry whose word this is, after `speaksFor`; null where none was asked. */
  registry: string | null;
  listing: Seen<Listing>;
  signatures: Seen<readonly RegistrySignature[]>;
  attestations: Seen<AttestationDocument>;
  /** The registry's unsigned publish time; log times come out of verification. */
  published: Seen<Instant>;
  /**
   * For digests that are not over the registry's bytes (a Yarn zip, an unpacked tar): the digest of the tarball that
   * was fetched and converted to exactly the locked one. What a registry says is held against it.
   */
  binding: Seen<Digest>;
};

export const notAsked: Seen<never> = { state: "unavailable", code: "evidence/not-asked", detail: "" };

/** Evidence of an artefact about which nothing was asked. */
export const noEvidence: Evidence = {
  registry: null,
  listing: notAsked,
  signatures: notAsked,
  attestations: notAsked,
  published: notAsked,
  binding: notAsked,
};
