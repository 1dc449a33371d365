import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Publisher } from "../evidence/attestation-document.ts";
import type { Identity } from "./identity.ts";
import { checkPublisher } from "./publisher.ts";

const nobody: Identity = {
  issuerName: null,
  issuer: "",
  san: "",
  repository: null,
  repositoryUri: null,
  repositoryId: null,
  owner: null,
  ownerId: null,
  workflow: null,
  workflowFrom: null,
  buildConfigUri: null,
  signer: null,
  ref: null,
  commit: null,
  event: null,
  runner: null,
  runUrl: null,
  email: null,
};
const github: Identity = {
  ...nobody,
  issuerName: "github",
  issuer: "https://token.actions.githubusercontent.com",
  san: "https://github.com/acme/shared/.github/workflows/build.yml@refs/heads/main",
  repositoryUri: "https://github.com/acme/widgets",
  buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1",
  ref: "refs/tags/v1",
  commit: "c0ffee",
};
const gitlab: Identity = {
  ...nobody,
  issuerName: "gitlab",
  issuer: "https://gitlab.com",
  repositoryUri: "https://gitlab.com/acme/widgets",
  buildConfigUri: "https://gitlab.com/acme/widgets//ci/release.yml@refs/heads/main",
  ref: "refs/heads/main",
  commit: "c0ffee",
};
const google: Identity = {
  ...nobody,
  issuerName: "google",
  issuer: "https://accounts.google.com",
  email: "builder@acme.gserviceaccount.com",
};

const of = (kind: string, claims: Record<string, string | null>): Publisher => ({ kind, claims });
const asGitHub = of("GitHub", { repository: "acme/widgets", workflow: "release.yml", environment: null });
const asGitLab = of("GitLab", { repository: "acme/widgets", workflow_filepath: "ci/release.yml" });
const asGoogle = of("Google", { email: "builder@acme.gserviceaccount.com" });
const mismatch = { ok: false, code: "attestation/publisher-mismatch" };

describe("the publisher of an index", () => {
  it("D12: agrees with the certificate: GitHub, GitLab, Google", () => {
    expect(checkPublisher(asGitHub, github)).toEqual({ ok: true });
    expect(
      checkPublisher(asGitHub, {
        ...github,
        buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@c0ffee",
      }),
    ).toEqual({ ok: true });
    expect(checkPublisher(asGitLab, gitlab)).toEqual({ ok: true });
    expect(
      checkPublisher(asGitLab, {
        ...gitlab,
        buildConfigUri: "https://gitlab.com/acme/widgets//ci/release.yml@c0ffee",
      }),
    ).toEqual({ ok: true });
    expect(checkPublisher(asGoogle, google)).toEqual({ ok: true });
  });

  it("GitHub: another issuer, repository or workflow is a mismatch", () => {
    const bad: readonly Partial<Identity>[] = [
      { issuer: "https://token.actions.githubusercontent.com.evil.example" },
      { repositoryUri: "https://github.com/evil/widgets" },
      { repositoryUri: "https://github.com/acme/widgets2" },
      { repositoryUri: null },
      { buildConfigUri: "https://github.com/acme/widgets/.github/workflows/other.yml@refs/tags/v1" },
      { buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/heads/evil" },
      { buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@" },
      { buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@", ref: "" },
      { buildConfigUri: "https://github.com/acme/widgets/.github/workflows/release.yml@null", ref: null },
      { buildConfigUri: null },
      { ref: null, commit: null },
    ];
    for (const change of bad)
      expect(checkPublisher(asGitHub, { ...github, ...change })).toMatchObject(mismatch);
  });

  it("GitHub: the subject alternative name does not stand for the workflow", () => {
    const san = "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/v1";
    expect(checkPublisher(asGitHub, { ...github, san, buildConfigUri: null })).toMatchObject(mismatch);
  });

  it("GitLab: another issuer, project or file, or a missing commit or ref, is a mismatch", () => {
    const bad: readonly Partial<Identity>[] = [
      { issuer: "https://gitlab.evil.example" },
      { repositoryUri: "https://gitlab.com/evil/widgets" },
      { buildConfigUri: "https://gitlab.com/acme/widgets//other.yml@refs/heads/main" },
      { buildConfigUri: "https://gitlab.com/acme/widgets//ci/release.yml@refs/heads/evil" },
      { ref: null },
      { commit: null },
    ];
    for (const change of bad)
      expect(checkPublisher(asGitLab, { ...gitlab, ...change })).toMatchObject(mismatch);
  });

  it("Google: another issuer or address is a mismatch", () => {
    expect(checkPublisher(asGoogle, { ...google, issuer: "https://github.com/login/oauth" })).toMatchObject(
      mismatch,
    );
    expect(checkPublisher(asGoogle, { ...google, email: "evil@acme.gserviceaccount.com" })).toMatchObject(
      mismatch,
    );
    expect(checkPublisher(asGoogle, { ...google, email: null })).toMatchObject(mismatch);
  });

  it("that names too little fails", () => {
    expect(
      checkPublisher(of("GitHub", { repository: "acme/widgets", workflow: null }), github),
    ).toMatchObject(mismatch);
    expect(checkPublisher(of("GitHub", { workflow: "release.yml" }), github)).toMatchObject(mismatch);
    expect(checkPublisher(of("GitLab", { repository: "acme/widgets" }), gitlab)).toMatchObject(mismatch);
    expect(checkPublisher(of("Google", {}), { ...google, email: "" })).toMatchObject(mismatch);
  });

  it("of an unknown kind fails, and kinds are compared whole", () => {
    for (const kind of ["ActiveState", "github", "GitHub ", "", "constructor"]) {
      expect(checkPublisher(of(kind, asGitHub.claims), github)).toMatchObject(mismatch);
    }
  });

  it("never throws", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("GitHub", "GitLab", "Google", "x"),
        fc.dictionary(fc.string(), fc.option(fc.string())),
        (kind, claims) => {
          for (const identity of [nobody, github, gitlab, google]) checkPublisher({ kind, claims }, identity);
        },
      ),
      { numRuns: 300 },
    );
  });
});
