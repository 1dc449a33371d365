import { describe, expect, it } from "vitest";
import { readSigningConfig } from "./signing-config.ts";

const now = Date.UTC(2026, 10, 21);
type Options = { version?: number; start?: string; end?: string; operator?: string };
const service = (
  url: string,
  { version = 1, start = "2025-01-01", end, operator = "a" }: Options = {},
): unknown => ({
  url,
  majorApiVersion: version,
  validFor: { start: `${start}T00:00:00Z`, ...(end === undefined ? {} : { end: `${end}T00:00:00Z` }) },
  operator,
});
const base = {
  mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  caUrls: [service("https://ca.example/")],
  rekorTlogUrls: [service("https://log.example")],
  rekorTlogConfig: { selector: "ANY" },
};
const read = (changes: Readonly<Record<string, unknown>>): ReturnType<typeof readSigningConfig> =>
  readSigningConfig("config.json", JSON.stringify({ ...base, ...changes }), now);

describe("a signing configuration", () => {
  it("names the services of an instance", () => {
    const oidcUrls = [service("https://issuer.example/auth")];
    expect(read({ oidcUrls })).toEqual({
      authority: "https://ca.example",
      logs: [{ url: "https://log.example", version: 1 }],
      timestamps: [],
      issuer: "https://issuer.example/auth",
    });
  });

  const logs = [
    service("https://old.example", { start: "2024-01-01" }),
    service("https://new.example", { start: "2026-01-01" }),
    service("https://v2.example", { version: 2, start: "2023-01-01" }),
    service("https://v3.example", { version: 3 }),
    service("https://future.example", { version: 2, start: "2027-01-01" }),
    service("https://past.example", { version: 2, start: "2026-02-01", end: "2026-03-01" }),
    service("https://other.example", { operator: "b" }),
  ];
  const other = { url: "https://other.example", version: 1 };
  const v2 = { url: "https://v2.example", version: 2 };
  it.each([
    ["ANY: of those valid now the highest version we speak", { selector: "ANY" }, [v2]],
    ["ALL: one of each operator", { selector: "ALL" }, [v2, other]],
    ["EXACT: as many as asked for", { selector: "EXACT", count: 2 }, [v2, other]],
  ])("chooses by %s", (_what, rekorTlogConfig, expected) => {
    expect(read({ rekorTlogUrls: logs, rekorTlogConfig }).logs).toEqual(expected);
  });

  it("takes the newest of equal versions", () => {
    expect(read({ rekorTlogUrls: logs.slice(0, 2) }).logs).toEqual([
      { url: "https://new.example", version: 1 },
    ]);
  });

  it.each([
    ["another media type", { mediaType: "application/json" }, /its mediaType is another/],
    ["no authority", { caUrls: [] }, /caUrls has no service/],
    [
      "an expired authority",
      { caUrls: [service("https://ca.example", { end: "2026-01-01" })] },
      /caUrls has no/,
    ],
    ["plain http", { caUrls: [service("http://ca.example")] }, /a service of caUrls cannot be read/],
    ["credentials in an address", { caUrls: [service("https://u:p@ca.example")] }, /cannot be read/],
    ["no time", { caUrls: [{ url: "https://ca.example", majorApiVersion: 1 }] }, /cannot be read/],
    ["too few logs", { rekorTlogConfig: { selector: "EXACT", count: 2 } }, /rekorTlogUrls has too few/],
    ["no log to choose", { rekorTlogUrls: [] }, /rekorTlogUrls has too few/],
    ["EXACT none", { rekorTlogConfig: { selector: "EXACT", count: 0 } }, /rekorTlogUrls has too few/],
    ["another selector", { rekorTlogConfig: { selector: "SOME" } }, /a selector that is not known/],
  ])("is refused with %s", (_what, changes, expected) => {
    expect(() => read(changes)).toThrow(expected);
  });

  it.each(["", "[]", "null", '{"mediaType":1,"mediaType":2}', "[".repeat(99)])("is refused as %s", (text) => {
    expect(() => readSigningConfig("config.json", text, now)).toThrow(/is no Sigstore signing configuration/);
  });
});
