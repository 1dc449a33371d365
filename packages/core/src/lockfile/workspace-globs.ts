/** Tells whether a folder of the project is a declared workspace. */
export type WorkspaceGlobs = (folder: string) => boolean;

const maximumPatterns = 256;
const maximumLength = 1024;

/**
 * Reads the `workspaces` of a package.json: paths in which `*` and `?` stay within one segment and `**` spans any,
 * `!` takes folders out again, the last pattern that matches counts. Other glob syntax matches nothing, so a folder
 * that only it declares is reported rather than trusted.
 * @returns null when there are more or longer patterns than a project has
 */
export function workspaceGlobs(patterns: readonly string[]): WorkspaceGlobs | null {
  if (patterns.length > maximumPatterns || patterns.some(({ length }) => length > maximumLength)) return null;
  const parsed = patterns.map((pattern) => {
    const negated = pattern.startsWith("!");
    const path = pattern.slice(negated ? 1 : 0).replace(/^\.?\/+/, "");
    return { negated, segments: path.split("/").filter((segment) => segment !== "") };
  });
  return (folder) => {
    const segments = folder.split("/");
    let declared = false;
    for (const pattern of parsed) {
      if (declared === pattern.negated && matchSegments(pattern.segments, segments))
        declared = !pattern.negated;
    }
    return declared;
  };
}

const matchSegments = (pattern: readonly string[], folder: readonly string[]): boolean =>
  matchRuns(pattern, folder, "**", matchSegment);

const matchSegment = (pattern: string, segment: string): boolean =>
  matchRuns([...pattern], [...segment], "*", (wanted, found) => wanted === "?" || wanted === found);

/** Wildcard matching that only ever steps back to the last wildcard: quadratic at worst, over bounded lengths. */
function matchRuns(
  pattern: readonly string[],
  items: readonly string[],
  any: string,
  same: (wanted: string, found: string) => boolean,
): boolean {
  let wanted = 0;
  let found = 0;
  let wildcard = -1;
  let resumed = 0;
  while (found < items.length) {
    if (pattern[wanted] === any) {
      wildcard = wanted;
      resumed = found;
      wanted += 1;
    } else if (wanted < pattern.length && same(pattern[wanted] as string, items[found] as string)) {
      wanted += 1;
      found += 1;
    } else if (wildcard !== -1) {
      resumed += 1;
      wanted = wildcard + 1;
      found = resumed;
    } else return false;
  }
  while (pattern[wanted] === any) wanted += 1;
  return wanted === pattern.length;
}
