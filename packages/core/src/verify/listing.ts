import { kindOf } from "../codes.ts";
import { formatDigest, type Digest } from "../digest.ts";
import type { Listing, Seen } from "../evidence/evidence.ts";
import type { Claim } from "./verdict.ts";

/**
 * Compares what the registry lists for this name, version and file with the digest in the lockfile. The listing is
 * unsigned; a match earns `locked`, and a contradiction means that the lock was edited or the registry changed.
 * A file that its publisher withdrew (PEP 592) is listed still, and the claim says so.
 * Digests of different algorithms cannot be compared: a listing without the lock's algorithm says nothing.
 * @param file the locked file's name, where the format has one
 */
export function checkListing(listing: Seen<Listing>, locked: Digest, file: string | null): Claim {
  if (listing.state === "absent") return { name: "listing", status: "skipped", code: "listing/absent" };
  if (listing.state === "unavailable") {
    const status = kindOf(listing.code) === "refused" ? "fail" : "skipped";
    return { name: "listing", status, code: listing.code, actual: listing.detail };
  }
  const { value } = listing;
  if (file !== null && value.file !== null && value.file !== file) {
    return {
      name: "listing",
      status: "skipped",
      code: "listing/unavailable",
      expected: file,
      actual: value.file,
    };
  }
  const comparable = value.digests.filter(({ algorithm }) => algorithm === locked.algorithm);
  const expected = formatDigest(locked);
  const other = comparable.find(({ hex }) => hex !== locked.hex);
  if (other !== undefined) {
    return {
      name: "listing",
      status: "fail",
      code: "listing/mismatch",
      expected,
      actual: formatDigest(other),
    };
  }
  if (comparable.length === 0) {
    const actual =
      value.digests.length === 0 ? "no strong digest" : value.digests.map(formatDigest).join(", ");
    return { name: "listing", status: "skipped", code: "listing/unavailable", expected, actual };
  }
  const withdrawn = value.yanked === null ? {} : ({ code: "listing/yanked" } as const);
  return { name: "listing", status: "pass", ...withdrawn, expected, actual: expected };
}
