/** What the address of a package's tarball on an npm registry says by itself. */
export type NpmTarballUrl = {
  /** The registry's address, with its path prefix and a trailing slash. */
  registry: string;
  name: string;
  version: string;
  /** Host and port. */
  host: string;
};

/** Semantic Versioning 2.0.0 as npm registries store it: no `v`, no blanks. */
const semver =
  /^(?:0|[1-9]\d{0,15})\.(?:0|[1-9]\d{0,15})\.(?:0|[1-9]\d{0,15})(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** Whether a text is an exact version that an npm registry can hold. */
export const isNpmVersion = (text: string): boolean => text.length <= 256 && semver.test(text);

/** Whether a text can be a package's name: one segment, or a scope and one segment; no blanks or control characters. */
export const isNpmName = (text: string): boolean =>
  text.length <= 214 &&
  /^(?:@[^/@\s\\:%]+\/)?[^/@\s\\:%]+$/.test(text) &&
  !(text.includes(".") && /(?:^|\/)\.\.?(?:$|\/)/.test(text));

/**
 * Reads `<registry>/<name>/-/<base>-<version>.tgz`, the address under which npm registries serve tarballs; the
 * scope may be repeated or its slash percent-encoded. The address is judged as it would be requested: dot
 * segments and backslashes are resolved first.
 * @returns null for any other address (credentials, queries and fragments included), which then says nothing
 * about name or version
 */
export function parseNpmTarballUrl(url: string): NpmTarballUrl | null {
  const parsed = parseHttpUrl(url);
  if (parsed === null || parsed.search !== "" || parsed.hash !== "") return null;
  const path = decode(parsed.pathname);
  const separator = path?.lastIndexOf("/-/") ?? -1;
  if (path === null || separator < 1 || !path.endsWith(".tgz")) return null;
  const segments = path.slice(1, separator).split("/");
  const base = segments.pop() as string;
  const scope = segments.at(-1)?.startsWith("@") === true ? `${segments.pop() as string}/` : "";
  const name = scope + base;
  const file = path.slice(separator + 3, -".tgz".length);
  const stem = [`${base}-`, `${name}-`].find((prefix) => file.startsWith(prefix));
  if (stem === undefined || !isNpmName(name)) return null;
  const version = file.slice(stem.length);
  if (!isNpmVersion(version)) return null;
  const prefix = segments.length === 0 ? "" : `${segments.join("/")}/`;
  return { registry: `${parsed.protocol}//${parsed.host}/${prefix}`, name, version, host: parsed.host };
}

/** An absolute http(s) address without credentials, resolved as a request would; null for anything else. */
export function parseHttpUrl(url: string): URL | null {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return null;
  const parsed = new URL(url);
  return parsed.username === "" && parsed.password === "" ? parsed : null;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
