import { describe, expect, it } from "vitest";
import {
  decisionOf,
  findingOf,
  now,
  packageOf,
  partsOf,
  purlOf,
  sampleReport,
  setOf,
  verdictOf,
  unsealed,
} from "../../test/report-sample.ts";
import { noEvidence, type Evidence } from "../evidence/evidence.ts";
import { buildReport } from "./build-report.ts";
import { statuses, statusOf, type Status } from "./status.ts";
import type { AttestationVerdict, Verdict } from "../verify/verdict.ts";

const attestation: AttestationVerdict = {
  index: 0,
  predicateType: "https://slsa.example/provenance/v1",
  subject: purlOf("a"),
  outcome: "verified",
  code: null,
  detail: null,
  role: "provenance",
  identity: null,
  keyid: null,
  slsaBuild: 2,
  logTime: now,
  logIndex: "7",
  time: "log",
  checks: [{ name: "signature", status: "pass" }],
};

describe("D13: every outcome is mapped in the report", () => {
  const cases: readonly [Status, Partial<Verdict>][] = [
    ["provenance", { level: "provenance", attestations: [attestation] }],
    ["publisher", { level: "provenance", attestations: [{ ...attestation, role: "publish", slsaBuild: 0 }] }],
    ["signed", { level: "signed" }],
    [
      "attested",
      { level: "locked", outcome: "unknown", attestations: [{ ...attestation, outcome: "unknown" }] },
    ],
    ["none", { level: "locked" }],
    ["none", { level: "unlocked", outcome: "unverified" }],
    ["unknown", { level: "unlocked", outcome: "unknown" }],
    [
      "refused",
      { level: "signed", outcome: "refused", attestations: [{ ...attestation, outcome: "refused" }] },
    ],
  ];

  it.each(cases)("D13: %s", (status, change) => {
    expect(statusOf(verdictOf("a", change))).toBe(status);
  });

  it("D13: the report carries status, outcome and level of each artefact and counts them", () => {
    const names = cases.map((_, index) => `p${index}`);
    const set = setOf(names.map((name) => packageOf(name, 1)));
    const verdicts = cases.map(([, change], index) => verdictOf(`p${index}`, change));
    const report = buildReport(
      partsOf({
        lockfiles: [{ ...unsealed, set, verdicts, decision: decisionOf("strict", "block", [], verdicts) }],
      }),
    );
    expect(report.lockfiles[0]?.verdicts.map(({ status }) => status)).toEqual(
      cases.map(([status]) => status),
    );
    expect(statuses.map((status) => report.counts.byStatus[status])).toEqual([1, 1, 1, 1, 2, 1, 1]);
    expect(report.counts.byOutcome).toEqual({ verified: 4, unverified: 1, unknown: 2, refused: 1 });
    expect(report.counts.byLevel).toEqual({ unlocked: 2, locked: 2, signed: 2, provenance: 2 });
    expect(report.lockfiles[0]?.verdicts[0]?.attestations[0]?.logTime).toBe("2026-11-18T11:06:40Z");
  });
});

