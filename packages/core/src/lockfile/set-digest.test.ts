import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, locked } from "../../test/decision.ts";
import { packageSetDigest } from "./set-digest.ts";
import type { LockedPackage } from "./package-set.ts";

const packages: readonly LockedPackage[] = [
  locked("a", { requires: [{ as: "b", purl: "pkg:npm/b@1.0.0" }] }),
  locked("b", { aliases: ["c", "d"] }),
  locked("c", { ecosystem: "pypi" }),
];

describe("F1: the package-set digest", () => {
  it("does not depend on the order of packages, aliases and edges, nor on where they stand", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...packages], { minLength: packages.length }), (shuffled) => {
        const moved = shuffled.map((pkg) => ({
          ...pkg,
          aliases: pkg.aliases.toReversed(),
          at: { path: "other.lock", line: 7, column: 7 },
        }));
        expect(packageSetDigest(moved)).toEqual(packageSetDigest(packages));
      }),
    );
  });

  const [first, ...rest] = packages as [LockedPackage, ...LockedPackage[]];
  it.each<[string, Partial<LockedPackage>]>([
    ["its purl", { purl: "pkg:npm/a@1.0.1" }],
    ["its registry", { source: { kind: "registry", ecosystem: "npm", registry: "https://evil.example/" } }],
    ["its source", { source: { kind: "git", url: "https://forge.example/a", commit: "c".repeat(40) } }],
    ["a digest", { artefacts: first.artefacts.map((each) => ({ ...each, digest: digestOf("evil") })) }],
    [
      "an address",
      { artefacts: first.artefacts.map((each) => ({ ...each, url: "https://evil.example/a" })) },
    ],
    ["an artefact more", { artefacts: [...first.artefacts, ...first.artefacts] }],
    ["an alias", { aliases: ["left-pad"] }],
    ["an edge", { requires: [] }],
    ["a marker", { markers: { ...first.markers, optional: true } }],
  ])("F15: covers all that is installed: %s", (_, change) => {
    expect(packageSetDigest([{ ...first, ...change }, ...rest])).not.toEqual(packageSetDigest(packages));
  });

  it("texts that join to the same are told apart", () => {
    const digests = [
      locked("x", { aliases: ["a", "b"] }),
      locked("x", { aliases: ["a,b"] }),
      locked("x", { aliases: ['a","b'] }),
    ].map((pkg) => packageSetDigest([pkg]).hex);
    expect(new Set(digests).size).toBe(3);
  });
});
