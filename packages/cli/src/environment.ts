import { join, posix, resolve, win32 } from "node:path";
import { visible } from "@countersign/core";
import { publicGoodRepository, type Environment } from "@countersign/gate";
import type { Host } from "./host.ts";

/** What gate's flow is given of a host. */
export function environmentOf(host: Host): Environment {
  const { version, home, variables, platform, cpu, signal, terminal } = host;
  const cacheDirectory = cacheDirectoryOf(host);
  return {
    version,
    now: host.now(),
    home,
    cacheDirectory,
    storeDirectory: cacheDirectory,
    variables,
    platform,
    cpu,
    signal,
    repository: host.repository ?? publicGoodRepository,
    progress: (text) => terminal.progress(text === null ? null : visible(text)),
  };
}

/**
 * Where caches lie: `COUNTERSIGN_CACHE_DIR`, else the platform's place for them. `XDG_CACHE_HOME` counts when it
 * is absolute (XDG Base Directory Specification).
 */
export function cacheDirectoryOf({ directory, home, variables, platform }: Host): string {
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
