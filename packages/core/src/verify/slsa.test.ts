import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Identity } from "./identity.ts";
import { reportedBuildLevel } from "./slsa.ts";

const v1 = "https://slsa.dev/provenance/v1";
const v02 = "https://slsa.dev/provenance/v0.2";
const generator = "https://github.com/slsa-framework/slsa-github-generator";
const workflow = "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1";
const github: Identity = {
  issuerName: "github",
  issuer: "https://token.actions.githubusercontent.com",
  san: workflow,
  repository: "acme/widgets",
  repositoryUri: "https://github.com/acme/widgets",
  repositoryId: "1",
  owner: "acme",
  ownerId: "2",
  workflow: ".github/workflows/release.yml",
  workflowFrom: "build-config",
  buildConfigUri: workflow,
  signer: workflow,
  ref: "refs/tags/v1",
  commit: "c0ffee",
  event: "push",
  runner: "github-hosted",
  runUrl: null,
  email: null,
};
const gitlab: Identity = {
  ...github,
  issuerName: "gitlab",
  issuer: "https://gitlab.com",
  repositoryUri: "https://gitlab.com/acme/widgets",
  runner: "gitlab-hosted",
};

const npmBuild = "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1";
const hosted = "https://github.com/actions/runner/github-hosted";
const one = (builder: unknown, buildType: unknown = npmBuild): unknown => ({
  buildDefinition: { buildType },
  runDetails: { builder: { id: builder } },
});
const two = (builder: unknown, buildType: unknown = "https://github.com/npm/cli/gha/v2"): unknown => ({
  buildType,
  builder: { id: builder },
});
const isolated = `${generator}/.github/workflows/builder_nodejs_slsa3.yml@refs/tags/v1.6.0`;
const delegator = `${generator}/.github/workflows/delegator_lowperms-generic_slsa3.yml@refs/tags/v1.6.0`;
const delegated = `${generator}/delegator-generic@v0`;

describe("the reported build level", () => {
  it("D33: is 2 for npm and GitHub building directly on hosted runners", () => {
    expect(reportedBuildLevel(v1, one(hosted), github)).toBe(2);
    expect(
      reportedBuildLevel(v1, one(workflow, "https://actions.github.io/buildtypes/workflow/v1"), github),
    ).toBe(2);
    expect(reportedBuildLevel(v02, two("https://github.com/actions/runner"), github)).toBe(2);
    expect(
      reportedBuildLevel(
        v02,
        two("https://github.com/npm/cli@9.5.0", "https://github.com/npm/cli/gha@v1"),
        github,
      ),
    ).toBe(2);
    const runner = "https://gitlab.com/acme/widgets/-/runners/12";
    expect(reportedBuildLevel(v02, two(runner, "https://github.com/npm/cli/gitlab/v0alpha1"), gitlab)).toBe(
      2,
    );
  });

  it("D33: is 3 for a known reusable builder that signed, itself or by its delegator", () => {
    expect(reportedBuildLevel(v02, two(isolated, delegated), { ...github, signer: delegator })).toBe(3);
    expect(reportedBuildLevel(v1, one(isolated, delegated), { ...github, signer: isolated })).toBe(3);
  });

  it("M22: a builder named in the predicate but not in the certificate earns nothing", () => {
    expect(reportedBuildLevel(v1, one(isolated, delegated), github)).toBe(1);
    expect(reportedBuildLevel(v1, one(isolated, delegated), { ...github, signer: null })).toBe(1);
    expect(
      reportedBuildLevel(
        v1,
        one("https://github.com/evil/x/.github/workflows/a.yml@refs/heads/main"),
        github,
      ),
    ).toBe(1);
  });

  it("M22: a builder that is a branch, a fork, a generator or signed by another version's delegator is not isolated", () => {
    const bad: readonly (readonly [string, string])[] = [
      [isolated.replace("refs/tags/v1.6.0", "refs/heads/main"), delegator],
      [isolated.replace("slsa-framework", "evil"), isolated.replace("slsa-framework", "evil")],
      [isolated, delegator.replace("v1.6.0", "v1.5.0")],
      [isolated, delegator.replace("slsa-framework", "evil")],
      [`${isolated}-rc.1`, `${isolated}-rc.1`],
      [
        isolated.replace("builder_nodejs", "generator_generic"),
        isolated.replace("builder_nodejs", "generator_generic"),
      ],
    ];
    for (const [builder, signer] of bad)
      expect(reportedBuildLevel(v1, one(builder, delegated), { ...github, signer })).toBeLessThan(3);
  });

  it("M20: a self-hosted runner gives 1, whatever the predicate says", () => {
    for (const runner of ["self-hosted", null, "GitHub-Hosted", ""]) {
      expect(reportedBuildLevel(v1, one(hosted), { ...github, runner })).toBe(1);
      expect(
        reportedBuildLevel(v02, two(isolated, delegated), { ...github, signer: delegator, runner }),
      ).toBe(1);
    }
    expect(reportedBuildLevel(v1, one("https://github.com/actions/runner/self-hosted"), github)).toBe(1);
  });

  it("M22: an unknown build type or builder gives 1, and hermetic claims give nothing", () => {
    expect(reportedBuildLevel(v1, one(hosted, "https://evil.example/hermetic/L4"), github)).toBe(1);
    expect(reportedBuildLevel(v1, one("https://github.com/actions/runner/github-hosted/../x"), github)).toBe(
      1,
    );
    expect(
      reportedBuildLevel(
        v02,
        two("https://gitlab.com/evil/x/-/runners/1", "https://github.com/npm/cli/gitlab/v0alpha1"),
        gitlab,
      ),
    ).toBe(1);
    expect(
      reportedBuildLevel(
        v02,
        {
          ...(two("https://github.com/actions/runner") as object),
          metadata: { reproducible: true, completeness: { materials: true } },
        },
        github,
      ),
    ).toBe(2);
  });

  it("M22: an issuer that is no known platform gives 1, a person 0", () => {
    expect(reportedBuildLevel(v1, one(hosted), { ...github, issuerName: null })).toBe(1);
    expect(
      reportedBuildLevel(v1, one(hosted), {
        ...github,
        issuerName: "google",
        email: "x@acme.gserviceaccount.com",
      }),
    ).toBe(1);
    expect(
      reportedBuildLevel(v1, one(hosted), { ...github, issuerName: "google", email: "x@acme.example" }),
    ).toBe(0);
  });

  it("M22: no certificate, another predicate, or one without builder and build type gives 0", () => {
    expect(reportedBuildLevel(v1, one(hosted), null)).toBe(0);
    expect(reportedBuildLevel("https://docs.pypi.org/attestations/publish/v1", one(hosted), github)).toBe(0);
    expect(reportedBuildLevel(`${v1}x`, one(hosted), github)).toBe(0);
    expect(reportedBuildLevel(v02, one(hosted), github)).toBe(0);
    expect(reportedBuildLevel(v1, one(hosted, null), github)).toBe(0);
    for (const predicate of [null, {}, [], "x", { runDetails: null }, one(5)])
      expect(reportedBuildLevel(v1, predicate, github)).toBe(0);
  });

  it("M22: never exceeds the runner's cap and never throws, whatever the predicate", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(v1, v02, ""), (predicate, type) => {
        expect(reportedBuildLevel(type, predicate, { ...github, runner: "self-hosted" })).toBeLessThanOrEqual(
          1,
        );
        expect(reportedBuildLevel(type, one(predicate, predicate), github)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
