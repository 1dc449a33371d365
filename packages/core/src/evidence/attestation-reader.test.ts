import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasVectors, readVector } from "../../test/vectors.ts";
import { defaultBudget } from "../budget.ts";
import { readAttestationDocument } from "./attestation-reader.ts";

const bundle = {
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: {},
  dsseEnvelope: {},
};
const line = JSON.stringify(bundle);
const read = (value: unknown): ReturnType<typeof readAttestationDocument> =>
  readAttestationDocument(typeof value === "string" ? value : JSON.stringify(value), defaultBudget);

describe("an attestation file", () => {
  it("is recognised by the member that only its format has", () => {
    const format = (value: unknown): string => {
      const result = read(value);
      return result.state === "found" ? result.document.format : result.state;
    };
    expect(format({ attestations: [{ predicateType: "p", bundle }] })).toBe("npm-attestations");
    expect(
      format({ version: 1, attestation_bundles: [{ publisher: { kind: "GitHub" }, attestations: [{}] }] }),
    ).toBe("pep740-provenance");
    expect(format({ version: 1, verification_material: {}, envelope: {} })).toBe("pep740-attestation");
    expect(format(bundle)).toBe("bundle");
    expect(format(JSON.stringify(bundle, null, 2))).toBe("bundle");
    expect(format(`${line}\n\n${line}\r\n`)).toBe("bundle-lines");
  });

  it("that fits two formats is refused: readers would disagree on what it proves", () => {
    expect(read({ ...bundle, attestations: [] })).toMatchObject({
      state: "malformed",
      code: "attestation/malformed",
    });
    expect(read({ attestations: [], attestation_bundles: [] })).toMatchObject({ state: "malformed" });
  });

  it("is absent when it is null or an empty list", () => {
    for (const text of ["null", "[]", '{"attestations":[]}', '{"version":1,"attestation_bundles":[]}']) {
      expect(read(text)).toEqual({ state: "absent" });
    }
  });

  it("of no known format is malformed", () => {
    for (const text of [
      "",
      "{}",
      "5",
      '"x"',
      `[${line}]`,
      "{",
      "not json\nat all",
      '{"a":1}\n{"b":2}',
      '{"__proto__":{"mediaType":"x"}}',
    ]) {
      expect(read(text)).toMatchObject({ state: "malformed", code: "attestation/malformed" });
    }
  });

  it("of lines keeps a broken line in its place, first, middle or last", () => {
    for (const at of [0, 1, 2]) {
      const lines = [line, line];
      lines.splice(at, 0, "{broken");
      const result = read(lines.join("\n"));
      const states = result.state === "found" ? result.document.attestations.map(({ state }) => state) : [];
      expect(states.map((state) => state === "malformed")).toEqual([at === 0, at === 1, at === 2]);
    }
  });

  it("beyond the budget is refused with the bound's code", () => {
    expect(readAttestationDocument(line, { ...defaultBudget, documentBytes: 10 })).toMatchObject({
      code: "budget/bytes",
    });
    expect(read("[".repeat(1000))).toMatchObject({ code: "budget/depth" });
    expect(read(`${line}\n`.repeat(65))).toMatchObject({ code: "budget/entries" });
    expect(
      readAttestationDocument(`${line}\n${line}`, { ...defaultBudget, documentBytes: line.length + 1 }),
    ).toMatchObject({ code: "budget/bytes" });
  });

  it("D39: never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.jsonValue(),
        (text, value) => void [read(text), read(value), read(`${line}\n${text}`)],
      ),
      { numRuns: 300 },
    );
  });
});

describe.skipIf(!hasVectors)("real attestation files", () => {
  type Case = { file: string; format: string; bundles?: unknown[] };
  const cases = (folder: "npm/attestations" | "pypi"): Case[] =>
    hasVectors ? (JSON.parse(readVector(folder, "cases.json")) as Case[]) : [];
  const formats: Record<string, string> = {
    provenance: "pep740-provenance",
    attestation: "pep740-attestation",
  };

  it.each(cases("npm/attestations"))("D4: $file has all its entries", ({ file, format, bundles }) => {
    const result = read(readVector("npm/attestations", file));
    expect(result).toMatchObject({ state: "found", document: { format } });
    expect(result.state === "found" && result.document.attestations.length).toBe(bundles?.length);
  });

  it.each(cases("pypi"))("D8: $file is read as what it is", ({ file, format }) => {
    const result = read(readVector("pypi", file));
    if (/empty-(?:bundles|attestations)/.test(file)) expect(result).toEqual({ state: "absent" });
    else if (file.includes(".provenance-version-2.")) expect(result).toMatchObject({ state: "malformed" });
    else expect(result).toMatchObject({ state: "found", document: { format: formats[format] ?? format } });
  });
});
