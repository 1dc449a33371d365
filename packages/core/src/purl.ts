/**
 * Package URLs (ECMA-427) of the three ecosystems. A purl names a package and version and nothing else:
 * qualifiers and subpaths are not part of identity here and are refused on reading.
 */
export type Ecosystem = "npm" | "pypi" | "jsr";
export type PackageName = { ecosystem: Ecosystem; name: string; version: string };

const maximum = 1024;

/** `pkg:npm/%40scope/name@1.0.0`, without the version where none is locked. PyPI names are normalised (PEP 503). */
export function formatPurl({ ecosystem, name, version }: PackageName): string {
  const normal = ecosystem === "pypi" ? normaliseProjectName(name) : name;
  const suffix = version === "" ? "" : `@${encode(version)}`;
  return `pkg:${ecosystem}/${normal.split("/").map(encode).join("/")}${suffix}`;
}

/** Reads a purl of a known ecosystem with a version; null for anything else. */
export function parsePurl(text: string): PackageName | null {
  const match = text.length <= maximum ? /^pkg:(npm|pypi|jsr)\/([^?#@]+)@([^?#@/]+)$/.exec(text) : null;
  if (match === null) return null;
  const name = decode(match[2] as string);
  const version = decode(match[3] as string);
  if (name === null || version === null) return null;
  return { ecosystem: match[1] as Ecosystem, name, version };
}

/** PEP 503: lower case, runs of `-`, `_` and `.` become one `-`. */
export const normaliseProjectName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, "-");

const encode = (part: string): string => encodeURIComponent(part).replaceAll("%3A", ":");

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
