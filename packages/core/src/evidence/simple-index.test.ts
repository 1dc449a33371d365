import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { digestFromHex, type Digest } from "../digest.ts";
import {
  findIndexFile,
  readSimpleIndex,
  type IndexAnswer,
  type IndexEntry,
  type SimpleIndex,
} from "./simple-index.ts";

const json = "application/vnd.pypi.simple.v1+json";
const html = "application/vnd.pypi.simple.v1+html";
const hex = "ab".repeat(32);
const digest = digestFromHex("sha256", hex) as Digest;
const wheel = "acme_widgets-1.0-py3-none-any.whl";
const listed = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  filename: wheel,
  url: `https://files.example/${wheel}`,
  hashes: { sha256: hex, md5: "x" },
  ...change,
});
const page = (files: unknown, apiVersion: unknown = "1.4", name: unknown = "Acme.Widgets"): string =>
  JSON.stringify({ meta: { "api-version": apiVersion }, name, files });
const read = (text: string, type = json): ReturnType<typeof readSimpleIndex> =>
  readSimpleIndex(text, type, "acme-widgets", defaultBudget);
const index = (text: string, type = json): SimpleIndex => {
  const result = read(text, type);
  if (result.state !== "found") throw new Error(result.detail);
  return result.index;
};
const entry = (change?: Record<string, unknown>, apiVersion?: string): IndexEntry =>
  index(page([listed(change)], apiVersion)).entries[0] as IndexEntry;
const find = (files: readonly unknown[], file: string | null = wheel, version = "1.0"): IndexAnswer =>
  findIndexFile(index(page(files)), { name: "acme-widgets", version, file, digest });

describe("a JSON index page", () => {
  it("D7: gives files with hashes, size, time and whether provenance is offered", () => {
    const provenance = "https://index.example/integrity/x/provenance";
    expect(
      entry({ size: 5, "upload-time": "2024-01-02T03:04:05.678901Z", yanked: "broken", provenance }),
    ).toEqual({
      state: "read",
      file: {
        filename: wheel,
        url: `https://files.example/${wheel}`,
        digests: [digest],
        yanked: "broken",
        size: 5,
        uploaded: Date.UTC(2024, 0, 2, 3, 4, 5, 678),
        provenance: { state: "offered", url: provenance },
      },
    });
  });

  it("says that provenance is absent only from version 1.3 on, and only by null", () => {
    const word = (change: Record<string, unknown>, version: string): string => {
      const read = entry(change, version);
      return read.state === "read" ? read.file.provenance.state : read.state;
    };
    expect(word({ provenance: null }, "1.3")).toBe("absent");
    expect(word({ provenance: null }, "1.10")).toBe("absent");
    expect(word({ provenance: null }, "1.2")).toBe("unsaid");
    expect(word({}, "1.4")).toBe("unsaid");
  });

  it("of another project or version is malformed", () => {
    for (const text of [
      page([], "1.4", "other"),
      page([], "1.4", null),
      page([], "2.0"),
      page([], 1),
      page([], "1.x"),
      page({}),
      page([5]),
      page([{}]),
      "[]",
      "null",
      "<html>",
    ]) {
      expect(read(text)).toMatchObject({ state: "malformed", code: "listing/malformed" });
    }
  });

  it("keeps a file that cannot be read, under its name", () => {
    const bad = [
      { url: 5 },
      { hashes: null },
      { hashes: { sha256: "short" } },
      { yanked: 1 },
      { size: -1 },
      { size: 1.5 },
      { "upload-time": "now" },
      { "upload-time": 5 },
      { provenance: {} },
    ];
    for (const change of bad) expect(entry(change)).toMatchObject({ state: "malformed", filename: wheel });
    expect(find([listed({ size: "5" })])).toMatchObject({ state: "malformed" });
  });

  it("withdraws a file by a reason, an empty reason or true", () => {
    const yanked = (value: unknown): unknown => {
      const read = entry({ yanked: value });
      return read.state === "read" ? read.file.yanked : read;
    };
    expect([yanked("why"), yanked(""), yanked(true), yanked(false), yanked(undefined)]).toEqual([
      "why",
      "",
      "",
      null,
      null,
    ]);
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        read(page(value, value, value));
        read(
          page([
            listed({
              url: value,
              hashes: value,
              yanked: value,
              size: value,
              provenance: value,
              "upload-time": text,
            }),
          ]),
        );
        read(text, html);
        read(text, text);
      }),
      { numRuns: 300 },
    );
  });
});