describe("buildReport", () => {
  it("counts the status of a package once, at the worst of its artefacts, and local packages apart", () => {
    const local = { ...packageOf("local", 2), artefacts: [] };
    const set = setOf([packageOf("a", 1), local]);
    const verdicts = [verdictOf("a"), verdictOf("a", { level: "locked", outcome: "unknown" })];
    const { counts } = buildReport(
      partsOf({ lockfiles: [{ ...unsealed, set, verdicts, decision: decisionOf("strict", "allow", []) }] }),
    );
    expect(counts.byStatus).toMatchObject({ signed: 0, unknown: 1 });
    expect(counts).toMatchObject({ packages: 2, artefacts: 1, local: 1 });
  });

  it("takes the way to a package from the lockfile that the finding is about", () => {
    const file = (path: string, parent: string) => ({
      ...unsealed,
      set: setOf([packageOf(parent, 1, ["c"]), packageOf("c", 2)], path),
      verdicts: [],
      decision: decisionOf("strict", "block", [
        findingOf("signature/invalid", "c", { at: { path, line: 2, column: 1 } }),
      ]),
    });
    const { findings } = buildReport(
      partsOf({ lockfiles: [file("a/package-lock.json", "a"), file("b/package-lock.json", "b")] }),
    );
    expect(findings.map(({ chain }) => chain?.packages)).toEqual([[purlOf("a")], [purlOf("b")]]);
  });

  it("tells packages that fail from those that could not be checked, each counted once", () => {
    const { counts } = sampleReport([
      findingOf("signature/invalid", "a"),
      findingOf("listing/unavailable", "a"),
      findingOf("listing/unavailable", "b"),
      findingOf("signature/absent", "c", { effect: "warn" }),
      findingOf("settings/weakens", null),
    ]);
    expect(counts).toMatchObject({ failed: 1, unchecked: 1 });
  });

  it("is as bad as the worst of its lockfiles and of the project's own findings", () => {
    const file = (strict: "allow" | "incomplete" | "block") => ({
      ...unsealed,
      set: setOf([packageOf("a", 1)]),
      verdicts: [],
      decision: decisionOf("strict", strict, []),
    });
    const decide = (change: Parameters<typeof partsOf>[0]) => buildReport(partsOf(change)).decision;
    expect(decide({ lockfiles: [file("allow"), file("allow")] }).outcome).toBe("allow");
    expect(decide({ lockfiles: [file("allow"), file("incomplete")] }).outcome).toBe("incomplete");
    expect(decide({ lockfiles: [file("block"), file("incomplete")] }).outcome).toBe("block");
    expect(
      decide({ lockfiles: [file("allow")], findings: [findingOf("settings/weakens", null)] }).outcome,
    ).toBe("block");
    expect(decide({ lockfiles: [file("allow")], findings: [findingOf("root/stale", null)] }).outcome).toBe(
      "incomplete",
    );
    expect(
      decide({
        lockfiles: [file("allow")],
        findings: [findingOf("policy/built-in", null, { effect: "note" })],
      }).outcome,
    ).toBe("allow");
  });

  it("shows a lockfile that was refused as a whole, and blocks on it", () => {
    const findings = [findingOf("lockfile/malformed", null)];
    const report = buildReport(partsOf({ refused: [{ path: "uv.lock", format: "uv-lock", findings }] }));
    expect(report.decision.outcome).toBe("block");
    expect(report.lockfiles).toEqual([
      expect.objectContaining({ path: "uv.lock", digest: null, outcome: "block", packages: 0 }),
    ]);
    expect(report.findings).toHaveLength(1);
  });

  it("in warn lets findings pass and says what strict would do; a looser layer still blocks", () => {
    const policy = { ...partsOf().policy, mode: "warn" as const };
    const decide = (code: "settings/weakens" | "policy/loosens") =>
      buildReport(partsOf({ policy, findings: [findingOf(code, null)] })).decision;
    expect(decide("settings/weakens")).toEqual({ mode: "warn", outcome: "allow", strict: "block" });
    expect(decide("policy/loosens")).toEqual({ mode: "warn", outcome: "block", strict: "block" });
  });

  it("lists a finding once, and an unused exception only when no lockfile needs it", () => {
    const unused = findingOf("policy/exception-unused", null, { effect: "note" });
    const shared = findingOf("settings/weakens", null);
    const file = (findings: Parameters<typeof decisionOf>[2]) => ({
      ...unsealed,
      set: setOf([packageOf("a", 1)]),
      verdicts: [],
      decision: decisionOf("strict", "block", findings),
    });
    const codesOf = (...files: ReturnType<typeof file>[]) =>
      buildReport(partsOf({ lockfiles: files, findings: [shared] })).findings.map(({ code }) => code);
    expect(codesOf(file([shared, unused]), file([shared]))).toEqual(["settings/weakens"]);
    expect(codesOf(file([shared, unused]), file([unused]))).toEqual([
      "settings/weakens",
      "policy/exception-unused",
    ]);
  });

  it("says for each registry how many packages stay at locked", () => {
    const set = setOf(["a", "b", "c"].map((name) => packageOf(name, 1)));
    const verdicts = [
      verdictOf("a", { level: "locked" }),
      verdictOf("b", { level: "locked", registry: "https://other.example/" }),
      verdictOf("c"),
    ];
    const registry = {
      registry: "https://npm.acme.example/",
      ecosystem: "npm",
      signatures: "none",
      attestations: "none",
    } as const;
    const report = buildReport(
      partsOf({
        registries: [registry],
        lockfiles: [{ ...unsealed, set, verdicts, decision: decisionOf("strict", "allow", []) }],
      }),
    );
    expect(report.registries).toEqual([{ ...registry, packages: 2, locked: 1 }]);
  });

  it("counts evidence by kind, state and the host it came from; not asked is not absent", () => {
    const found = (origin: string): Evidence => ({
      ...noEvidence,
      signatures: { state: "found", value: [], origin },
    });
    const { evidence } = buildReport(
      partsOf({
        evidence: [
          found("https://npm.acme.example/a/1.0.0"),
          found("https://user:secret@npm.acme.example/b/1.0.0"),
          { ...noEvidence, signatures: { state: "absent", origin: "evidence store" } },
          { ...noEvidence, signatures: { state: "unavailable", code: "evidence/timeout", detail: "" } },
          noEvidence,
        ],
      }),
    );
    expect(evidence.filter(({ kind }) => kind === "signatures")).toEqual([
      { kind: "signatures", state: "found", origin: "https://npm.acme.example", artefacts: 2 },
      { kind: "signatures", state: "absent", origin: "evidence store", artefacts: 1 },
      { kind: "signatures", state: "unavailable", origin: null, artefacts: 1 },
      { kind: "signatures", state: "not asked", origin: null, artefacts: 1 },
    ]);
    const many = Array.from({ length: 5000 }, (_, index) => found(`https://h${index}.example/`));
    expect(buildReport(partsOf({ evidence: many })).evidence.length).toBeLessThan(40);
  });

  it("says how old the sigstore root is", () => {
    expect(buildReport(partsOf()).root).toMatchObject({ ageDays: 3, maxAgeDays: 90, stale: false });
    expect(buildReport(partsOf({ root: null })).root).toBeNull();
  });

  it("bounds what a finding quotes", () => {
    const report = sampleReport([findingOf("signature/invalid", "a", { why: "x".repeat(1_000_000) })]);
    expect(report.findings[0]?.why.length).toBeLessThan(2100);
  });
});
