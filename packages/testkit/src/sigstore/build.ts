/**
 * Who builds: everything a Fulcio certificate can say of a build (1.3.6.1.4.1.57264.1.N), from which the SLSA
 * predicate and the PEP 740 publisher are written too.
 */
export type Build = {
  kind: "github" | "gitlab" | "google" | "circleci" | "buildkite" | "person";
  issuer: string;
  san: { kind: "uri" | "email"; value: string };
  /** Values by N, as text: .1–.6 go in raw, .8 and up as DER UTF8String. */
  extensions: ReadonlyMap<number, string>;
  /** `owner/name` at its forge; empty for accounts. */
  repository: string;
  repositoryUri: string;
  repositoryId: string;
  ownerId: string;
  workflow: string;
  ref: string;
  commit: string;
  event: string;
  runner: string;
  runUrl: string;
};

export type BuildOptions = {
  repository?: string;
  repositoryId?: string;
  ownerId?: string;
  /** Path of the workflow or pipeline in the repository. */
  workflow?: string;
  ref?: string;
  commit?: string;
  event?: string;
  runner?: string;
  runId?: string;
  visibility?: string;
  issuer?: string;
  /** Full URI of the build signer (.9 and the SAN) where it is not the workflow: a reusable workflow. */
  signer?: string;
  san?: string;
  /** Replaces single extensions; null leaves one out (certificates from before 2023 have no .18). */
  extensions?: Readonly<Record<number, string | null>>;
};

const defaults = {
  repository: "acme/widgets",
  repositoryId: "4711001",
  ownerId: "4711",
  ref: "refs/tags/v1.0.0",
  commit: "5f1c9e0d3b7a48260917c2d4e8fa0b6c3d5e7f91",
  event: "push",
  runId: "9000000001",
  visibility: "public",
};

/** GitHub Actions: all of .1–.6 and .8–.22. */
export function githubBuild(options: BuildOptions = {}): Build {
  const of = { ...defaults, workflow: ".github/workflows/release.yml", runner: "github-hosted", ...options };
  const issuer = of.issuer ?? "https://token.actions.githubusercontent.com";
  const repositoryUri = `https://github.com/${of.repository}`;
  const config = `${repositoryUri}/${of.workflow}@${of.ref}`;
  const signer = of.signer ?? config;
  const runUrl = `${repositoryUri}/actions/runs/${of.runId}/attempts/1`;
  return {
    kind: "github",
    issuer,
    san: { kind: "uri", value: of.san ?? signer },
    extensions: numbered(of, {
      1: issuer,
      2: of.event,
      3: of.commit,
      4: "Release",
      5: of.repository,
      6: of.ref,
      ...common(of, {
        issuer,
        signer,
        repositoryUri,
        ownerUri: `https://github.com/${ownerOf(of.repository)}`,
        config,
        runUrl,
      }),
    }),
    repositoryUri,
    runUrl,
    ...pick(of),
  };
}

/** GitLab CI: .1 and .8–.22. */
export function gitlabBuild(options: BuildOptions = {}): Build {
  const of = { ...defaults, workflow: ".gitlab-ci.yml", runner: "gitlab-hosted", ...options };
  const issuer = of.issuer ?? "https://gitlab.com";
  const repositoryUri = `https://gitlab.com/${of.repository}`;
  const config = `${repositoryUri}//${of.workflow}@${of.ref}`;
  const signer = of.signer ?? config;
  const runUrl = `${repositoryUri}/-/jobs/${of.runId}`;
  return {
    kind: "gitlab",
    issuer,
    san: { kind: "uri", value: of.san ?? signer },
    extensions: numbered(of, {
      1: issuer,
      ...common(of, {
        issuer,
        signer,
        repositoryUri,
        ownerUri: `https://gitlab.com/${ownerOf(of.repository)}`,
        config,
        runUrl,
      }),
    }),
    repositoryUri,
    runUrl,
    ...pick(of),
  };
}

/** A Google service account: the e-mail is the identity. */
export const googleBuild = (email = "release@widgets.iam.gserviceaccount.com"): Build =>
  account("google", "https://accounts.google.com", email);

