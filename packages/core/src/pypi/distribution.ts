import { normaliseProjectName } from "../purl.ts";
import { normaliseVersion, sameVersion } from "./version.ts";

/**
 * The tags of a wheel: every combination of the three lists (PEP 425, "compressed tag sets"). Two wheels have the
 * same set exactly when all three lists agree, so the product, which an attacker could make huge, is never
 * written out. Each list is sorted, without duplicates, in lower case.
 */
export type WheelTags = { python: readonly string[]; abi: readonly string[]; platform: readonly string[] };

/** What the name of a Python distribution file says. Project names are normalised (PEP 503), versions too (PEP 440). */
export type Distribution =
  | { form: "wheel"; project: string; version: string; build: string | null; tags: WheelTags }
  | { form: "sdist"; project: string; version: string };

/** Longest file name of common file systems; nothing longer can be downloaded to one. */
const maximum = 255;

const sdistExtensions = [".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar"];
const projectName: RegExp = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i;

/** Whether a text is a project name at all (PEP 508 § Names). */
export const isProjectName = (name: string): boolean => name.length <= maximum && projectName.test(name);

/**
 * Reads the name of a wheel (PEP 427) or sdist (PEP 625, and the older extensions and spellings); null for any other
 * name. A dash in an old sdist's name is ambiguous: the last one is taken as the separator, as `packaging` does.
 * Where the project and version are known, {@link matchesProject} decides.
 */
export function parseDistributionFilename(file: string): Distribution | null {
  if (file.length > maximum || !/^[A-Za-z0-9._+!-]+$/.test(file)) return null;
  if (file.endsWith(".whl")) return parseWheel(file.slice(0, -".whl".length));
  const stem = sdistStem(file);
  if (stem === null) return null;
  const dash = stem.lastIndexOf("-");
  const project = stem.slice(0, Math.max(dash, 0));
  const version = normaliseVersion(stem.slice(dash + 1));
  if (version === null || !isProjectName(project)) return null;
  return { form: "sdist", project: normaliseProjectName(project), version };
}

/**
 * Whether two file names are of one distribution: normalised project, version, and for wheels build tag and tag set
 * are equal. Sdists compare without their extension, compressed tags in any order. A name that is neither equals
 * nothing, itself included.
 */
export function sameDistribution(a: string, b: string): boolean {
  const left = parseDistributionFilename(a);
  const right = parseDistributionFilename(b);
  if (left === null || right === null || left.project !== right.project) return false;
  if (!sameVersion(left.version, right.version)) return false;
  if (left.form === "sdist" || right.form === "sdist") return left.form === right.form;
  return left.build === right.build && sameTags(left.tags, right.tags);
}

/**
 * Whether a file name is one of this project and version. Exact also for old sdists whose project or version holds
 * dashes (`my-pkg-1.0-1.tar.gz`): some dash must separate exactly the two known halves.
 */
export function matchesProject(file: string, name: string, version: string): boolean {
  const project = normaliseProjectName(name);
  const parsed = parseDistributionFilename(file);
  if (parsed?.project === project && (parsed.version === version || sameVersion(parsed.version, version)))
    return true;
  const stem = file.length > maximum ? null : sdistStem(file);
  if (stem === null) return false;
  for (let dash = stem.indexOf("-"); dash !== -1; dash = stem.indexOf("-", dash + 1)) {
    const left = stem.slice(0, dash);
    if (
      isProjectName(left) &&
      normaliseProjectName(left) === project &&
      sameVersion(stem.slice(dash + 1), version)
    ) {
      return true;
    }
  }
  return false;
}

const sameTags = (a: WheelTags, b: WheelTags): boolean =>
  sameList(a.python, b.python) && sameList(a.abi, b.abi) && sameList(a.platform, b.platform);

function parseWheel(stem: string): Distribution | null {
  const parts = stem.split("-");
  if (parts.length !== 5 && parts.length !== 6) return null;
  const [project, versionPart] = parts as [string, string];
  const version = normaliseVersion(versionPart);
  const build = parts.length === 6 ? parseBuild(parts[2] as string) : null;
  const [python, abi, platform] = parts.slice(-3).map(tagList) as [TagList, TagList, TagList];
  if (version === null || build === "" || !isProjectName(project) || project.includes("__")) return null;
  if (python === null || abi === null || platform === null) return null;
  return {
    form: "wheel",
    project: normaliseProjectName(project),
    version,
    build,
    tags: { python, abi, platform },
  };
}

type TagList = readonly string[] | null;

function tagList(part: string): TagList {
  const lower = part.toLowerCase();
  const tags = lower.includes(".") ? [...new Set(lower.split("."))].toSorted() : [lower];
  return tags.every((tag) => /^[a-z0-9_]+$/.test(tag)) ? tags : null;
}

/** Leading zeros of the number do not count (PEP 427 sorts it as a number); "" when it is no build tag. */
function parseBuild(part: string): string {
  const match = /^0*([0-9]+)([A-Za-z0-9_.]*)$/.exec(part);
  return match === null ? "" : `${match[1]}${match[2]}`;
}

function sdistStem(file: string): string | null {
  const extension = sdistExtensions.find((candidate) => file.endsWith(candidate));
  return extension === undefined ? null : file.slice(0, -extension.length);
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
