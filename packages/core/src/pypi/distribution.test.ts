import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesProject, parseDistributionFilename, sameDistribution } from "./distribution.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);

describe("distribution file names", () => {
  it("of wheels give project, version, build tag and tags", () => {
    expect(
      parseDistributionFilename(
        "Foo_Bar-1.0.0-01x-py3.py2-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
      ),
    ).toEqual({
      form: "wheel",
      project: "foo-bar",
      version: "1.0.0",
      build: "1x",
      tags: {
        python: ["py2", "py3"],
        abi: ["none"],
        platform: ["manylinux2014_x86_64", "manylinux_2_17_x86_64"],
      },
    });
  });

  it.each([
    ["sigstore-4.5.0.tar.gz", "sigstore", "4.5.0"],
    ["my-pkg-1.0.zip", "my-pkg", "1.0"],
    ["My.Pkg-1.0RC1.tar.bz2", "my-pkg", "1.0rc1"],
  ])("of sdist %s give %s %s", (file, project, version) => {
    expect(parseDistributionFilename(file)).toEqual({ form: "sdist", project, version });
  });

  it.each([
    "",
    "foo",
    "foo.whl",
    "foo-1.0.whl",
    "foo-1.0-py3-none.whl",
    "foo-1.0-x-py3-none-any.whl",
    "foo-1.0-1-2-py3-none-any.whl",
    "foo-x-py3-none-any.whl",
    "-1.0-py3-none-any.whl",
    "foo-1.0-py3..py2-none-any.whl",
    "foo-1.0-py3-none-.whl",
    "a__b-1.0-py3-none-any.whl",
    "foo-1.0-py3-none-any.WHL",
    "../foo-1.0-py3-none-any.whl",
    "foo-1.0-py3-none-any\n.whl",
    "pac\u212Aage-1.0.tar.gz",
    "foo-1.0.exe",
    "1.0.tar.gz",
    "foo-.tar.gz",
    `${"a".repeat(250)}-1.tar.gz`,
  ])("refuse %j", (file) => {
    expect(parseDistributionFilename(file)).toBeNull();
    expect(sameDistribution(file, file)).toBe(false);
  });

  it("D10: a file belongs to a version only as parsed, never as a substring", () => {
    expect(matchesProject("foo-11.0.1-py3-none-any.whl", "foo", "1.0")).toBe(false);
    expect(matchesProject("foo-11.0.1.tar.gz", "foo", "1.0")).toBe(false);
    expect(matchesProject("foo-1.0.1.tar.gz", "foo", "1.0")).toBe(false);
    expect(matchesProject("foo-1.0+evil-py3-none-any.whl", "foo", "1.0")).toBe(false);
    expect(matchesProject("foo-bar-1.0.tar.gz", "foo", "1.0")).toBe(false);
    expect(matchesProject("bar_foo-1.0-py3-none-any.whl", "foo", "1.0")).toBe(false);
    expect(matchesProject("foo-2.0-1.0-py3-none-any.whl", "foo", "1.0")).toBe(false);
    expect(matchesProject("Foo-1-py3-none-any.whl", "foo", "1.0")).toBe(true);
    expect(matchesProject("foo-1.0.0.tar.gz", "foo", "1.0")).toBe(true);
  });

  it("of old sdists match by the known project and version, whichever dash separates them", () => {
    expect(matchesProject("my-pkg-1.0.tar.gz", "my_pkg", "1.0")).toBe(true);
    expect(matchesProject("my-pkg-1.0-1.tar.gz", "my.pkg", "1.0.post1")).toBe(true);
    expect(matchesProject("my-pkg-1.0-1.tar.gz", "pkg", "1.0.post1")).toBe(false);
    expect(matchesProject("my-pkg-1.0-1.tar.gz", "my-pkg", "1.0")).toBe(false);
    expect(matchesProject("my-pkg-1.0-1-py3-none-any.whl", "my-pkg", "1.0")).toBe(false);
  });

  it("are the same distribution whatever the order of tags or the sdist's extension", () => {
    expect(sameDistribution("foo-1.0.tar.gz", "Foo-1.0.0.zip")).toBe(true);
    expect(sameDistribution("foo-1.0-py2.py3-none-any.whl", "foo-1.0-py3.py2-none-any.whl")).toBe(true);
    expect(sameDistribution("foo-1.0-py3-none-a.b.whl", "foo-1.0-py3-none-b.a.a.whl")).toBe(true);
    expect(sameDistribution("foo-1.0-01-py3-none-any.whl", "foo-1.0-1-py3-none-any.whl")).toBe(true);
  });

  it.each([
    ["foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl"],
    ["foo-1.0.tar.gz", "foo-1.1.tar.gz"],
    ["foo-1.0.tar.gz", "bar-1.0.tar.gz"],
    ["foo-1.0-py3-none-any.whl", "foo-1.0-1-py3-none-any.whl"],
    ["foo-1.0-1-py3-none-any.whl", "foo-1.0-1a-py3-none-any.whl"],
    ["foo-1.0-py3-none-any.whl", "foo-1.0-py2.py3-none-any.whl"],
    ["foo-1.0-py3-none-any.whl", "foo-1.0-py3-abi3-any.whl"],
    ["foo-1.0-py3-none-any.whl", "foo-1.0-py3-none-win32.whl"],
  ])("tell %s from %s", (a, b) => {
    expect(sameDistribution(a, b)).toBe(false);
  });

  it("survive the round trip of any project, version, build and tags", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
    const list = fc.uniqueArray(word, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        word,
        word,
        fc.nat(99),
        fc.option(fc.nat(99)),
        list,
        list,
        list,
        (a, b, n, build, python, abi, platform) => {
          const file = [
            `${a}_${b}`,
            `${n}.1`,
            ...(build === null ? [] : [build]),
            python.join("."),
            abi.join("."),
            platform.join("."),
          ].join("-");
          expect(parseDistributionFilename(`${file}.whl`)).toEqual({
            form: "wheel",
            project: `${a}-${b}`,
            version: `${n}.1`,
            build: build === null ? null : String(build),
            tags: { python: python.toSorted(), abi: abi.toSorted(), platform: platform.toSorted() },
          });
          expect(matchesProject(`${file}.whl`, `${a}.${b}`, `${n}.1.0`)).toBe(true);
          expect(matchesProject(`${a}-${b}-${n}.1.tar.gz`, `${a}_${b}`, `${n}.1`)).toBe(true);
          expect(matchesProject(`${file}.whl`, `${a}.${b}`, `${n}.1.1`)).toBe(false);
        },
      ),
      { numRuns },
    );
  });

  it("never throw and never blow up on huge tag sets", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (a, b) => {
        expect(sameDistribution(a, b)).toBe(sameDistribution(b, a));
        matchesProject(`${a}.tar.gz`, b, "1.0");
      }),
      { numRuns },
    );
    const many = Array.from({ length: 40 }, (_, index) => `t${index.toString(36)}`).join(".");
    const started = performance.now();
    expect(parseDistributionFilename(`f-1-${many}-${many.slice(0, 59)}-any.whl`)?.form).toBe("wheel");
    expect(matchesProject(`${"a-".repeat(120)}1.tar.gz`, "b", "1")).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
