import type { Effect } from "../finding.ts";
import type { LockedPackage, Source } from "../lockfile/package-set.ts";
import { parsePurl, type Ecosystem } from "../purl.ts";
import { liesUnder, normaliseAddress, originOf } from "./address.ts";
import type { DecisionContext } from "./context.ts";
import { byText, type Candidate } from "./finding-list.ts";
import { exceptionLines, highestPath, type FixContext } from "./fixes.ts";
import { matchNames } from "./glob.ts";
import type { Policy, RegistryRule } from "./policy.ts";

/** `deny` blocks, `warn` warns; null for what is allowed. */
const effectOf = { allow: null, warn: "warn", deny: "block" } as const;

/** Whether a package may come from where the lockfile says: kind of source, registry, exclusive names, file hosts. */
export function checkSource(pkg: LockedPackage, context: DecisionContext, fix: FixContext): Candidate[] {
  const { source } = pkg;
  switch (source.kind) {
    case "registry":
      return checkRegistry(pkg, source, context, fix);
    case "git":
      return [...checkGit(pkg, source, fix), ...checkScope(pkg, null, fix)];
    case "url":
      return [...checkUrl(pkg, source, fix), ...checkScope(pkg, null, fix)];
    case "path":
      return checkPath(pkg, source, fix);
    case "bundled":
      return checkBundled(pkg, source, context, fix);
  }
}

/** A git source is bound by its commit alone, so an abbreviated or symbolic one is refused whatever is allowed. */
function checkGit(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "git" }>,
  { policy, now }: FixContext,
): Candidate[] {
  const full = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(source.commit);
  const effect: Effect | null = full ? effectOf[policy.sources.git] : "block";
  if (effect === null) return [];
  const { purl, at } = pkg;
  const requiredBy = label(policy, "sources.git");
  if (!full) {
    const why = `${pkg.name} comes from git at ${JSON.stringify(source.commit)}, which is not a full commit: it can change.`;
    return [{ code: "source/git", effect, purl, at, why, fix: "Lock the full commit.", requiredBy }];
  }
  const binding = { algorithm: "gitCommit" as const, hex: source.commit };
  const why = `${pkg.name} comes from git (${source.url}): no registry vouches for it.`;
  const lines = exceptionLines(purl, binding, "source/git", now);
  const text = `Take it from a registry. To accept this commit, add to ${highestPath(policy)}:\n${lines}`;
  return [{ code: "source/git", effect, purl, at, why, fix: text, requiredBy, binding }];
}

function checkUrl(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "url" }>,
  { policy, now }: FixContext,
): Candidate[] {
  const effect = effectOf[policy.sources.url];
  if (effect === null) return [];
  const why = `${pkg.name} comes from a direct address (${source.url}): no registry vouches for it.`;
  const requiredBy = label(policy, "sources.url");
  const { purl } = pkg;
  const cure = "Take it from a registry.";
  if (pkg.artefacts.length === 0)
    return [{ code: "source/url", effect, purl, at: pkg.at, why, fix: cure, requiredBy }];
  return pkg.artefacts.map(({ digest, at }) => {
    if (digest === null) return { code: "source/url", effect, purl, at, why, fix: cure, requiredBy };
    const lines = exceptionLines(purl, digest, "source/url", now);
    const fix = `${cure} To accept these bytes, add to ${highestPath(policy)}:\n${lines}`;
    return { code: "source/url", effect, purl, digest, at, why, fix, requiredBy };
  });
}

function checkPath(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "path" }>,
  { policy }: FixContext,
): Candidate[] {
  const allowed = policy.sources.path;
  if (allowed === "allow" || (allowed === "workspace" && source.workspace)) return [];
  const outside = source.workspace ? "" : " and is no declared workspace";
  return [
    {
      code: "source/path",
      effect: "block",
      purl: pkg.purl,
      at: pkg.at,
      why: `${pkg.name} is taken from ${source.path}${outside}: nothing vouches for what lies there.`,
      fix: `Declare it as a workspace, or write in ${highestPath(policy)}: sources: { path: allow }`,
      requiredBy: label(policy, "sources.path"),
    },
  ];
}

