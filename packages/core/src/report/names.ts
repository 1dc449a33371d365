import type { Position } from "../position.ts";
import { parsePurl } from "../purl.ts";
import type { Chain } from "./chains.ts";

/** `name@version` of a purl of a known ecosystem, else the purl as it stands. Still foreign text. */
export function shortName(purl: string): string {
  const parsed = parsePurl(purl);
  return parsed === null ? purl : `${parsed.name}@${parsed.version}`;
}

/** `package-lock.json:12`: what editors and terminals open. Still foreign text. */
export const place = (at: Position): string => `${at.path}:${at.line}`;

/** `app@1.0.0 > … > express@4.18.2`: who brings the package in; null when nobody does. Still foreign text. */
export function chainText({ packages, omitted }: Chain): string | null {
  if (packages.length === 0) return null;
  const [root, ...rest] = packages.map(shortName);
  return [root as string, ...(omitted > 0 ? [`(${omitted} more)`] : []), ...rest].join(" > ");
}
