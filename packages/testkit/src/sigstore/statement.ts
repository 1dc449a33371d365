import { base64, sha1 } from "../encoding/hash.ts";
import type { Build } from "./build.ts";
import type { Defect, StatementDefect } from "./defect.ts";

/** An in-toto statement, before it is signed. */
export type Statement = {
  _type: string;
  subject: { name: string; digest: Record<string, string> }[];
  predicateType: string;
  predicate: unknown;
};

export type Subject = { name: string; digest: { sha512: string } | { sha256: string } };

export const predicateTypes = {
  npmPublish: "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
  pypiPublish: "https://docs.pypi.org/attestations/publish/v1",
  slsaV1: "https://slsa.dev/provenance/v1",
  slsaV02: "https://slsa.dev/provenance/v0.2",
} as const;

const statementV1 = "https://in-toto.io/Statement/v1";
const statementV01 = "https://in-toto.io/Statement/v0.1";

/** `pkg:npm/%40scope/name@1.0.0`. */
export const npmSubjectName = (name: string, version: string): string =>
  `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** What an npm registry signs with its own key when a package with provenance is published. */
export const npmPublishStatement = (
  name: string,
  version: string,
  registry: string,
  subject: Subject,
): Statement => ({
  _type: statementV01,
  subject: [subject],
  predicateType: predicateTypes.npmPublish,
  predicate: { name, version, registry: registry.replace(/\/$/, "") },
});

/** PEP 740 publish attestation. */
export const pypiPublishStatement = (subject: Subject): Statement => ({
  _type: statementV1,
  subject: [subject],
  predicateType: predicateTypes.pypiPublish,
  predicate: null,
});

/** SLSA provenance as the provider's own tools write it, or with another builder and build type. */
export function provenanceStatement(
  build: Build,
  subject: Subject,
  slsa: "1" | "0.2",
  override: { builderId?: string; buildType?: string } = {},
): Statement {
  return slsa === "1" ? provenanceV1(build, subject, override) : provenanceV02(build, subject, override);
}

type Override = { builderId?: string; buildType?: string };

const builderId = (build: Build): string =>
  build.kind === "gitlab"
    ? `${build.repositoryUri}/-/runners/12270837`
    : `https://github.com/actions/runner/${build.runner === "" ? "github-hosted" : build.runner}`;

const provenanceV1 = (build: Build, subject: Subject, override: Override): Statement => ({
  _type: statementV1,
  subject: [subject],
  predicateType: predicateTypes.slsaV1,
  predicate: {
    buildDefinition: {
      buildType:
        override.buildType ?? "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
      externalParameters: {
        workflow: { ref: build.ref, repository: build.repositoryUri, path: build.workflow },
      },
      internalParameters: {
        github: {
          event_name: build.event,
          repository_id: build.repositoryId,
          repository_owner_id: build.ownerId,
        },
      },
      resolvedDependencies: [
        { uri: `git+${build.repositoryUri}@${build.ref}`, digest: { gitCommit: build.commit } },
      ],
    },
    runDetails: {
      builder: { id: override.builderId ?? builderId(build) },
      metadata: { invocationId: build.runUrl },
    },
  },
});

const provenanceV02 = (build: Build, subject: Subject, override: Override): Statement => ({
  _type: statementV01,
  subject: [subject],
  predicateType: predicateTypes.slsaV02,
  predicate: {
    buildType:
      override.buildType ??
      (build.kind === "gitlab"
        ? "https://github.com/npm/cli/gitlab/v0alpha1"
        : "https://github.com/npm/cli/gha/v2"),
    builder: {
      id:
        override.builderId ??
        (build.kind === "gitlab" ? builderId(build) : "https://github.com/actions/runner"),
    },
    invocation: {
      configSource: {
        uri: `git+${build.repositoryUri}${build.kind === "gitlab" ? "" : `@${build.ref}`}`,
        digest: { sha1: build.commit },
        entryPoint:
          build.kind === "gitlab" ? "release" : `${build.repository}/${build.workflow}@${build.ref}`,
      },
      parameters: {},
      environment:
        build.kind === "gitlab"
          ? { architecture: "linux/amd64" }
          : { GITHUB_EVENT_NAME: build.event, GITHUB_REF: build.ref },
    },
    metadata: {
      buildInvocationId: build.runUrl,
      completeness: { parameters: false, environment: false, materials: false },
      reproducible: false,
    },
    materials: [{ uri: `git+${build.repositoryUri}`, digest: { sha1: build.commit } }],
  },
});

/** Applies the defects that lie in the statement; the others are the bundle's. */
export function spoilStatement(statement: Statement, defects: readonly Defect[]): Statement {
  const has = (defect: StatementDefect): boolean => defects.includes(defect);
  const spoilt = structuredClone(statement);
  const [subject] = spoilt.subject;
  if (subject !== undefined && has("wrong-subject")) subject.name = otherSubjectName(subject.name);
  if (subject !== undefined && has("wrong-digest")) {
    subject.digest = Object.fromEntries(
      Object.entries(subject.digest).map(([name, hex]) => [name, "0".repeat(hex.length)]),
    );
  }
  if (subject !== undefined && has("weak-digest"))
    subject.digest = { sha1: sha1(Buffer.from(subject.name)).toString("hex") };
  if (has("no-subject")) spoilt.subject = [];
  if (subject !== undefined && has("extra-subject")) {
    spoilt.subject.push({ ...structuredClone(subject), name: otherSubjectName(subject.name) });
  }
  if (has("wrong-predicate-type")) spoilt.predicateType = "https://predicates.example/other/v1";
  return has("wrong-statement-type") ? { ...spoilt, _type: "https://in-toto.io/Statement/v9" } : spoilt;
}

const otherSubjectName = (name: string): string =>
  name.startsWith("pkg:npm/") ? "pkg:npm/another-package@9.9.9" : name.replace(/^[^-]*/, "another");

/** PEP 740's three representations of what a verifier needs of a publisher. */
export function publisherOf(build: Build): Record<string, string | null> {
  if (build.kind === "gitlab") {
    return {
      kind: "GitLab",
      repository: build.repository,
      workflow_filepath: build.workflow,
      environment: null,
      claims: null,
    };
  }
  if (build.kind === "google") return { kind: "Google", email: build.san.value, claims: null };
  const workflow = build.workflow.replace(/^\.github\/workflows\//, "");
  return { kind: "GitHub", repository: build.repository, workflow, environment: "", claims: null };
}

export const encodeStatement = (statement: Statement): string =>
  base64(Buffer.from(JSON.stringify(statement)));
