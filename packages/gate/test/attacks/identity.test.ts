import {
  circleciBuild,
  githubBuild,
  gitlabBuild,
  googleBuild,
  personBuild,
  withExtensions,
  writeProject,
  type Build,
  type ProvenanceOptions,
  type PublishedPackage,
} from "@countersign/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Code } from "@countersign/core";
import { openScene, verdictOf, type Scene } from "../scene.ts";
import { expectControl, expectStopped, strictPolicy } from "./attack.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene.close());

const release = `identities:
  release:
    issuer: github
    repository: acme/widgets
    workflow: .github/workflows/release.yml
    ref: "refs/tags/v*"
    runner: github-hosted
    ownerId: "4711"
    repositoryId: "4711001"
    slsaBuild: 2
`;
const named = (identities = release): string =>
  `version: 1
mode: strict
registries:
  - { url: "${scene.kit.npm.url}", ecosystem: npm }
  - { url: "${scene.kit.pypi.simpleUrl}", ecosystem: pypi }
require:
  - { names: ["**"], level: provenance, identities: [release] }
${identities}`;

function lockOne(name: string, provenance: ProvenanceOptions, manifest = {}): PublishedPackage {
  const published = scene.kit.npm.publish({ name, provenance, manifest });
  writeProject(scene.directory, {
    lock: "package-lock.json",
    registry: scene.kit.npm.url,
    packages: [published],
  });
  return published;
}

type Attack = {
  who: string;
  build: Build;
  rightly?: Build;
  identities?: string;
  codes?: readonly [Code, ...Code[]];
  field?: string;
  options?: ProvenanceOptions;
};
const only = (...lines: string[]): string =>
  `identities:\n  release:\n${lines.map((line) => `    ${line}\n`).join("")}`;
const github = (...lines: string[]): string => only("issuer: github", ...lines);

