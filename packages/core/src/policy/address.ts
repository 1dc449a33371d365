/**
 * Registry, index and file-host addresses as they are compared: scheme, lower-case host, port, path with a trailing
 * slash. https only, plain http on loopback; no credentials, query or fragment.
 */
export function normaliseAddress(text: string): string | null {
  const url = text.length <= 2048 && !/[\s\\]/.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== "" || url.password !== "" || /[?#]/.test(text)) return null;
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) return null;
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

/** Whether a file's address lies under an address that {@link normaliseAddress} made: same origin and path prefix. */
export function liesUnder(file: string, address: string): boolean {
  const url = URL.canParse(file) ? new URL(file) : null;
  if (url === null || url.username !== "" || url.password !== "" || /%2f|%5c|%2e/i.test(url.pathname))
    return false;
  return `${url.origin}${url.pathname}`.startsWith(address);
}

/** `https://host:port/` of an address; null when it is none. */
export function originOf(address: string): string | null {
  return URL.canParse(address) ? `${new URL(address).origin}/` : null;
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