function checkBundled(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "bundled" }>,
  context: DecisionContext,
  { policy }: FixContext,
): Candidate[] {
  const { bundled } = policy.sources;
  const inspection = context.inspected(pkg);
  if (bundled === "allow" || (bundled === "inspect" && inspection === "found")) return [];
  const requiredBy = label(policy, "sources.bundled");
  const shared = { effect: "block", purl: pkg.purl, at: pkg.at, requiredBy } as const;
  if (bundled === "deny") {
    const why = `${pkg.name} is bundled in ${source.in}: no registry vouches for it.`;
    return [
      { ...shared, code: "source/bundled", why, fix: `Lock a version of ${source.in} that bundles nothing.` },
    ];
  }
  if (inspection === "missing") {
    const why = `${pkg.name} is said to be bundled in ${source.in}, and that tarball does not hold it as locked.`;
    return [{ ...shared, code: "lockfile/bundled-missing", why, fix: "Regenerate the lockfile." }];
  }
  return [
    {
      ...shared,
      code: "lockfile/bundled-uninspected",
      why: `${pkg.name} is said to be bundled in ${source.in}; that tarball was not looked into, so the claim is unproven.`,
      fix: policy.builtIn
        ? "Run `countersign policy init`: under a policy, bundled packages are looked for in their parent's tarball."
        : `Run \`countersign verify\` again online, or write in ${highestPath(policy)}: sources: { bundled: allow }`,
    },
  ];
}

function checkRegistry(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "registry" }>,
  context: DecisionContext,
  fix: FixContext,
): Candidate[] {
  const { policy } = fix;
  const { address, configured, replaces } = context.registryOf(pkg);
  const isAddress = source.registry?.includes("://") === true;
  const isAsked = replaces === true || !isAddress || normaliseAddress(source.registry ?? "") === address;
  const named = policy.registries.filter(({ ecosystem }) => ecosystem === source.ecosystem);
  const rule = isAsked ? named.find(({ url, withdrawn }) => url === address && !withdrawn) : undefined;
  const scope = checkScope(pkg, address, fix);
  if (named.length > 0 && rule === undefined) {
    const open = named.filter(({ withdrawn }) => !withdrawn).map(({ url }) => url);
    const all = open.toSorted(byText).join(", ") || "no registry";
    const where = source.registry ?? address;
    const why = `${pkg.name} comes from ${where ?? "a registry that nobody named"}; the policy names ${all} for ${source.ecosystem}.`;
    const text = `Lock it from a registry of the policy${where === null ? "." : orNamed(where, source.ecosystem, policy)}`;
    const places = named.map((other) => place("registries", other.at)).toSorted(byText);
    return [...scope, ...perArtefact(pkg, "source/registry", why, text, [...new Set(places)].join(", "))];
  }
  if (named.length === 0 && !(configured && isAsked)) {
    const where = source.registry ?? address;
    const why = `${pkg.name} comes from ${where ?? "an unknown registry"}, which neither the policy nor the manager's configuration names.`;
    const text = `Regenerate the lockfile${where === null ? "." : orNamed(where, source.ecosystem, policy)}`;
    return [...scope, ...perArtefact(pkg, "lockfile/resolved-foreign", why, text)];
  }
  return [...scope, ...checkFiles(pkg, source, address, rule, context, fix)];
}

const orNamed = (registry: string, ecosystem: Ecosystem, policy: Policy): string =>
  `, or add to ${highestPath(policy)}: registries: [{ url: ${JSON.stringify(registry)}, ecosystem: ${ecosystem} }]`;

/**
 * An artefact lies on the host of its registry (as the lockfile names it, or as the manager's configuration replaces
 * it), or where the policy or the index's own live listing puts its files.
 */
