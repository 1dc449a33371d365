import { normaliseProjectName, type Ecosystem } from "../purl.ts";

/**
 * Patterns over `/`-separated text. Within a segment `*` stands for any run of characters but `/`; a segment that is
 * only `*` is one whole, non-empty segment. They are anchored at both ends, compare case and are no regular
 * expressions: matching is by searching for the literal parts from left to right, so there is nothing to backtrack.
 */

/** Whether one pattern covers the whole of a text, segment by segment. */
export function matchSegments(pattern: string, text: string): boolean {
  const wanted = pattern.split("/");
  const given = text.split("/");
  return (
    wanted.length === given.length &&
    wanted.every((segment, index) => matchSegment(segment, given[index] as string))
  );
}

/**
 * Whether a list of name globs covers a package name: at least one glob does and none of the `!` globs does, in
 * whatever order they stand. `**` as a whole segment is any number of segments; `@scope/name` has two segments, so
 * `*` covers `left-pad` and not `@acme/widget`. PyPI names and globs are normalised (PEP 503) first.
 */
export function matchNames(globs: readonly string[], name: string, ecosystem: Ecosystem): boolean {
  if (ecosystem !== "pypi") return matchGlobs(globs, name);
  const normal = globs.map((glob) =>
    glob.startsWith("!") ? `!${normaliseProjectName(glob.slice(1))}` : normaliseProjectName(glob),
  );
  return matchGlobs(normal, normaliseProjectName(name));
}

/** As {@link matchNames}, over any `/`-separated text: paths, refs. */
export function matchGlobs(globs: readonly string[], text: string): boolean {
  let covered = false;
  for (const glob of globs) {
    const negated = glob.startsWith("!");
    if (!matchGlob(negated ? glob.slice(1) : glob, text)) continue;
    if (negated) return false;
    covered = true;
  }
  return covered;
}

/** Why a list of name globs cannot be meant; null when it can. */
export function globProblem(globs: readonly string[]): string | null {
  for (const glob of globs) {
    const segments = glob.replace(/^!/, "").split("/");
    if (segments.includes("")) return `${JSON.stringify(glob)} has an empty segment`;
    if (segments.some((segment) => segment !== "**" && segment.includes("**"))) {
      return `${JSON.stringify(glob)} has ** beside other characters; it stands for whole segments`;
    }
    if (glob.slice(1).includes("!")) return `${JSON.stringify(glob)} has ! after its start`;
  }
  return globs.every((glob) => glob.startsWith("!"))
    ? 'only exclusions, so nothing matches; put "**" first'
    : null;
}

/** `**` is tried as short as possible and stretched from the latest one only: earlier ones never need to move. */
function matchGlob(pattern: string, text: string): boolean {
  if (pattern === "**") return true;
  const wanted = pattern.split("/");
  const given = text.split("/");
  let at = 0;
  let index = 0;
  let stretch: { at: number; index: number } | null = null;
  while (index < given.length) {
    const segment = wanted[at];
    if (segment === "**") {
      stretch = { at: at + 1, index };
      at += 1;
    } else if (segment !== undefined && matchSegment(segment, given[index] as string)) {
      at += 1;
      index += 1;
    } else if (stretch === null) {
      return false;
    } else {
      stretch = { at: stretch.at, index: stretch.index + 1 };
      ({ at, index } = stretch);
    }
  }
  return wanted.slice(at).every((segment) => segment === "**");
}

function matchSegment(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern === text;
  if (pattern === "*") return text !== "";
  const literals = pattern.split("*");
  const first = literals[0] as string;
  const last = literals[literals.length - 1] as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let from = first.length;
  for (const literal of literals.slice(1, -1)) {
    const found = text.indexOf(literal, from);
    if (found === -1 || found + literal.length > end) return false;
    from = found + literal.length;
  }
  return true;
}
