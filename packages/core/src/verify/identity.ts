import type { X509Certificate } from "@sigstore/core";
import { extensionsOf, fulcioText, utf8, type Extensions } from "./fulcio-extension.ts";

/** Who built an artefact, read from a verified certificate's extensions only (1.3.6.1.4.1.57264.1.*). */
export type Identity = {
  /** Known issuer's short name, or null: shown, never guessed. */
  issuerName: "github" | "gitlab" | "circleci" | "buildkite" | "google" | null;
  /** OIDC issuer (.8, else .1). */
  issuer: string;
  /** Subject alternative name, verbatim. */
  san: string;
  /** `owner/repo` for a known forge, else the source repository URI (.12, else .5). */
  repository: string | null;
  repositoryUri: string | null;
  repositoryId: string | null;
  owner: string | null;
  ownerId: string | null;
  /** Path of the top-level workflow, from the build config URI (.18), else the SAN. */
  workflow: string | null;
  workflowFrom: "build-config" | "san" | null;
  /** Build config URI (.18), verbatim: what a PEP 740 publisher is compared with. */
  buildConfigUri: string | null;
  /** The build signer (.9): a reusable workflow when it differs from the build config. */
  signer: string | null;
  ref: string | null;
  commit: string | null;
  event: string | null;
  runner: string | null;
  runUrl: string | null;
  /** A person or service account; only service accounts may be builders. */
  email: string | null;
};

/** Numbers of Fulcio's extensions (docs/oid-info.md); .1 to .6 are deprecated and stand in where the newer is missing. */
const oid = {
  issuerV1: 1,
  triggerV1: 2,
  commitV1: 3,
  repositoryV1: 5,
  refV1: 6,
  issuer: 8,
  buildSigner: 9,
  runner: 11,
  sourceRepository: 12,
  commit: 13,
  ref: 14,
  repositoryId: 15,
  owner: 16,
  ownerId: 17,
  buildConfig: 18,
  trigger: 20,
  run: 21,
} as const;

const issuers: ReadonlyMap<string, NonNullable<Identity["issuerName"]>> = new Map([
  ["https://token.actions.githubusercontent.com", "github"],
  ["https://gitlab.com", "gitlab"],
  ["https://agent.buildkite.com", "buildkite"],
  ["https://accounts.google.com", "google"],
]);
/** CircleCI's issuer ends in the organisation's id. */
const circleci = /^https:\/\/oidc\.circleci\.com\/org\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const forges: ReadonlyMap<Identity["issuerName"], { host: string; separator: string }> = new Map([
  ["github", { host: "https://github.com/", separator: "/" }],
  ["gitlab", { host: "https://gitlab.com/", separator: "//" }],
]);

/** Context-specific tags of GeneralName (RFC 5280 §4.2.1.6). */
const rfc822Name = 0x01;
const uri = 0x06;

/**
 * Who a verified certificate names. Only the certificate is read: what a statement or an index says of its builder
 * is never an identity. A part that an unknown issuer does not state stays null.
 */
export function identityOf(certificate: X509Certificate): Identity {
  const extensions = extensionsOf(certificate);
  const text = (number: number): string | null => fulcioText(extensions, number);
  const issuer = text(oid.issuer) ?? text(oid.issuerV1) ?? "";
  const issuerName = issuers.get(issuer) ?? (circleci.test(issuer) ? "circleci" : null);
  const { san, email } = nameOf(extensions);
  const repositoryUri = text(oid.sourceRepository) ?? legacyRepositoryUri(issuerName, text(oid.repositoryV1));
  const ref = text(oid.ref) ?? text(oid.refV1);
  const commit = text(oid.commit) ?? text(oid.commitV1);
  const config = text(oid.buildConfig);
  const workflow = workflowPath(issuerName, repositoryUri, config ?? (email === null ? san : null), [
    ref,
    commit,
  ]);
  return {
    issuerName,
    issuer,
    san,
    repository: slugOf(issuerName, repositoryUri) ?? text(oid.repositoryV1),
    repositoryUri,
    repositoryId: text(oid.repositoryId),
    owner: slugOf(issuerName, text(oid.owner)),
    ownerId: text(oid.ownerId),
    workflow,
    buildConfigUri: config,
    workflowFrom: workflow === null ? null : config === null ? "san" : "build-config",
    signer: text(oid.buildSigner),
    ref,
    commit,
    event: text(oid.trigger) ?? text(oid.triggerV1),
    runner: text(oid.runner),
    runUrl: text(oid.run),
    email,
  };
}

/** The only subject alternative name; of kinds other than address and e-mail its text is shown without meaning. */
function nameOf(extensions: Extensions): { san: string; email: string | null } {
  const name = extensions.get("2.5.29.17")?.content.subs[0]?.subs[0];
  const san = name === undefined ? "" : (utf8(name.value) ?? "");
  if (name?.tag.isContextSpecific(rfc822Name) === true) return { san, email: san };
  return { san: name?.tag.isContextSpecific(uri) === true ? san : "", email: null };
}

/** `owner/repo` of an address on the issuer's own forge; any other address as it stands. */
function slugOf(issuerName: Identity["issuerName"], address: string | null): string | null {
  const host = forges.get(issuerName)?.host;
  return address !== null && host !== undefined && address.startsWith(host)
    ? address.slice(host.length)
    : address;
}

/** Before .12 GitHub's certificates named the repository as `owner/repo`. */
const legacyRepositoryUri = (issuerName: Identity["issuerName"], slug: string | null): string | null =>
  issuerName === "github" && slug !== null ? `https://github.com/${slug}` : null;

/**
 * Path of the workflow within its repository: what stands between the repository and `@ref` or `@commit`. Null where
 * the address is not of that shape, so that no other text is taken for a path.
 */
function workflowPath(
  issuerName: Identity["issuerName"],
  repositoryUri: string | null,
  address: string | null,
  revisions: readonly (string | null)[],
): string | null {
  const separator = forges.get(issuerName)?.separator;
  if (separator === undefined || repositoryUri === null || address === null) return null;
  const prefix = repositoryUri + separator;
  const suffix = revisions
    .map((revision) => `@${revision ?? ""}`)
    .find((end) => end !== "@" && address.endsWith(end));
  if (!address.startsWith(prefix) || suffix === undefined) return null;
  const path = address.slice(prefix.length, address.length - suffix.length);
  return path === "" ? null : path;
}