/** A person's e-mail: may sign, is never a builder. */
export const personBuild = (
  email = "mallory@acme.example",
  issuer = "https://github.com/login/oauth",
): Build => account("person", issuer, email);

/** CircleCI: organisation issuer, source repository and ref. */
export function circleciBuild(options: BuildOptions = {}): Build {
  const of = { ...defaults, workflow: ".circleci/config.yml", runner: "cloud", ...options };
  const issuer = of.issuer ?? "https://oidc.circleci.com/org/4711aaaa-0000-4000-8000-000000000001";
  const repositoryUri = `https://github.com/${of.repository}`;
  const san =
    of.san ??
    "https://circleci.com/api/v2/projects/4711aaaa-0000-4000-8000-000000000002/pipeline-definitions/1";
  const runUrl = `https://app.circleci.com/pipelines/github/${of.repository}/${of.runId}`;
  return {
    kind: "circleci",
    issuer,
    san: { kind: "uri", value: san },
    extensions: numbered(of, {
      1: issuer,
      8: issuer,
      9: san,
      11: of.runner,
      12: repositoryUri,
      14: of.ref,
      18: san,
      21: runUrl,
    }),
    repositoryUri,
    runUrl,
    ...pick(of),
  };
}

/** Buildkite: the SAN names organisation and pipeline. */
export function buildkiteBuild(options: BuildOptions = {}): Build {
  const of = { ...defaults, workflow: "", runner: "self-hosted", ...options };
  const issuer = of.issuer ?? "https://agent.buildkite.com";
  const san = of.san ?? `https://buildkite.com/${of.repository}`;
  return {
    kind: "buildkite",
    issuer,
    san: { kind: "uri", value: san },
    extensions: numbered(of, { 1: issuer, 8: issuer }),
    repositoryUri: san,
    runUrl: `${san}/builds/${of.runId}`,
    ...pick(of),
  };
}

/** The same build with other extensions or SAN: for identities no provider would issue. */
export const withExtensions = (build: Build, changes: Readonly<Record<number, string | null>>): Build => ({
  ...build,
  extensions: numbered({ extensions: changes }, Object.fromEntries(build.extensions)),
});

function account(kind: "google" | "person", issuer: string, email: string): Build {
  return {
    kind,
    issuer,
    san: { kind: "email", value: email },
    extensions: new Map([
      [1, issuer],
      [8, issuer],
    ]),
    repositoryUri: "",
    runUrl: "",
    ...pick({
      repository: "",
      repositoryId: "",
      ownerId: "",
      workflow: "",
      ref: "",
      commit: "",
      event: "",
      runner: "",
    }),
  };
}

type Plain = Pick<
  Build,
  "repository" | "repositoryId" | "ownerId" | "workflow" | "ref" | "commit" | "event" | "runner"
>;

const pick = ({ repository, repositoryId, ownerId, workflow, ref, commit, event, runner }: Plain): Plain => ({
  repository,
  repositoryId,
  ownerId,
  workflow,
  ref,
  commit,
  event,
  runner,
});

const common = (
  of: Plain & { visibility: string },
  uris: {
    issuer: string;
    signer: string;
    repositoryUri: string;
    ownerUri: string;
    config: string;
    runUrl: string;
  },
): Record<number, string> => ({
  8: uris.issuer,
  9: uris.signer,
  10: of.commit,
  11: of.runner,
  12: uris.repositoryUri,
  13: of.commit,
  14: of.ref,
  15: of.repositoryId,
  16: uris.ownerUri,
  17: of.ownerId,
  18: uris.config,
  19: of.commit,
  20: of.event,
  21: uris.runUrl,
  22: of.visibility,
});

const ownerOf = (repository: string): string => repository.slice(0, Math.max(repository.indexOf("/"), 0));

function numbered(
  options: Pick<BuildOptions, "extensions">,
  values: Record<number, string | null>,
): ReadonlyMap<number, string> {
  const entries = Object.entries({ ...values, ...options.extensions });
  return new Map(
    entries.flatMap(([number, value]) => (value === null ? [] : [[Number(number), value] as const])),
  );
}
