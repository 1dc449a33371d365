import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { archiveSamples } from "../../test/archive-samples.ts";
import { endOfArchive, longName, pax, tarOf, type Member } from "../../test/tar-writer.ts";
import { readTar, type TarResult } from "./tar-archive.ts";
import { unpack } from "./npm-tarball.ts";

const read = (members: readonly Member[], end?: Uint8Array): TarResult => readTar(tarOf(members, end), 1000);
const a: Member = { path: "package/a", content: "a" };
const problem = (result: TarResult): string => (result.ok ? "" : result.detail);

describe("a tar archive", () => {
  it("is read with kinds, modes and contents", () => {
    const result = read([
      a,
      { path: "package/bin", mode: 0o755 },
      { path: "package/d/", type: "5" },
      { path: "package/s", type: "2", link: "/etc/passwd" },
      { path: "package/h", type: "1", link: "package/a" },
      { path: "package/dev", type: "3" },
    ]);
    const entries = result.ok ? result.entries : [];
    expect(entries.map(({ kind, path, executable }) => [kind, path, executable])).toEqual([
      ["file", "package/a", false],
      ["file", "package/bin", true],
      ["directory", "package/d/", false],
      ["symlink", "package/s", false],
      ["link", "package/h", false],
      ["other", "package/dev", false],
    ]);
    expect(Buffer.from(entries[0]?.content ?? []).toString()).toBe("a");
  });

  it.each<[string, readonly Member[], RegExp]>([
    ["a wrong checksum", [{ ...a, checksum: 1 }], /checksum/],
    ["a size that lies", [{ ...a, size: "77777777777\0" }], /cut short/],
    ["a size beyond what numbers hold", [{ ...a, size: new Uint8Array(12).fill(0xff) }], /number/],
    [
      "a size in base 256 beyond what numbers hold",
      [{ ...a, size: Uint8Array.of(0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) }],
      /number/,
    ],
    ["a size that is no octal number", [{ ...a, size: "0000000000z\0" }], /number/],
    ["a folder with content", [{ ...a, path: "package/a/" }], /folder with content/],
    ["a link to nothing", [{ ...a, type: "2", content: "" }], /link to nothing/],
    ["a file that is also a link", [{ ...a, link: "/etc/passwd" }], /is not a link/],
    ["a path with a line feed", [{ ...a, path: "package/a\nb" }], /control/],
    ["a path with a backslash", [{ ...a, path: "package\\..\\..\\a" }], /backslash/],
    ["a path with NUL in a pax header", [pax({ path: "package/a\0b" }), a], /control/],
    ["no path", [{ ...a, path: "" }], /path/],
    ["a path of digits alone, a number to readers of pax", [pax({ path: "12" }), a], /digits/],
    [
      "a pax value with a line feed, two records to others",
      [pax({ comment: "x\n19 path=package/b" }), a],
      /cannot be read/,
    ],
    [
      "a pax record whose length lies",
      [{ path: "x", type: "x", content: "99 path=b\n" }, a],
      /cannot be read/,
    ],
    ["a pax size that is not one", [pax({ size: "-1" }), a], /size/],
    ["a global header that renames everything", [pax({ path: "package/b" }, "g"), a], /global/],
    ["an extended header beyond 1 MiB", [longName("x".repeat(1024 * 1025)), a], /1 MiB/],
    ["an extended header that no member follows", [a, longName("package/b")], /without a member/],
  ])("with %s is refused whole", (_, members, why) => {
    const result = read(members);
    expect(result).toMatchObject({ ok: false, problem: "malformed" });
    expect(problem(result)).toMatch(why);
  });

  it("that hides members behind a blank block is refused: some readers stop there, some go on", () => {
    expect(problem(readTar(Buffer.concat([Buffer.alloc(512), tarOf([a])]), 10))).toMatch(/blank block/);
    expect(problem(read([a], Buffer.concat([Buffer.alloc(512), tarOf([a])])))).toMatch(/blank block/);
  });

  it("that ends inside a block is refused", () => {
    expect(problem(readTar(tarOf([a]).subarray(0, 700), 10))).toMatch(/cut short|inside a block/);
    expect(problem(readTar(Buffer.concat([tarOf([a], Buffer.alloc(0)), Buffer.from("rest")]), 10))).toMatch(
      /inside a block/,
    );
  });

  it("D30: with more members than its bound is not read on", () => {
    const many = tarOf(Array.from({ length: 11 }, () => ({ path: "package/a" })));
    expect(readTar(many, 10)).toEqual({ ok: false, problem: "entries", detail: "more than 10 entries" });
    const headers = tarOf(Array.from({ length: 11 }, () => pax({ comment: "x" })));
    expect(readTar(headers, 10)).toMatchObject({ problem: "entries" });
  });

  it("never throws, whatever the bytes, and never holds more than there are", async () => {
    const tars = await Promise.all(
      archiveSamples.filter(({ name }) => name !== "large").map(({ tarball }) => unpack(tarball)),
    );
    const valid = tars.flatMap((each) => (each.state === "found" ? [each.tar] : []));
    expect(valid.length).toBeGreaterThan(15);
    const flips = fc.array(fc.tuple(fc.nat(4096), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...valid, endOfArchive), flips, (tar, changes) => {
        const bytes = Buffer.from(tar);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const result = readTar(bytes, 1000);
        const held = result.ok ? result.entries.reduce((sum, { content }) => sum + content.byteLength, 0) : 0;
        expect(held).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 500 },
    );
  });
});