const attacks: readonly Attack[] = [
  {
    who: "D6 D12: a fork's certificate",
    build: githubBuild({ repository: "evil/widgets" }),
    identities: github("repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "a repository that only begins like it",
    build: githubBuild({ repository: "acme/widgets-evil" }),
    identities: github("repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "a repository that only ends like it",
    build: githubBuild({ repository: "evil-acme/widgets" }),
    identities: github("repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "a repository that differs in case",
    build: githubBuild({ repository: "ACME/widgets" }),
    identities: github("repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "a name that was given up and taken by another: repository id",
    build: githubBuild({ repositoryId: "666" }),
    identities: github('repositoryId: "4711001"'),
    field: "repositoryId",
  },
  {
    who: "a name that was given up and taken by another: owner id",
    build: githubBuild({ ownerId: "666" }),
    identities: github("repository: acme/widgets", 'ownerId: "4711"'),
    field: "ownerId",
  },
  {
    who: "D26: another workflow of the right repository",
    build: githubBuild({ workflow: ".github/workflows/pull-request.yml" }),
    field: "workflow",
  },
  { who: "D26: a branch instead of a tag", build: githubBuild({ ref: "refs/heads/evil" }), field: "ref" },
  {
    who: "D26: a tag that a pattern must not span",
    build: githubBuild({ ref: "refs/tags/v1/../../heads/evil" }),
    field: "ref",
  },
  { who: "M20: a self-hosted runner", build: githubBuild({ runner: "self-hosted" }), field: "runner" },
  {
    who: "M13: a reusable workflow of another repository signs (the SAN), while .18 names the right one",
    build: githubBuild({
      signer: "https://github.com/evil/reusable/.github/workflows/release.yml@refs/heads/main",
    }),
    identities: github(
      "repository: acme/widgets",
      'signer: "https://github.com/acme/widgets/.github/workflows/release.yml@refs/tags/*"',
    ),
    field: "signer",
  },
  {
    who: "M19: GitLab where GitHub is named",
    build: gitlabBuild(),
    identities: github("repository: acme/widgets"),
    field: "issuer",
  },
  {
    who: "M19: another project of GitLab",
    build: gitlabBuild({ repository: "evil/widgets" }),
    rightly: gitlabBuild(),
    identities: only("issuer: gitlab", "repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "M19: another pipeline file of the right project",
    build: gitlabBuild({ workflow: ".evil-ci.yml" }),
    rightly: gitlabBuild(),
    identities: only("issuer: gitlab", "repository: acme/widgets", "workflow: .gitlab-ci.yml"),
    field: "workflow",
  },
  {
    who: "CircleCI where GitHub is named",
    build: circleciBuild(),
    identities: github("repository: acme/widgets"),
    field: "issuer",
  },
  {
    who: "an issuer of the attacker's own",
    build: githubBuild({ issuer: "https://token.actions.githubusercontent.com.evil.example" }),
    identities: github("repository: acme/widgets"),
    field: "issuer",
  },
  {
    who: "a certificate without a repository",
    build: withExtensions(githubBuild(), { 12: null, 5: null, 16: null }),
    identities: github("repository: acme/widgets"),
    field: "repository",
  },
  {
    who: "another Google service account",
    build: googleBuild("release@evil.iam.gserviceaccount.com"),
    rightly: googleBuild(),
    identities: only("issuer: google", "email: release@widgets.iam.gserviceaccount.com"),
    field: "email",
  },
  {
    who: "a build level below the required one",
    build: githubBuild(),
    identities: github("repository: acme/widgets", "slsaBuild: 3"),
    codes: ["slsa/below-required"],
  },
  {
    who: "a builder.id that claims a trusted reusable builder",
    build: githubBuild(),
    identities: github("repository: acme/widgets", "slsaBuild: 3"),
    options: {
      builderId:
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/builder_nodejs_slsa3.yml@refs/tags/v2.0.0",
    },
    codes: ["slsa/below-required"],
  },
];

describe("D12: identity comes from the certificate", () => {
  it.each(attacks)(
    "$who",
    async ({
      build,
      rightly = githubBuild(),
      identities = release,
      codes = ["identity/mismatch"],
      field,
      options,
    }) => {
      const controlled =
        codes[0] === "slsa/below-required" ? identities.replace("slsaBuild: 3", "slsaBuild: 2") : identities;
      scene.policy(named(controlled));
      lockOne("control", { build: rightly });
      await expectControl(scene);
      scene.policy(named(identities));
      // The manifest is the publisher's to write: it names whom it likes.
      const published = lockOne(
        "forked",
        { ...options, build },
        { repository: "https://github.com/acme/widgets" },
      );
      const attacked = await expectStopped(scene, {
        codes,
        at: { path: "package-lock.json", line: published.integrity },
      });
      if (field !== undefined)
        expect(attacked.report.findings.find(({ code }) => code === codes[0])?.why).toContain(field);
      // The evidence itself is genuine: only the policy's identity stops it.
      expect(verdictOf(attacked, "forked")).toMatchObject({ outcome: "verified", level: "provenance" });
    },
  );

  it("without a named identity, provenance of anybody passes and says so", async () => {
    scene.policy(strictPolicy(scene, { npm: "provenance" }));
    lockOne("forked", { build: githubBuild({ repository: "evil/fork" }) });
    const control = await expectControl(scene);
    expect(control.report.findings.map(({ code }) => code)).toContain("identity/any");
  });

  it("an identity that no layer defines matches nobody", async () => {
    scene.policy(named());
    lockOne("control", { build: githubBuild() });
    await expectControl(scene);
    scene.policy(named("").replace("identities: [release]", "identities: [realease]"));
    const attacked = await scene.run();
    expect(attacked).toExitWith(2);
  });

  it("a person's e-mail is never a builder", async () => {
    scene.policy(strictPolicy(scene, { npm: "provenance" }));
    lockOne("control", { build: githubBuild() });
    await expectControl(scene);
    const published = lockOne("personal", { build: personBuild() });
    await expectStopped(scene, {
      codes: ["identity/not-a-builder"],
      at: { path: "package-lock.json", line: published.integrity },
    });
  });

  it("a publisher block that names another repository than the certificate", async () => {
    const { kit, directory } = scene;
    scene.policy(named(github("repository: acme/widgets")));
    const control = kit.pypi.publish({ name: "leaf", provenance: true });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [control] });
    await expectControl(scene);
    const lie = kit.pypi.publish({
      name: "lie",
      provenance: {
        build: githubBuild({ repository: "evil/fork" }),
        publisher: { repository: "acme/widgets" },
      },
    });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [lie] });
    const at = { path: "uv.lock", line: lie.sha256 };
    await expectStopped(scene, { codes: ["attestation/publisher-mismatch"], at });
    const fork = kit.pypi.publish({
      name: "fork",
      provenance: { build: githubBuild({ repository: "evil/fork" }) },
    });
    writeProject(directory, { lock: "uv.lock", index: kit.pypi.simpleUrl, files: [fork] });
    await expectStopped(scene, { codes: ["identity/mismatch"], at: { path: "uv.lock", line: fork.sha256 } });
  });
});
