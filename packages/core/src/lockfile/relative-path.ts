/**
 * Joins POSIX paths of the lockfile and resolves dot segments: `../x` and `/x` stay outside. `from` is relative
 * to the lockfile's folder, which is `.`.
 */
export function joinPath(from: string, to: string): string {
  if (to.startsWith("/") || /^[A-Za-z]:/.test(to)) return to;
  const parts: string[] = [];
  for (const part of `${from}/${to}`.replaceAll("\\", "/").split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return parts.length === 0 ? "." : parts.join("/");
}

/** Whether a path from {@link joinPath} leads out of the lockfile's folder. */
export const isOutside = (path: string): boolean =>
  path === ".." || path.startsWith("../") || path.startsWith("/") || /^[A-Za-z]:/.test(path);
