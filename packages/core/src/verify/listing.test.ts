import { describe, expect, it } from "vitest";
import { digestFromHex, type Digest } from "../digest.ts";
import type { Listing, Seen } from "../evidence/evidence.ts";
import { checkListing } from "./listing.ts";

const a = digestFromHex("sha512", "a1".repeat(64)) as Digest;
const b = digestFromHex("sha512", "b2".repeat(64)) as Digest;
const short = digestFromHex("sha256", "a1".repeat(32)) as Digest;
const listed = (...digests: readonly Digest[]): Seen<Listing> => ({
  state: "found",
  value: { digests, file: "leaf-1.0.tar.gz", yanked: null, repository: null },
  origin: "npm.example",
});

describe("a listing", () => {
  it("passes when the registry lists the locked digest, among others or alone", () => {
    expect(checkListing(listed(a), a, null)).toMatchObject({ status: "pass" });
    expect(checkListing(listed(short, a), a, "leaf-1.0.tar.gz")).toMatchObject({ status: "pass" });
  });

  it("passes, and says so, when the publisher withdrew the file", () => {
    const kept = listed(a);
    if (kept.state !== "found") throw new Error("not found");
    const yanked: Seen<Listing> = { ...kept, value: { ...kept.value, yanked: "broken" } };
    expect(checkListing(yanked, a, null)).toMatchObject({ status: "pass", code: "listing/yanked" });
    expect(checkListing(yanked, b, null)).toMatchObject({ status: "fail", code: "listing/mismatch" });
  });

  it("fails on another digest of the same algorithm, even beside the right one", () => {
    expect(checkListing(listed(b), a, null)).toMatchObject({
      status: "fail",
      code: "listing/mismatch",
      expected: `sha512:${a.hex}`,
      actual: `sha512:${b.hex}`,
    });
    expect(checkListing(listed(a, b), a, null)).toMatchObject({ status: "fail", code: "listing/mismatch" });
  });

  it("says nothing without a digest of the lock's algorithm", () => {
    expect(checkListing(listed(), a, null)).toMatchObject({ status: "skipped", code: "listing/unavailable" });
    expect(checkListing(listed(short), a, null)).toMatchObject({
      status: "skipped",
      code: "listing/unavailable",
    });
  });

  it("of another file says nothing", () => {
    expect(checkListing(listed(a), a, "leaf-1.0.zip")).toMatchObject({
      status: "skipped",
      code: "listing/unavailable",
    });
  });

  it("D13: that is absent, could not be had, or was not asked keeps its reason", () => {
    expect(checkListing({ state: "absent", origin: "npm.example" }, a, null)).toMatchObject({
      status: "skipped",
      code: "listing/absent",
    });
    for (const code of ["evidence/offline", "evidence/not-asked", "listing/malformed"] as const) {
      expect(checkListing({ state: "unavailable", code, detail: "" }, a, null)).toMatchObject({
        status: "skipped",
        code,
      });
    }
  });
});