describe("an HTML index page", () => {
  const link = (attributes: string, text = wheel): string =>
    `<!DOCTYPE html><html><body><a ${attributes}>${text}</a></body></html>`;

  it("gives files with the hash of the fragment, and says nothing about provenance", () => {
    const { form, entries } = index(
      link(`href="../files/${wheel}?token=1#sha256=${hex}" data-yanked="" data-provenance="x"`),
      "text/html; charset=utf-8",
    );
    expect(form).toBe("html");
    expect(entries).toEqual([
      {
        state: "read",
        file: {
          filename: wheel,
          url: `../files/${wheel}?token=1`,
          digests: [digest],
          yanked: "",
          size: null,
          uploaded: null,
          provenance: { state: "unsaid" },
        },
      },
    ]);
  });

  it("gives no digest for a weak or missing hash, and refuses a strong one that is none", () => {
    const first = (attributes: string): IndexEntry => index(link(attributes), html).entries[0] as IndexEntry;
    expect(first(`href="${wheel}#md5=abc"`)).toMatchObject({ file: { digests: [] } });
    expect(first(`href="${wheel}"`)).toMatchObject({ file: { digests: [] } });
    expect(first(`href="${wheel}#sha256=abc"`)).toMatchObject({ state: "malformed", filename: wheel });
  });

  it("whose link's text is not the file it leads to is malformed for that file", () => {
    expect(index(link('href="evil-1.0.tar.gz"'), html).entries).toMatchObject([
      { state: "malformed", filename: wheel },
    ]);
    expect(index(link('href="%E0%A4%A"'), html).entries).toMatchObject([{ state: "malformed" }]);
  });

  it("is malformed with a base address, another version, or a link without address", () => {
    const bad = [
      `<base href="https://evil.example/">${link(`href="${wheel}"`)}`,
      `<meta name="pypi:repository-version" content="2.0">${link(`href="${wheel}"`)}`,
      `<meta name="pypi:repository-version" content="1.0"><meta name="pypi:repository-version" content="1.1">`,
      link('name="x"'),
      link('href="x"', ""),
      '<a href="x">',
    ];
    for (const text of bad)
      expect(read(text, html)).toMatchObject({ state: "malformed", code: "listing/malformed" });
  });

  it("of an unknown content type is not guessed at", () => {
    for (const type of ["", "text/plain", "application/vnd.pypi.simple.v2+json"])
      expect(read(page([]), type)).toMatchObject({ state: "malformed" });
  });

  it("is bounded", () => {
    const budget = { ...defaultBudget, documentBytes: 10 };
    for (const type of [json, html])
      expect(readSimpleIndex(page([]), type, "acme-widgets", budget)).toMatchObject({
        code: "evidence/too-large",
      });
  });
});

describe("a file of an index", () => {
  it("is found by its exact name", () => {
    expect(find([listed()])).toMatchObject({ state: "found", file: { filename: wheel } });
    expect(find([])).toEqual({ state: "absent" });
    expect(find([listed({ filename: "acme_widgets-1.0.tar.gz" })])).toEqual({ state: "absent" });
  });

  it("D10: belongs to a version by its parsed name: 1.0 is not part of 11.0", () => {
    expect(find([listed({ filename: "acme_widgets-11.0-py3-none-any.whl" })], null)).toEqual({
      state: "absent",
    });
    expect(find([listed({ filename: "acme_widgets-1.0.post1-py3-none-any.whl" })], null)).toEqual({
      state: "absent",
    });
    expect(find([listed({ filename: "other-1.0-py3-none-any.whl" })], null)).toEqual({ state: "absent" });
    expect(find([listed()], wheel, "11.0")).toEqual({ state: "absent" });
    expect(find([listed({ filename: "Acme.Widgets-1.0.0-py3-none-any.whl" })], null)).toMatchObject({
      state: "found",
    });
  });

  it("D11: without a name is found by the locked hash, never by the version alone", () => {
    expect(find([listed({ hashes: { sha256: "cd".repeat(32) } })], null)).toEqual({ state: "absent" });
    expect(
      find(
        [listed(), listed({ filename: "acme_widgets-1.0.tar.gz", hashes: { sha256: "cd".repeat(32) } })],
        null,
      ),
    ).toMatchObject({ file: { filename: wheel } });
  });

  it("that stands twice is malformed", () => {
    expect(find([listed(), listed({ hashes: { sha256: "cd".repeat(32) } })])).toMatchObject({
      state: "malformed",
    });
  });
});

describe.skipIf(!hasVectors)("a real index page", () => {
  it("D7: offers provenance for each of its files", () => {
    const result = readSimpleIndex(
      readVector("pypi", "derived--simple-sigstore.v1.json"),
      json,
      "sigstore",
      defaultBudget,
    );
    if (result.state !== "found") throw new Error(result.detail);
    expect(result.index.entries).toMatchObject(
      Array.from({ length: 2 }, () => ({ state: "read", file: { provenance: { state: "offered" } } })),
    );
  });
});
