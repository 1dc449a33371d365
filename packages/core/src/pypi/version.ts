/**
 * A PEP 440 version. Numbers are decimal strings without leading zeros, for versions built from dates or hashes
 * exceed what a double holds.
 */
export type Version = {
  epoch: string;
  /** As written, trailing zeros included; they do not count in comparisons. */
  release: readonly string[];
  pre: { phase: "a" | "b" | "rc"; number: string } | null;
  post: string | null;
  dev: string | null;
  local: readonly string[];
};

/** No real version comes near; it bounds what a hostile one can cost. */
const maximum = 256;

const pattern: RegExp = new RegExp(
  [
    "^v?",
    "(?:([0-9]+)!)?",
    "([0-9]+(?:\\.[0-9]+)*)",
    "(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?",
    "(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?",
    "(?:[-_.]?(dev)[-_.]?([0-9]+)?)?",
    "(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$",
  ].join(""),
  "i",
);

const phases: Readonly<Record<string, "a" | "b" | "rc">> = {
  a: "a",
  alpha: "a",
  b: "b",
  beta: "b",
  c: "rc",
  rc: "rc",
  pre: "rc",
  preview: "rc",
};

/** Reads a version as PEP 440 appendix B does, white space around it and alternative spellings included; else null. */
export function parseVersion(text: string): Version | null {
  const match = text.length <= maximum ? pattern.exec(text.trim()) : null;
  if (match === null) return null;
  const [
    ,
    epoch,
    release,
    preLetter,
    preNumber,
    implicitPost,
    postLetter,
    postNumber,
    dev,
    devNumber,
    local,
  ] = match;
  return {
    epoch: decimal(epoch),
    release: (release as string).split(".").map(decimal),
    pre:
      preLetter === undefined
        ? null
        : { phase: phases[preLetter.toLowerCase()] ?? "rc", number: decimal(preNumber) },
    post:
      implicitPost !== undefined
        ? decimal(implicitPost)
        : postLetter !== undefined
          ? decimal(postNumber)
          : null,
    dev: dev === undefined ? null : decimal(devNumber),
    local: local === undefined ? [] : local.toLowerCase().split(/[-_.]/).map(localPart),
  };
}

/** The normal form of PEP 440, trailing zeros kept as written: `v1.0-ALPHA.1` becomes `1.0a1`; null when it is none. */
export function normaliseVersion(text: string): string | null {
  const version = parseVersion(text);
  return version === null ? null : formatVersion(version);
}

/** Whether two texts are versions and equal under PEP 440: `1.0` equals `1.0.0`, `1.0` does not equal `1.0+local`. */
export function sameVersion(a: string, b: string): boolean {
  const left = parseVersion(a);
  const right = parseVersion(b);
  return left !== null && right !== null && compareVersions(left, right) === 0;
}

/** Order of PEP 440 § "Summary of permitted suffixes and relative ordering": negative, zero or positive. */
export function compareVersions(a: Version, b: Version): number {
  return (
    compareDecimals(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    comparePre(a, b) ||
    compareMissingFirst(a.post, b.post) ||
    compareMissingLast(a.dev, b.dev) ||
    compareLocals(a.local, b.local)
  );
}

/** One text for all equal versions: the normal form without trailing zeros in the release. Only for comparing. */
export function versionKey(version: Version): string {
  return formatVersion({ ...version, release: withoutTrailingZeros(version.release) });
}

function formatVersion({ epoch, release, pre, post, dev, local }: Version): string {
  return [
    epoch === "0" ? "" : `${epoch}!`,
    release.join("."),
    pre === null ? "" : `${pre.phase}${pre.number}`,
    post === null ? "" : `.post${post}`,
    dev === null ? "" : `.dev${dev}`,
    local.length === 0 ? "" : `+${local.join(".")}`,
  ].join("");
}

const isDecimal = (text: string): boolean => /^[0-9]+$/.test(text);
const decimal = (digits: string | undefined): string => (digits ?? "").replace(/^0+(?=[0-9])/, "") || "0";
const localPart = (part: string): string => (isDecimal(part) ? decimal(part) : part);

function withoutTrailingZeros(release: readonly string[]): readonly string[] {
  const last = release.findLastIndex((part) => part !== "0");
  return release.slice(0, Math.max(last, 0) + 1);
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compareDecimals = (a: string, b: string): number => a.length - b.length || compareTexts(a, b);

function compareReleases(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const order = compareDecimals(a[index] ?? "0", b[index] ?? "0");
    if (order !== 0) return order;
  }
  return 0;
}

// A development release of the final version sorts before its pre-releases; any other final version after them.
function comparePre(a: Version, b: Version): number {
  const [left, right] = [a, b].map(({ pre, post, dev }) =>
    pre !== null ? 1 : post === null && dev !== null ? 0 : 2,
  ) as [number, number];
  if (left !== right || a.pre === null || b.pre === null) return left - right;
  return compareTexts(a.pre.phase, b.pre.phase) || compareDecimals(a.pre.number, b.pre.number);
}

const compareMissingFirst = (a: string | null, b: string | null): number =>
  a === null || b === null ? Number(a !== null) - Number(b !== null) : compareDecimals(a, b);
const compareMissingLast = (a: string | null, b: string | null): number =>
  a === null || b === null ? Number(a === null) - Number(b === null) : compareDecimals(a, b);

// Numbers sort above words, and a longer local version above its own prefix.
function compareLocals(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const left = a[index];
    const right = b[index];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const numbers = Number(isDecimal(left)) - Number(isDecimal(right));
    const order = numbers || (isDecimal(left) ? compareDecimals(left, right) : compareTexts(left, right));
    if (order !== 0) return order;
  }
  return 0;
}
