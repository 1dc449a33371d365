import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globProblem, matchNames, matchSegments } from "./glob.ts";

describe("names", () => {
  it.each([
    [["**"], "left-pad", true],
    [["**"], "@acme/widget", true],
    [["*"], "left-pad", true],
    [["*"], "@acme/widget", false],
    [["*/*"], "@acme/widget", true],
    [["@acme/**"], "@acme/widget", true],
    [["@acme/**"], "@acme-evil/widget", false],
    [["@acme/**"], "evil/@acme/widget", false],
    [["@acme/*"], "@acme/widget", true],
    [["left-*"], "left-pad", true],
    [["left-*"], "not-left-pad", false],
    [["left-pad"], "left-padded", false],
    [["Left-Pad"], "left-pad", false],
    [["**", "!@acme/**"], "@acme/widget", false],
    [["!@acme/**", "**"], "@acme/widget", false],
    [["**", "!@acme/**"], "left-pad", true],
    [["a*b*c"], "aXbYc", true],
    [["ab*ba"], "aba", false],
  ])("%j on %s is %s", (globs, name, expected) => {
    expect(matchNames(globs, name, "npm")).toBe(expected);
  });

  it("normalises PyPI names and globs alike", () => {
    expect(matchNames(["Zope.Interface"], "zope_interface", "pypi")).toBe(true);
    expect(matchNames(["zope-*"], "Zope.Interface", "pypi")).toBe(true);
    expect(matchNames(["zope.interface"], "zope_interface", "npm")).toBe(false);
  });

  it("excludes whatever the order of the list", () => {
    const globs = fc.subarray(["**", "*", "!left-*", "@acme/**", "!@acme/x", "left-pad"], { minLength: 1 });
    fc.assert(
      fc.property(globs, fc.constantFrom("left-pad", "@acme/x", "@acme/y", "other"), (list, name) => {
        expect(matchNames(list.toReversed(), name, "npm")).toBe(matchNames(list, name, "npm"));
      }),
    );
  });

  it("agrees with a regular expression on short texts", () => {
    const part = fc.string({ unit: fc.constantFrom("a", "b", "*", "/"), minLength: 1, maxLength: 8 });
    const subject = fc.string({ unit: fc.constantFrom("a", "b", "/"), minLength: 1, maxLength: 8 });
    const reference = (pattern: string): RegExp =>
      new RegExp(
        `^${pattern
          .split("/")
          .map((segment) => (segment === "*" ? "[^/]+" : segment.replaceAll("*", "[^/]*")))
          .join("/")}$`,
      );
    fc.assert(
      fc.property(part, subject, (pattern, text) => {
        expect(matchSegments(pattern, text)).toBe(reference(pattern).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("takes linear time where backtracking would take for ever", () => {
    const text = "a".repeat(100_000);
    expect(matchSegments(`${"a*".repeat(200)}b`, text)).toBe(false);
    expect(matchNames([`${"**/a/".repeat(30)}b`], `${"a/".repeat(20_000)}c`, "npm")).toBe(false);
  }, 2000);
});

it.each([[["!@acme/**"]], [["a//b"]], [["a**"]], [["a!b"]], [["@acme/"]], [["!"]]])(
  "refuses the list %j",
  (globs) => {
    expect(globProblem(globs)).not.toBeNull();
  },
);

it.each([[["**", "!@acme/**"]], [["@acme/*"]], [["left-*"]]])("accepts the list %j", (globs) => {
  expect(globProblem(globs)).toBeNull();
});
