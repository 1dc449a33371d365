import { describe, expect, it } from "vitest";
import { archiveSamples } from "../../test/archive-samples.ts";
import { pax, tarballOf, type Member } from "../../test/tar-writer.ts";
import { defaultTarballLimits } from "./limits.ts";
import { compressionOf, yarnZipDigest } from "./yarn-zip.ts";

/**
 * The first 16 bytes of the checksums that Yarn wrote for the samples with `compressionLevel: 0` and `mixed`: the
 * same with 4.0.0, 4.9.0 and 4.18.1. Measured by yarn-zip.oracle.test.ts, which installs them with the real Yarn.
 */
const measured: readonly [string, string, string][] = [
  ["@scope/scoped", "b110a37120cd4842228569a713b1cbe7", "1e5f147e336d9cc089aaab0d2277e75b"],
  ["after-end", "4ba59ceb471b8fb8cc98241655cbcc04", "4ba59ceb471b8fb8cc98241655cbcc04"],
  ["dot-segments", "4a4af4819d0208b5d53758ff59f71b6e", "4a4af4819d0208b5d53758ff59f71b6e"],
  ["empty", "56d040d7d2c100400e06c10dbc4aa6af", "56d040d7d2c100400e06c10dbc4aa6af"],
  ["executable", "cd31679834a1ff518a1004b3d67d18c8", "cd31679834a1ff518a1004b3d67d18c8"],
  ["folders", "f1dcf957328705456ae14abd0a155f8b", "8426f561601266c0d2bc317f75b560f7"],
  ["global-comment", "6b39474fb49661aae41de85f6e63ddcc", "6b39474fb49661aae41de85f6e63ddcc"],
  ["large", "32a1e3ad3f0ff89a7716b72dd98124af", "b74bc6e94328c6d59d647f413114f97c"],
  ["long-gnu", "2d7900f7229a41062c0d7fced4b3c97c", "2d7900f7229a41062c0d7fced4b3c97c"],
  ["long-pax", "614ec07a912972a014876751525ccb61", "614ec07a912972a014876751525ccb61"],
  ["long-ustar", "cfcdf1e1f32988454ddcc323b67300be", "cfcdf1e1f32988454ddcc323b67300be"],
  ["no-end", "1384d4cc991623fb548d85c971f034d5", "1384d4cc991623fb548d85c971f034d5"],
  ["old-file", "6e5a84013e6966faa971d2748f692f83", "6e5a84013e6966faa971d2748f692f83"],
  ["other-root", "c150e1f1c4755412a34c09126d0a0d52", "c150e1f1c4755412a34c09126d0a0d52"],
  ["outside", "f5c3bd5b952efd0fa7f8f3f3f938c39a", "f5c3bd5b952efd0fa7f8f3f3f938c39a"],
  ["plain", "6c83887f1ea7a3098a8750d3a8540fb5", "72973e705f76ed5549e60d052ba90c66"],
  ["sizes", "5cc3241298bb1d91a2690d25db4d6809", "5cc3241298bb1d91a2690d25db4d6809"],
  ["special", "7bc336d264619fb3d8c76ea54ec1e9ae", "7bc336d264619fb3d8c76ea54ec1e9ae"],
  ["twice", "078a2bf6557a46918dae6cec2fec19e4", "078a2bf6557a46918dae6cec2fec19e4"],
  ["unicode", "052c83ded43d512a82edbead730ce5b3", "052c83ded43d512a82edbead730ce5b3"],
];

const sample = (name: string): Uint8Array =>
  archiveSamples.find((each) => each.name === name)?.tarball as Uint8Array;
const hexOf = async (tarball: Uint8Array, name: string, cacheKey: string): Promise<string> => {
  const made = await yarnZipDigest(tarball, name, cacheKey);
  return made.state === "found" ? made.digest.hex : `${made.code}: ${made.detail}`;
};
const manifest: Member = { path: "package/package.json", content: "{}" };

describe("the zip that Yarn makes of a tarball", () => {
  it("covers every sample", () => {
    expect(measured.map(([name]) => name).toSorted()).toEqual(
      archiveSamples.map(({ name }) => name).toSorted(),
    );
  });

  it.each(measured)("of %s is made byte for byte", async (name, stored, mixed) => {
    expect((await hexOf(sample(name), name, "10c0")).slice(0, 32)).toBe(stored);
    expect((await hexOf(sample(name), name, "10")).slice(0, 32)).toBe(mixed);
  });

  it("depends on name, content, mode, order and level", async () => {
    const a = { path: "package/a", content: "a".repeat(100) };
    const b = { path: "package/b", content: "b" };
    const zips = await Promise.all([
      hexOf(tarballOf([a, b]), "x", "10c0"),
      hexOf(tarballOf([a, b]), "y", "10c0"),
      hexOf(tarballOf([b, a]), "x", "10c0"),
      hexOf(tarballOf([{ ...a, content: "a".repeat(99) }, b]), "x", "10c0"),
      hexOf(tarballOf([{ ...a, mode: 0o755 }, b]), "x", "10c0"),
      hexOf(tarballOf([a, b]), "x", "10"),
    ]);
    expect(new Set(zips).size).toBe(6);
    expect(zips.every((hex) => /^[0-9a-f]{128}$/.test(hex))).toBe(true);
  });

  it.each(["8", "9", "10c", "10c10", "10C0", "11c0", "11", "", " 10"])(
    "is not made for cache key %j",
    async (cacheKey) => {
      expect(compressionOf(cacheKey)).toBeNull();
      expect(await yarnZipDigest(sample("plain"), "plain", cacheKey)).toMatchObject({
        code: "artefact/digest-unbound",
      });
    },
  );

  it.each<[string, readonly Member[]]>([
    [
      "a symbolic link, through which later members may be written",
      [manifest, { path: "package/l", type: "2", link: "../../.." }, { path: "package/l/evil" }],
    ],
    ["a file that is also a folder", [manifest, { path: "package/a" }, { path: "package/a/b" }]],
    ["a folder that is also a file", [manifest, { path: "package/a/b" }, { path: "package/a" }]],
    ["a folder that comes twice", [manifest, { path: "package/a/b" }, { path: "package/a/", type: "5" }]],
  ])("is not made of an archive with %s", async (_, members) => {
    expect(await yarnZipDigest(tarballOf(members), "x", "10c0")).toMatchObject({
      state: "unavailable",
      code: "artefact/digest-unbound",
    });
  });

  it("D30: a small archive whose paths name a great many folders is not expanded", async () => {
    const members = Array.from({ length: 60 }, (_, index) => [
      pax({ path: `package/${index}/${"d/".repeat(2000)}f` }),
      { path: "x" },
    ]).flat();
    const tarball = tarballOf(members);
    expect(tarball.length).toBeLessThan(20_000);
    expect(await yarnZipDigest(tarball, "x", "10c0")).toMatchObject({ code: "artefact/digest-unbound" });
    const few = { ...defaultTarballLimits, entries: 1000 };
    expect(await yarnZipDigest(tarballOf(members.slice(0, 2)), "x", "10c0", few)).toMatchObject({
      code: "artefact/digest-unbound",
    });
  });
});
