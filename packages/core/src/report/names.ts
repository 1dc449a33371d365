import type { Position } from "../position.ts";
import { parsePurl } from "../purl.ts";
import type { Chain } from "./chains.ts";

const unversioned = /^pkg:(?:npm|pypi|jsr)\/([^@]*)@?$/;

/**
 * `name@version` of a purl of a known ecosystem; a project without a version by its name or folder; else the purl
 * as it stands. Still foreign text.
 */
export function shortName(purl: string): string {
  const parsed = parsePurl(purl);
  if (parsed !== null) return `${parsed.name}@${parsed.version}`;
  const local = unversioned.exec(purl)?.[1];
  if (local === undefined) return purl;
  return local === "." ? "this project" : local;
}

/** `package-lock.json:12`: what editors and terminals open. Still foreign text. */
export const place = (at: Position): string => `${at.path}:${at.line}`;

/** `app@1.0.0 > … > express@4.18.2`: who brings the package in; null when nobody does. Still foreign text. */
export function chainText({ packages, omitted }: Chain): string | null {
  if (packages.length === 0) return null;
  const [root, ...rest] = packages.map(shortName);
  return [root as string, ...(omitted > 0 ? [`(${omitted} more)`] : []), ...rest].join(" > ");
}
