import type { Code } from "../codes.ts";
import type { Publisher } from "../evidence/attestation-document.ts";
import { quote } from "../evidence/document-text.ts";
import type { Identity } from "./identity.ts";

export type PublisherResult = { ok: true } | { ok: false; code: Code; detail: string };

const githubIssuer = "https://token.actions.githubusercontent.com";
const gitlabIssuer = "https://gitlab.com";
const googleIssuer = "https://accounts.google.com";

/**
 * Compares the unsigned `publisher` of a PEP 740 object with the certificate's identity. It can only take away: what
 * it says is never believed by itself. A kind that is not known here fails, as does one that lacks what it must name.
 */
export function checkPublisher(publisher: Publisher, identity: Identity): PublisherResult {
  switch (publisher.kind) {
    case "GitHub":
      return checkGitHub(publisher.claims, identity);
    case "GitLab":
      return checkGitLab(publisher.claims, identity);
    case "Google":
      return checkGoogle(publisher.claims, identity);
    default:
      return mismatch("kind", "a known kind", publisher.kind);
  }
}

type Claims = Publisher["claims"];

/** The workflow is compared with the build config (.18), never with the subject alternative name (a reusable one). */
function checkGitHub(claims: Claims, identity: Identity): PublisherResult {
  const [repository, workflow] = [claim(claims, "repository"), claim(claims, "workflow")];
  if (identity.issuer !== githubIssuer) return mismatch("issuer", githubIssuer, identity.issuer);
  if (repository === null || workflow === null) return mismatch("publisher", "repository and workflow", null);
  const uri = `https://github.com/${repository}`;
  if (identity.repositoryUri !== uri) return mismatch("repository", uri, identity.repositoryUri);
  return checkBuildConfig(`${uri}/.github/workflows/${workflow}`, [identity.commit, identity.ref], identity);
}

function checkGitLab(claims: Claims, identity: Identity): PublisherResult {
  const [repository, path] = [claim(claims, "repository"), claim(claims, "workflow_filepath")];
  if (identity.issuer !== gitlabIssuer) return mismatch("issuer", gitlabIssuer, identity.issuer);
  if (repository === null || path === null)
    return mismatch("publisher", "repository and workflow_filepath", null);
  const uri = `https://gitlab.com/${repository}`;
  if (identity.repositoryUri !== uri) return mismatch("repository", uri, identity.repositoryUri);
  if (identity.commit === null || identity.ref === null)
    return mismatch("certificate", "a commit and a ref", null);
  return checkBuildConfig(`${uri}//${path}`, [identity.commit, identity.ref], identity);
}

function checkGoogle(claims: Claims, identity: Identity): PublisherResult {
  const email = claim(claims, "email");
  if (identity.issuer !== googleIssuer) return mismatch("issuer", googleIssuer, identity.issuer);
  if (email === null || identity.email !== email) return mismatch("email", email, identity.email);
  return { ok: true };
}

function checkBuildConfig(path: string, at: readonly (string | null)[], identity: Identity): PublisherResult {
  const expected = at
    .filter((version) => version !== null && version !== "")
    .map((version) => `${path}@${version}`);
  const { buildConfigUri } = identity;
  if (buildConfigUri !== null && expected.includes(buildConfigUri)) return { ok: true };
  return mismatch("workflow", expected[0] ?? path, buildConfigUri);
}

const claim = (claims: Claims, name: string): string | null => {
  const value = Object.hasOwn(claims, name) ? claims[name] : null;
  return value === undefined || value === "" ? null : value;
};

const mismatch = (what: string, expected: string | null, actual: string | null): PublisherResult => ({
  ok: false,
  code: "attestation/publisher-mismatch",
  detail: `${what}: the index says ${quote(expected)}, the certificate ${quote(actual)}`,
});
