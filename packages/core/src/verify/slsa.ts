import { isJsonObject, jsonMember } from "../json.ts";
import type { Identity } from "./identity.ts";

export type BuildLevel = 0 | 1 | 2 | 3;
type Build = { builder: string; buildType: string };

/** Build types of npm's CLI and of GitHub's own attestation action, when the workflow builds in its own job. */
const githubBuildTypes: ReadonlySet<string> = new Set([
  "https://github.com/npm/cli/gha@v0",
  "https://github.com/npm/cli/gha@v1",
  "https://github.com/npm/cli/gha/v2",
  "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
  "https://actions.github.io/buildtypes/workflow/v1",
]);
const gitlabBuildTypes: ReadonlySet<string> = new Set(["https://github.com/npm/cli/gitlab/v0alpha1"]);

/**
 * Reusable workflows that build in a job of their own, out of the caller's reach, only as released versions: the
 * builder, and who signed for it (the builder itself, or the delegator it calls). The generators of the same project
 * sign for what the caller built elsewhere, so they are not among them.
 */
const isolatedBuilder: RegExp =
  /^https:\/\/github\.com\/slsa-framework\/slsa-github-generator\/\.github\/workflows\/builder_(?:go|nodejs|maven|gradle|bazel|container-based)_slsa3\.yml@(refs\/tags\/v[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6})$/;
const delegators: readonly string[] = [
  "delegator_generic_slsa3.yml",
  "delegator_lowperms-generic_slsa3.yml",
].map((file) => `https://github.com/slsa-framework/slsa-github-generator/.github/workflows/${file}`);

/**
 * The SLSA build level that verified provenance shows: what its builder.id and buildType claim (SLSA provenance v0.2
 * and v1), capped by the certificate. A workflow writes the predicate itself, so nothing in it raises the level above
 * what the certificate's build signer (.9) and runner (.11) allow: a certificate that does not say `github-hosted`
 * (or `gitlab-hosted`) gives 1, one without a known builder 1, no certificate or no provenance 0.
 * @param predicate the signed statement's predicate, already bound to the artefact
 */
export function reportedBuildLevel(
  predicateType: string,
  predicate: unknown,
  identity: Identity | null,
): BuildLevel {
  const build = readBuild(predicateType, predicate);
  if (build === null || identity === null) return 0;
  const { builder, buildType } = build;
  if (identity.issuerName === "github") return githubLevel(builder, buildType, identity);
  if (identity.issuerName === "gitlab") return gitlabLevel(builder, buildType, identity);
  return identity.email === null || identity.email.endsWith(".gserviceaccount.com") ? 1 : 0;
}

function githubLevel(builder: string, buildType: string, identity: Identity): BuildLevel {
  if (identity.runner !== "github-hosted") return 1;
  if (isIsolated(builder, identity.signer)) return 3;
  const ownBuilder = isGitHubRunner(builder) || builder === identity.signer;
  return ownBuilder && githubBuildTypes.has(buildType) ? 2 : 1;
}

function isIsolated(builder: string, signer: string | null): boolean {
  const tag = isolatedBuilder.exec(builder)?.[1];
  if (tag === undefined || signer === null) return false;
  return signer === builder || delegators.some((delegator) => signer === `${delegator}@${tag}`);
}

function gitlabLevel(builder: string, buildType: string, identity: Identity): BuildLevel {
  if (identity.runner !== "gitlab-hosted" || identity.repositoryUri === null) return 1;
  return gitlabBuildTypes.has(buildType) && builder.startsWith(`${identity.repositoryUri}/-/runners/`)
    ? 2
    : 1;
}

/** `self-hosted` in the statement is believed against a certificate that says otherwise: it only lowers. */
const isGitHubRunner = (builder: string): boolean =>
  builder === "https://github.com/actions/runner/github-hosted" ||
  builder === "https://github.com/actions/runner" ||
  /^https:\/\/github\.com\/npm\/cli@[0-9]{1,4}(?:\.[0-9]{1,4}){2}$/.test(builder);

function readBuild(predicateType: string, predicate: unknown): Build | null {
  const v1 = predicateType === "https://slsa.dev/provenance/v1";
  if (!v1 && predicateType !== "https://slsa.dev/provenance/v0.2") return null;
  const builder = text(v1 ? [predicate, "runDetails", "builder", "id"] : [predicate, "builder", "id"]);
  const buildType = text(v1 ? [predicate, "buildDefinition", "buildType"] : [predicate, "buildType"]);
  return builder === null || buildType === null ? null : { builder, buildType };
}

/** The string at the end of a path of members, or null. */
function text([root, ...path]: readonly [unknown, ...string[]]): string | null {
  let value = root;
  for (const name of path) value = isJsonObject(value) ? jsonMember(value, name) : undefined;
  return typeof value === "string" && value !== "" ? value : null;
}
