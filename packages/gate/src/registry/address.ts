import { normaliseAddress } from "@countersign/core";

/** A registry's address in the one form that is compared: core's. */
export { normaliseAddress as normaliseRegistry } from "@countersign/core";

/** `.` or `..` as a path segment, also where its separators are encoded: a server may decode them before it resolves. */
const climbs = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:\/|%2f|%5c|$)/i;

/**
 * Reads an address that may be connected to: what core accepts as an address, and a query.
 * @returns null for anything else
 */
export function parseAddress(text: string): URL | null {
  const query = text.indexOf("?");
  const place = query === -1 ? text : text.slice(0, query);
  if (text.length > 4096 || text.includes("#") || normaliseAddress(place) === null) return null;
  const url = new URL(text);
  return climbs.test(url.pathname) ? null : url;
}

/** `registry.example/npm`: host and path without the scheme, as the sigstore root names key targets. */
export function hostAndPath(registry: string): string {
  const url = new URL(registry);
  return (url.host + url.pathname).replace(/\/$/, "");
}

/**
 * Whether an address lies below a prefix: same scheme, host and port, and whole path segments. Unlike core's
 * `liesUnder`, which judges what a lockfile names, it takes the `%2f` of a scoped name that we wrote ourselves.
 */
export function liesBelow(address: string, prefix: string): boolean {
  const url = parseAddress(address);
  const base = normaliseAddress(prefix);
  return url !== null && base !== null && `${url.origin}${url.pathname}/`.startsWith(base);
}
