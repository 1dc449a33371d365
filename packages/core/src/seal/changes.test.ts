import { describe, expect, it } from "vitest";
import { digestOf, locked, setOf } from "../../test/decision.ts";
import { compareSets } from "./changes.ts";

const names = (packages: readonly { name: string; version: string }[]): string[] =>
  packages.map(({ name, version }) => `${name}@${version}`);

describe("what changed between two package sets", () => {
  it("added, removed, updated, and changed under the same version", () => {
    const other = locked("d");
    const before = setOf([locked("a"), locked("b"), locked("c"), other]);
    const evil = {
      ...other,
      artefacts: other.artefacts.map((artefact) => ({ ...artefact, digest: digestOf("evil") })),
    };
    const changes = compareSets(
      before,
      setOf([locked("a"), locked("c", { version: "2.0.0" }), evil, locked("e")]),
    );
    expect(names(changes.added)).toEqual(["e@1.0.0"]);
    expect(names(changes.removed)).toEqual(["b@1.0.0"]);
    expect(changes.updated.map(({ from, to }) => [from.version, to.version])).toEqual([["1.0.0", "2.0.0"]]);
    expect(names(changes.altered.map(({ to }) => to))).toEqual(["d@1.0.0"]);
  });

  it("an alias, an edge, a marker are changes; the place in the file is none", () => {
    const pkg = locked("a");
    const altered = (change: Partial<typeof pkg>): number =>
      compareSets(setOf([pkg]), setOf([{ ...pkg, ...change }])).altered.length;
    expect(altered({ aliases: ["b"] })).toBe(1);
    expect(altered({ requires: [{ as: "x", purl: "pkg:npm/x@1.0.0" }] })).toBe(1);
    expect(altered({ markers: { ...pkg.markers, dev: true } })).toBe(1);
    expect(altered({ at: { path: "other.lock", line: 99, column: 1 } })).toBe(0);
  });

  it("two versions of one name that both go or come are no update", () => {
    const changes = compareSets(
      setOf([locked("a"), locked("a", { version: "1.1.0" })]),
      setOf([locked("a", { version: "2.0.0" })]),
    );
    expect([changes.added.length, changes.removed.length, changes.updated.length]).toEqual([1, 2, 0]);
  });
});
