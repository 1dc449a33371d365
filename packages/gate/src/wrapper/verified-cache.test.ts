import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDirectory } from "@countersign/testkit";
import type { Verification } from "../conclusion.ts";
import { settleCache } from "./verified-cache.ts";

const root = createTestDirectory("verified-cache");
afterAll(() => root.remove());

const digest = (letter: string) => ({ algorithm: "sha512", hex: letter.repeat(128) }) as const;
/** What was allowed: packages by purl, with the digest of each. */
const allowed = (packages: Readonly<Record<string, string | null>>): Verification =>
  ({
    lockfiles: [
      {
        set: {
          packages: Object.entries(packages).map(([purl, letter]) => ({
            purl,
            artefacts: [{ digest: letter === null ? null : digest(letter) }],
          })),
        },
      },
    ],
  }) as unknown as Verification;
let count = 0;
function filled(): { cache: string; has: (folder?: string) => boolean } {
  const cache = join(root.path, String((count += 1)), "cache");
  for (const folder of ["npm", "localStorage"]) {
    mkdirSync(join(cache, folder), { recursive: true });
    writeFileSync(join(cache, folder, "file"), "");
  }
  return { cache, has: (folder = "npm") => existsSync(join(cache, folder, "file")) };
}
const leaf = "pkg:npm/leaf@1.0.0";

describe("a cache that verified installs fill", () => {
  it("stays while what is installed has the bytes that went in, and more comes in", async () => {
    const { cache, has } = filled();
    writeFileSync(`${cache}.digests.json`, "{}");
    await settleCache(cache, allowed({ [leaf]: "a" }), []);
    await settleCache(cache, allowed({ "pkg:npm/other@1.0.0": "b" }), []);
    await settleCache(cache, allowed({ [leaf]: "a" }), []);
    expect(has()).toBe(true);
    expect(Object.keys(JSON.parse(readFileSync(`${cache}.digests.json`, "utf8")) as object)).toEqual([
      leaf,
      "pkg:npm/other@1.0.0",
    ]);
  });

  it("goes where a package has other bytes than those that went in once, whatever allowed them then", async () => {
    const { cache, has } = filled();
    writeFileSync(`${cache}.digests.json`, "{}");
    await settleCache(cache, allowed({ [leaf]: "e" }), []);
    expect(has()).toBe(true);
    await settleCache(cache, allowed({ [leaf]: "a" }), []);
    expect(has()).toBe(false);
    // And is not mistaken for one that holds what is gone.
    mkdirSync(join(cache, "npm"), { recursive: true });
    await settleCache(cache, allowed({ [leaf]: "e" }), []);
    expect(existsSync(cache)).toBe(false);
  });

  it.each([
    ["no list", null],
    ["a list that cannot be read", "{"],
    ["a list of something else", '{"pkg:npm/leaf@1.0.0":7}'],
  ])("goes with %s beside it", async (_, list) => {
    const { cache, has } = filled();
    if (list !== null) writeFileSync(`${cache}.digests.json`, list);
    await settleCache(cache, allowed({ [leaf]: "a" }), []);
    expect(has()).toBe(false);
  });

  it("goes for a package without a digest, which could be anything", async () => {
    const { cache, has } = filled();
    writeFileSync(`${cache}.digests.json`, "{}");
    await settleCache(cache, allowed({ [leaf]: null }), []);
    expect(has()).toBe(false);
  });

  it("loses its packages only, where it holds other things besides", async () => {
    const { cache, has } = filled();
    await settleCache(cache, allowed({ [leaf]: "a" }), ["npm"]);
    expect([has(), has("localStorage")]).toEqual([false, true]);
  });
});
