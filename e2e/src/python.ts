import { spawnSync } from "node:child_process";
import { dirname } from "node:path";

let directory: string | null = null;

/** Directory of the real interpreter behind `python3`, which may be a shim that wants the user's home. */
export function pythonDirectory(): string {
  if (directory === null) {
    const program = "import os, sys; print(os.path.realpath(sys.executable))";
    const { status, stdout } = spawnSync("python3", ["-c", program], { encoding: "utf8" });
    directory = status === 0 ? dirname(stdout.trim()) : "/usr/bin";
  }
  return directory;
}
