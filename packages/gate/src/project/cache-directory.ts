import { join, posix, resolve, win32 } from "node:path";

export type CachePlace = {
  /** Absolute path that a relative `COUNTERSIGN_CACHE_DIR` counts from. */
  directory: string;
  home: string;
  variables: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
};

/**
 * Where caches lie: `COUNTERSIGN_CACHE_DIR`, else the platform's place for them. `XDG_CACHE_HOME` counts when it
 * is absolute (XDG Base Directory Specification).
 */
export function cacheDirectoryOf({ directory, home, variables, platform }: CachePlace): string {
  const own = variables["COUNTERSIGN_CACHE_DIR"] ?? "";
  if (own !== "") return resolve(directory, own);
  if (platform === "win32") {
    return win32.join(
      variables["LOCALAPPDATA"] ?? win32.join(home, "AppData", "Local"),
      "countersign",
      "Cache",
    );
  }
  const xdg = variables["XDG_CACHE_HOME"] ?? "";
  if (posix.isAbsolute(xdg)) return join(xdg, "countersign");
  return platform === "darwin"
    ? join(home, "Library", "Caches", "countersign")
    : join(home, ".cache", "countersign");
}
