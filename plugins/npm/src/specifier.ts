/** Where a specifier of npm's command line points, told by its form alone. */
export type SpecifierKind = "registry" | "git" | "url" | "path";

const git = /^(?:git(?:\+[a-z]+)?:|github:|gitlab:|bitbucket:|gist:|sourcehut:|ssh:)/i;
const path = /^(?:\.{1,2}(?:[\\/]|$)|[\\/]|~[\\/]|file:|[a-z]:[\\/])|^(?!.*:\/\/).*\.(?:tgz|tar\.gz|tar)$/i;

/** Kind of `name`, `name@range`, `alias@npm:name@range`, `owner/repository`, an address or a path. */
export function specifierKind(specifier: string): SpecifierKind {
  if (/^https?:/i.test(specifier)) return /\.git(?:#|$)/.test(specifier) ? "git" : "url";
  if (git.test(specifier)) return "git";
  if (path.test(specifier)) return "path";
  const name = nameOf(specifier);
  if (name === null) return "git";
  const rest = specifier.slice(name.length + 1);
  if (rest === "" || !/[:/]|\.(?:tgz|tar\.gz|tar)$/i.test(rest)) return "registry";
  return rest.startsWith("npm:") ? specifierKind(rest.slice("npm:".length)) : specifierKind(rest);
}

/** The name before the range, or the alias; null where there is none (`owner/repository`). */
export function nameOf(specifier: string): string | null {
  const match = /^(@[^/@\s]+\/[^/@\s]+|[^@/\s:]+)(?:@|$)/.exec(specifier);
  return match?.[1] ?? null;
}

/** The range, tag or alias after the name; `latest`, as npm takes it, where there is none. */
export function rangeOf(specifier: string): string {
  const rest = specifier.slice((nameOf(specifier) ?? specifier).length + 1);
  return rest === "" ? "latest" : rest;
}
