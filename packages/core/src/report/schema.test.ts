import { Validator } from "@cfworker/json-schema";
import * as fc from "fast-check";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import {
  findingOf,
  partsOf,
  sampleReport,
  verdictOf,
  setOf,
  packageOf,
  decisionOf,
  unsealed,
} from "../../test/report-sample.ts";
import { buildReport } from "./build-report.ts";
import { renderJson } from "./json.ts";
import type { Report } from "./report.ts";
import { reportSchema } from "./schema.ts";

const file = resolve(import.meta.dirname, "../../schema/report-1.json");
const validator = new Validator(reportSchema, "2020-12", false);
const errorsOf = (report: unknown): string[] =>
  validator.validate(report).errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
const parse = (report: Report): unknown => JSON.parse(renderJson(report));

describe("the report's JSON schema", () => {
  it("is published as schema/report-1.json", () => {
    const text = `${JSON.stringify(reportSchema, null, 2)}\n`;
    if (process.env["COUNTERSIGN_UPDATE"] === "1") writeFileSync(file, text);
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  const identity = {
    issuerName: "github" as const,
    issuer: "https://issuer.example",
    san: "https://forge.example/acme/a/.github/workflows/release.yml@refs/heads/main",
    repository: "acme/a",
    repositoryUri: null,
    repositoryId: "1",
    owner: "acme",
    ownerId: "2",
    workflow: ".github/workflows/release.yml",
    buildConfigUri: null,
    workflowFrom: "build-config" as const,
    signer: null,
    ref: "refs/heads/main",
    commit: "0".repeat(40),
    event: "push",
    runner: "github-hosted",
    runUrl: null,
    email: null,
  };
  const full = buildReport(
    partsOf({
      registries: [
        {
          registry: "https://npm.acme.example/",
          ecosystem: "npm",
          signatures: "offered",
          attestations: "not asked",
        },
      ],
      lockfiles: [
        {
          ...unsealed,
          set: setOf([packageOf("a", 1)]),
          verdicts: [
            verdictOf("a", {
              level: "provenance",
              identity,
              slsaBuild: 2,
              claims: [
                { name: "provenance", status: "fail", code: "identity/mismatch", expected: "x", actual: "y" },
              ],
              attestations: [
                {
                  index: 0,
                  predicateType: null,
                  subject: null,
                  outcome: "refused",
                  code: "bundle/malformed",
                  detail: "no signature",
                  role: "other",
                  identity,
                  keyid: null,
                  slsaBuild: 0,
                  logTime: 0,
                  logIndex: "1",
                  time: "log",
                  checks: [{ name: "digest", status: "skipped", code: "bundle/artefact-missing" }],
                },
              ],
            }),
            verdictOf("a", { artefact: null, published: null, registry: null, file: "a.whl" }),
          ],
          decision: decisionOf("strict", "block", [findingOf("identity/mismatch", "a")]),
        },
      ],
      refused: [{ path: "uv.lock", format: "uv-lock", findings: [findingOf("lockfile/malformed", null)] }],
    }),
  );

  it("accepts every kind of report", () => {
    expect(errorsOf(parse(full))).toEqual([]);
    expect(errorsOf(parse(sampleReport([])))).toEqual([]);
    expect(errorsOf(parse(buildReport(partsOf({ root: null, evidence: [] }))))).toEqual([]);
    expect(
      errorsOf(parse(buildReport(partsOf({ root: { source: "f", updated: null, stale: true } })))),
    ).toEqual([]);
  });

  it("accepts reports on hostile text, and JSON changes nothing of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const report = sampleReport([
          findingOf("signature/invalid", "a", { why: text, fix: text, purl: text }),
        ]);
        expect(parse(report)).toEqual(JSON.parse(JSON.stringify(report)));
        expect(errorsOf(parse(report))).toEqual([]);
        expect(renderJson(report).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 50 },
    );
  });

  it("T7: carries signer, claims and the reason of each failure", () => {
    const [verdict] = full.lockfiles[0]?.verdicts ?? [];
    expect(verdict?.identity?.repository).toBe("acme/a");
    expect(verdict?.claims).toEqual([
      { name: "provenance", status: "fail", code: "identity/mismatch", expected: "x", actual: "y" },
    ]);
    expect(full.findings.map(({ code }) => code)).toEqual(["lockfile/malformed", "identity/mismatch"]);
  });

  it.each<[string, (report: Record<string, unknown>) => void]>([
    ["an unknown field", (report) => (report["extra"] = 1)],
    ["a missing field", (report) => delete report["decision"]],
    ["another schema", (report) => (report["schema"] = "countersign/report/2")],
    ["a wrong count", (report) => (report["requests"] = -1)],
    [
      "a wrong outcome",
      (report) => (report["decision"] = { mode: "strict", outcome: "ok", strict: "allow" }),
    ],
  ])("refuses %s", (_, change) => {
    const report = parse(sampleReport([])) as Record<string, unknown>;
    change(report);
    expect(errorsOf(report)).not.toEqual([]);
  });
});
