import { describe, expect, it } from "vitest";
import {
  decisionOf,
  digestOf,
  findingOf,
  now,
  packageOf,
  purlOf,
  setOf,
  verdictOf,
} from "../../test/report-sample.ts";
import { renderExplain } from "./explain-human.ts";
import { buildExplanation, type ExplanationParts } from "./explain.ts";
import { plain } from "./layout.ts";

const options = { width: 200, palette: plain, verbose: false };
const at = { path: ".countersign/policy.yaml", line: 9, column: 3 };

function parts(change: Partial<ExplanationParts> = {}): ExplanationParts {
  const locked = { ...packageOf("c", 30), aliases: ["c-alias"] };
  const identity = {
    issuerName: null,
    issuer: "https://issuer.example",
    san: "https://forge.example/acme/c/.ci/release.yml@refs/tags/v1",
    repository: "acme/c",
    repositoryUri: null,
    repositoryId: "77",
    owner: "acme",
    ownerId: "8",
    workflow: ".ci/release.yml",
    buildConfigUri: null,
    workflowFrom: "san" as const,
    signer: null,
    ref: "refs/tags/v1",
    commit: "c0ffee".repeat(6),
    event: "push",
    runner: "github-hosted",
    runUrl: "https://forge.example/acme/c/runs/1",
    email: null,
  };
  const verdict = verdictOf("c", {
    level: "provenance",
    identity,
    slsaBuild: 2,
    attestations: [
      {
        index: 0,
        predicateType: "https://slsa.example/provenance/v1",
        subject: purlOf("c"),
        outcome: "verified",
        code: null,
        detail: null,
        role: "provenance",
        identity,
        keyid: null,
        slsaBuild: 2,
        logTime: now,
        logIndex: "123456",
        time: "log",
        checks: [],
      },
    ],
  });
  return {
    set: setOf([packageOf("a", 10, ["b"]), packageOf("b", 20, ["c"]), locked]),
    package: locked,
    verdicts: [verdictOf("a"), verdict],
    decision: decisionOf("strict", "allow", []),
    rules: [
      {
        ecosystem: "npm",
        names: ["**"],
        level: "signed",
        identities: ["release"],
        layer: "head",
        at,
        registries: null,
        label: "require[0] (.countersign/policy.yaml:9)",
      },
    ],
    exceptions: [
      {
        purl: purlOf("c"),
        digest: digestOf("c"),
        codes: ["signature/absent"],
        reason: "old",
        owner: "@acme/platform",
        expires: now - 1,
        layer: "head",
        at,
      },
    ],
    now,
    ...change,
  };
}

describe("explain", () => {
  it("shows digest, place, checks, identity, commit, run, log, dependants, rule, exception and alias", () => {
    const text = renderExplain(buildExplanation(parts()), options);
    expect(text.startsWith("c@1.0.0: passes\n")).toBe(true);
    for (const expected of [
      "package-lock.json:30",
      `sha512:${digestOf("c").hex}`,
      "provenance: verified build provenance",
      "registry-signature pass",
      "acme/c (id 77)",
      "https://issuer.example (unknown)",
      ".ci/release.yml (from the SAN)",
      "c0ffee".repeat(6),
      "https://forge.example/acme/c/runs/1",
      "index 123456, 2026-11-18T11:06:40Z",
      "a@1.0.0 > b@1.0.0",
      "1 package: b@1.0.0 as c",
      "signed by release for **, require[0] (.countersign/policy.yaml:9)",
      "signature/absent expired",
      "c-alias",
    ]) {
      expect(text).toContain(expected);
    }
    expect(text).not.toContain("a@1.0.0: ");
  });

  it("tells a failure from what could not be checked, and ends with the fix", () => {
    const resultOf = (...findings: Parameters<typeof decisionOf>[2]) =>
      buildExplanation(parts({ decision: decisionOf("strict", "block", findings) })).result;
    expect(resultOf(findingOf("signature/invalid", "c"), findingOf("listing/unavailable", "c"))).toBe(
      "fails",
    );
    expect(resultOf(findingOf("listing/unavailable", "c"))).toBe("unchecked");
    expect(resultOf(findingOf("signature/invalid", "a"))).toBe("passes");
    const decision = decisionOf("strict", "block", [findingOf("signature/invalid", "c")]);
    expect(renderExplain(buildExplanation(parts({ decision })), options)).toContain(
      "fix: npm install c@1.0.0\n",
    );
  });

  it("says when no rule matches", () => {
    expect(renderExplain(buildExplanation(parts({ rules: [] })), options)).toContain(
      "no rule of the policy matches",
    );
  });

  it("D39: hostile text everywhere leaves no control or bidi character", () => {
    const evil = "\u001B[2J\u202E\r\n✓";
    const base = parts();
    const hostile = {
      ...base.package,
      purl: evil,
      aliases: [evil],
      source: { kind: "git" as const, url: evil, commit: evil },
    };
    const verdict = verdictOf("c", {
      purl: evil,
      file: evil,
      registry: evil,
      claims: [{ name: "listing", status: "fail", expected: evil, actual: evil }],
      attestations: (base.verdicts[1]?.attestations ?? []).map((attestation) => ({
        ...attestation,
        subject: evil,
        predicateType: evil,
        keyid: evil,
        logIndex: evil,
        detail: evil,
        code: "bundle/malformed" as const,
        identity: attestation.identity && {
          ...attestation.identity,
          san: evil,
          repository: evil,
          ref: evil,
          runUrl: evil,
          issuer: evil,
        },
      })),
    });
    const set = setOf([{ ...packageOf("a", 1), requires: [{ as: evil, purl: evil }] }, hostile]);
    const decision = decisionOf("strict", "block", [
      findingOf("signature/invalid", "c", { purl: evil, why: evil, fix: evil }),
    ]);
    const text = renderExplain(
      buildExplanation({ ...base, set, package: hostile, verdicts: [verdict], decision }),
      options,
    );
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    expect(text.split("\n").filter((line) => line.startsWith("✓"))).toEqual([]);
    expect(text).toContain(String.raw`\x1b[2J`);
  });
});
