import { assert, constantFrom, dictionary, property } from "fast-check";
import { expect, it } from "vitest";
import { sha256Of } from "../digest.ts";
import { compareResources } from "./resource-changes.ts";

const resources = (files: Readonly<Record<string, string>>): Parameters<typeof compareResources>[0] =>
  Object.entries(files).map(([name, text]) => ({ name, digest: sha256Of(text) }));

it("names what came, what went and what has other bytes", () => {
  const before = resources({ ".npmrc": "a", ".pnpmfile.cjs": "b", "patches/x.patch": "c" });
  const after = resources({ ".npmrc": "a", ".pnpmfile.cjs": "other", "patches/y.patch": "c" });
  expect(compareResources(before, after)).toEqual({
    added: ["patches/y.patch"],
    removed: ["patches/x.patch"],
    changed: [".pnpmfile.cjs"],
  });
});

it("says the opposite of what it says the other way round, and nothing of the same files", () => {
  const files = dictionary(constantFrom("a", "b", "c"), constantFrom("1", "2")).map(resources);
  assert(
    property(files, files, (before, after) => {
      const there = compareResources(before, after);
      const back = compareResources(after, before);
      expect(new Set(back.added)).toEqual(new Set(there.removed));
      expect(new Set(back.removed)).toEqual(new Set(there.added));
      expect(new Set(back.changed)).toEqual(new Set(there.changed));
      expect(compareResources(before, before)).toEqual({ added: [], removed: [], changed: [] });
    }),
  );
});
