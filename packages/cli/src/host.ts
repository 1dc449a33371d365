import { homedir } from "node:os";
import process from "node:process";
import type { Instant } from "@countersign/core";
import type { TufRepository } from "@countersign/gate";
import { openTerminal, type Terminal } from "./terminal.ts";

/** The machine, the moment and the person's terminal: all that a command knows of the world besides files. */
export type Host = {
  version: string;
  /** Absolute path of the working directory. */
  directory: string;
  home: string;
  variables: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  cpu: string;
  now(): Instant;
  terminal: Terminal;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Where the sigstore root is followed from; null: the repository that the library embeds. */
  repository: (() => TufRepository) | null;
  /** Absolute path of the hooks that `init` copies into a project; null: those of this program's own package. */
  hooks: string | null;
};

/** The real one. The first Ctrl-C cancels the run, a second one ends the process. */
export function openHost(version: string): Host {
  const cancelled = new AbortController();
  process.once("SIGINT", () => cancelled.abort());
  return {
    version,
    directory: process.cwd(),
    home: homedir(),
    variables: process.env,
    platform: process.platform,
    cpu: process.arch,
    now: Date.now,
    terminal: openTerminal(cancelled.signal),
    signal: cancelled.signal,
    repository: null,
    hooks: null,
  };
}
