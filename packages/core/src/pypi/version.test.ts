import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareVersions,
  normaliseVersion,
  parseVersion,
  sameVersion,
  versionKey,
  type Version,
} from "./version.ts";

const numRuns = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);

// PEP 440 § "Summary of permitted suffixes and relative ordering", extended by one of each kind.
const ascending = [
  "1.dev0",
  "1.0.dev456",
  "1.0a1",
  "1.0a2.dev456",
  "1.0a12.dev456",
  "1.0a12",
  "1.0b1.dev456",
  "1.0b2",
  "1.0b2.post345.dev456",
  "1.0b2.post345",
  "1.0rc1.dev456",
  "1.0rc1",
  "1.0",
  "1.0+abc.5",
  "1.0+abc.7",
  "1.0+5",
  "1.0+5.1",
  "1.0.post456.dev34",
  "1.0.post456",
  "1.0.15",
  "1.1.dev1",
  "1!0.1",
];

const parse = (text: string): Version => {
  const version = parseVersion(text);
  if (version === null) throw new Error(`no version: ${text}`);
  return version;
};

describe("PEP 440 versions", () => {
  it("are ordered as the specification lists them", () => {
    for (let left = 0; left < ascending.length; left++) {
      for (let right = 0; right < ascending.length; right++) {
        const order = compareVersions(parse(ascending[left] as string), parse(ascending[right] as string));
        expect(Math.sign(order), `${ascending[left]} ? ${ascending[right]}`).toBe(Math.sign(left - right));
      }
    }
  });

  it.each([
    ["v1.0", "1.0"],
    [" 1.0\n", "1.0"],
    ["1.1RC1", "1.1rc1"],
    ["01.002", "1.2"],
    ["1.1.alpha.3", "1.1a3"],
    ["1.0-preview_2", "1.0rc2"],
    ["1.0c1", "1.0rc1"],
    ["1.2b", "1.2b0"],
    ["1.0-1", "1.0.post1"],
    ["1.0-r4", "1.0.post4"],
    ["1.2-dev", "1.2.dev0"],
    ["1.0+Ubuntu-01_A", "1.0+ubuntu.1.a"],
    ["0!1.0", "1.0"],
    ["20250101235959999999999999.0", "20250101235959999999999999.0"],
  ])("normalise %j to %s", (text, normal) => {
    expect(normaliseVersion(text)).toBe(normal);
  });

  it.each([
    "",
    "1.",
    ".1",
    "1..0",
    "a1",
    "1.0+",
    "1.0+a+b",
    "1.0~1",
    "1.0 1",
    "1.0.x",
    "١.٠",
    "1.0.dev1.dev2",
    "1".repeat(257),
  ])("refuse %j", (text) => {
    expect(parseVersion(text)).toBeNull();
  });

  it("are equal without trailing zeros, and never by prefix", () => {
    expect(sameVersion("1.0", "1.0.0")).toBe(true);
    expect(sameVersion("1.0", "1")).toBe(true);
    expect(sameVersion("1.0", "11.0")).toBe(false);
    expect(sameVersion("1.0", "1.0+evil")).toBe(false);
    expect(sameVersion("1.0", "1.0.post0")).toBe(false);
    expect(sameVersion("x", "x")).toBe(false);
  });

  it("have one key for all equal spellings", () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [left, right] = [parse(a), parse(b)];
        expect(versionKey(left) === versionKey(right)).toBe(compareVersions(left, right) === 0);
      }),
      { numRuns },
    );
  });

  it("normalise to themselves and stay equal", () => {
    fc.assert(
      fc.property(version, (text) => {
        const normal = normaliseVersion(text);
        expect(normal).not.toBeNull();
        expect(normaliseVersion(normal as string)).toBe(normal);
        expect(sameVersion(text, normal as string)).toBe(true);
      }),
      { numRuns },
    );
  });

  it("compare as a total order", () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        const [x, y, z] = [parse(a), parse(b), parse(c)];
        expect(Math.sign(compareVersions(x, y)) + Math.sign(compareVersions(y, x))).toBe(0);
        if (compareVersions(x, y) <= 0 && compareVersions(y, z) <= 0)
          expect(compareVersions(x, z)).toBeLessThanOrEqual(0);
      }),
      { numRuns },
    );
  });

  it("never throw, and end soon on hostile text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => void parseVersion(text)),
      { numRuns },
    );
    const started = performance.now();
    for (const text of [
      "1.".repeat(128),
      `1+${"a.".repeat(126)}!`,
      `1${"-".repeat(254)}`,
      "1".repeat(1_000_000),
    ])
      parseVersion(text);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

const number = fc.stringMatching(/^[0-9]{1,3}$/);
const version: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom("", "", "v", "1!", "0!"),
    fc.array(number, { minLength: 1, maxLength: 4 }),
    fc.option(
      fc.tuple(
        fc.constantFrom("", "-", ".", "_"),
        fc.constantFrom("a", "alpha", "b", "BETA", "rc", "c", "pre"),
        number,
      ),
    ),
    fc.option(fc.tuple(fc.constantFrom("", "-", "."), fc.constantFrom("post", "r", "rev"), number)),
    fc.option(number),
    fc.option(fc.array(fc.stringMatching(/^[a-z0-9]{1,4}$/), { minLength: 1, maxLength: 3 })),
  )
  .map(([prefix, release, pre, post, dev, local]) =>
    [
      prefix,
      release.join("."),
      pre?.join("") ?? "",
      post?.join("") ?? "",
      dev === null ? "" : `.dev${dev}`,
      local === null ? "" : `+${local.join("-")}`,
    ].join(""),
  );

const python = spawnSync("python3", ["-c", "import packaging.version"]).status === 0;

describe.skipIf(!python)("against packaging.version", () => {
  it("normal form, validity and order agree", () => {
    const samples = [
      ...ascending,
      ...fc.sample(version, { numRuns: 400, seed: 7 }),
      ...fc.sample(fc.stringMatching(/^[0-9a-c.!+_-]{1,12}$/), { numRuns: 400, seed: 7 }),
    ];
    const script = [
      "import json, sys",
      "from packaging.version import Version, InvalidVersion",
      "def read(text):",
      "    try: return Version(text)",
      "    except InvalidVersion: return None",
      "versions = [read(text) for text in json.load(sys.stdin)]",
      "pairs = zip(versions, versions[1:])",
      "order = [None if a is None or b is None else (a > b) - (a < b) for a, b in pairs]",
      "json.dump([[v and str(v) for v in versions], order], sys.stdout)",
    ].join("\n");
    const run = spawnSync("python3", ["-c", script], { input: JSON.stringify(samples), encoding: "utf8" });
    const [normal, order] = JSON.parse(run.stdout) as [(string | null)[], (number | null)[]];
    expect(samples.map(normaliseVersion)).toEqual(normal);
    const ours = samples.slice(1).map((text, index) => {
      const [left, right] = [parseVersion(samples[index] as string), parseVersion(text)];
      return left === null || right === null ? null : Math.sign(compareVersions(left, right)) + 0;
    });
    expect(ours).toEqual(order);
  });
});
