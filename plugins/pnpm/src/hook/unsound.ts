/** A version of Node.js or pnpm in which this hook cannot hold. */
export type Unsound = { why: string; fix: string };

/**
 * pnpm 12.0 to 12.15: until 12.8 a plugin's hooks do not run during an install, and until 12.16 an error of
 * `preResolution` stops nothing.
 * @param userAgent `pnpm/12.3.0 npm/? …`
 */
export function unsoundPnpm(userAgent: unknown): Unsound | null {
  const [, major, minor] = /^pnpm\/(\d+)\.(\d+)\./.exec(typeof userAgent === "string" ? userAgent : "") ?? [];
  if (major !== "12" || Number(minor) >= 16) return null;
  return {
    why: `pnpm 12.${minor} ignores what its hooks refuse, so nothing was verified.`,
    fix: "Use pnpm 12.16 or newer.",
  };
}

/** @param version as in `process.versions.node` */
export function unsoundNode(version: string): Unsound | null {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const enough =
    major >= 26 ||
    (major === 24 && minor >= 15) ||
    (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));
  if (enough) return null;
  return {
    why: `Node.js ${version} is not one that Countersign runs on, so nothing was verified.`,
    fix: "Use Node.js 22.22.2, 24.15 or 26, or newer.",
  };
}