function checkFiles(
  pkg: LockedPackage,
  source: Extract<Source, { kind: "registry" }>,
  registry: string | null,
  rule: RegistryRule | undefined,
  context: DecisionContext,
  fix: FixContext,
): Candidate[] {
  const absolute = pkg.artefacts.filter(
    (artefact) => isAbsolute(artefact.url) && context.inScope(pkg, artefact),
  );
  if (absolute.length === 0) return [];
  const hosts = [registry, context.registryOf(pkg).replaces === true ? source.registry : null];
  const own = hosts.flatMap((address) => (address === null ? [] : (originOf(address) ?? [])));
  const listed = registry === null ? null : context.filesOf(registry);
  const allowed = [...own, ...(rule?.files ?? []), ...(listed ?? [])];
  return absolute.flatMap(({ url, digest, at }): Candidate[] => {
    if (url === null || allowed.some((address) => liesUnder(url, address))) return [];
    const host = originOf(url) ?? url;
    const isOpen =
      registry === null ||
      (listed === null && source.ecosystem === "pypi" && (rule?.files ?? []).length === 0);
    const code = isOpen ? "source/files-unknown" : "lockfile/resolved-foreign";
    const why = isOpen
      ? `${pkg.name} lies on ${host}; whether ${registry ?? "its registry"} keeps its files there could not be asked.`
      : `${pkg.name} lies on ${host}, which is not where ${registry} keeps its files.`;
    const line = `files: [${JSON.stringify(host)}]`;
    const text = `${isOpen ? "Run `countersign verify` again online" : "Regenerate the lockfile"}, or add to that registry in ${highestPath(fix.policy)}: ${line}`;
    return [
      { code, effect: "block", purl: pkg.purl, ...(digest !== null && { digest }), at, why, fix: text },
    ];
  });
}

/** Anything that leads away from the registry by itself: with a scheme, or with the two slashes before a host. */
const isAbsolute = (url: string | null): boolean =>
  url !== null && /^(?:[a-z][a-z0-9+.-]*:|[/\\]{2})/i.test(url);

/** Names in a registry's `scopes` may come from nowhere else; where several registries claim one, from none. */
function checkScope(pkg: LockedPackage, address: string | null, { policy }: FixContext): Candidate[] {
  const ecosystem = parsePurl(pkg.purl)?.ecosystem;
  if (ecosystem === undefined) return [];
  return policy.registries
    .filter(
      (rule) =>
        rule.ecosystem === ecosystem && rule.url !== address && matchNames(rule.scopes, pkg.name, ecosystem),
    )
    .flatMap((rule) => {
      const why = `${pkg.name} may come only from ${rule.url}; the lockfile takes it from ${address ?? pkg.source.kind}.`;
      const fix = `Regenerate the lockfile with ${pkg.name} from ${rule.url}.`;
      return perArtefact(pkg, "source/scope", why, fix, place("scopes", rule.at));
    });
}

function perArtefact(
  pkg: LockedPackage,
  code: "source/registry" | "source/scope" | "lockfile/resolved-foreign",
  why: string,
  fix: string,
  requiredBy?: string,
): Candidate[] {
  const shared = {
    code,
    effect: "block",
    purl: pkg.purl,
    why,
    fix,
    ...(requiredBy !== undefined && { requiredBy }),
  } as const;
  const bound = pkg.artefacts.flatMap(({ digest, at }) =>
    digest === null ? [] : [{ ...shared, digest, at }],
  );
  return bound.length === 0 ? [{ ...shared, at: pkg.at }] : bound;
}

const place = (field: string, at: { path: string; line: number }): string =>
  `${field} (${at.path}:${at.line})`;

/** `sources.git (.countersign/policy.yaml:12)`, or that it is the default. */
export function label(policy: Policy, field: string): string {
  const at = policy.origins.get(field);
  return at === undefined ? `${field} (default)` : place(field, at);
}
