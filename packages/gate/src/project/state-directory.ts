import { join, posix, win32 } from "node:path";
import type { CachePlace } from "./cache-directory.ts";

export type StatePlace = Omit<CachePlace, "directory">;

/**
 * Where this machine remembers what it has verified: the platform's place for state that is no cache and is not to be
 * lost. `XDG_STATE_HOME` counts when it is absolute (XDG Base Directory Specification). No variable of ours moves it:
 * what is remembered is what rollbacks are held against.
 */
export function stateDirectoryOf({ home, variables, platform }: StatePlace): string {
  if (platform === "win32")
    return win32.join(
      variables["LOCALAPPDATA"] ?? win32.join(home, "AppData", "Local"),
      "countersign",
      "State",
    );
  const xdg = variables["XDG_STATE_HOME"] ?? "";
  if (posix.isAbsolute(xdg)) return join(xdg, "countersign");
  return platform === "darwin"
    ? join(home, "Library", "Application Support", "countersign")
    : join(home, ".local", "state", "countersign");
}
