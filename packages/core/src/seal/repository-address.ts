/**
 * A repository's address as claims and trust stores name it: `https://host/owner/repo`, whether it was cloned with
 * https, ssh or git's `user@host:path`. Host in lower case; no user, port of ssh, `git+`, `.git` or slash at the end.
 * null for a path, a file or what is no address.
 */
export function repositoryAddress(remote: string): string | null {
  const text = remote.trim().replace(/^git\+/, "");
  if (text.length > 2048 || /[\s\\?#]/.test(text)) return null;
  const scp = text.includes("://") ? null : /^(?:[\w.-]+@)?([\w.-]{2,}):([^/].*)$/.exec(text);
  const address = scp === null ? text : `ssh://${scp[1]}/${scp[2]}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !["https:", "http:", "ssh:", "git:"].includes(url.protocol)) return null;
  const web = url.protocol === "https:" || url.protocol === "http:";
  const path = url.pathname.replace(/\/+$/, "").replace(/\.git$/, "");
  const host = (web ? url.host : url.hostname).toLowerCase();
  if (path === "" || host === "") return null;
  return `${url.protocol === "http:" ? "http" : "https"}://${host}${path}`;
}
