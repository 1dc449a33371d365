import { join } from "node:path";
import { plain } from "@countersign/core";
import type { TufRepository } from "@countersign/gate";
import type { Host } from "../src/host.ts";
import { main } from "../src/main.ts";

/** What a command line came to, in a process of its own making: nothing of this machine's user is read. */
export type Ran = { exitCode: number; out: string; err: string };

export type Setting = {
  /** Working directory. */
  directory: string;
  /** Below it lie home and caches. */
  scratch: string;
  variables?: Readonly<Record<string, string>>;
  repository?: () => TufRepository;
  signal?: AbortSignal;
  width?: number;
  platform?: NodeJS.Platform;
  /** Where the hooks lie that init copies. */
  hooks?: string;
  /** What the person at the terminal says; without it nobody sits there. */
  answer?: boolean;
};

export function hostOf(setting: Setting): { host: Host; written: { out: string; err: string } } {
  const written = { out: "", err: "" };
  const host: Host = {
    version: "0.0.0-test",
    directory: setting.directory,
    home: join(setting.scratch, "home"),
    variables: { COUNTERSIGN_CACHE_DIR: join(setting.scratch, "cache"), ...setting.variables },
    platform: setting.platform ?? "linux",
    cpu: "x64",
    now: Date.now,
    terminal: {
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      progress: () => {},
      palette: () => plain,
      width: () => setting.width ?? 80,
      confirm: setting.answer === undefined ? null : async () => setting.answer === true,
    },
    signal: setting.signal ?? new AbortController().signal,
    repository: setting.repository ?? null,
    hooks: setting.hooks ?? null,
  };
  return { host, written };
}

/** Runs a command line as the executable would. */
export async function run(setting: Setting, ...args: readonly string[]): Promise<Ran> {
  const { host, written } = hostOf(setting);
  const exitCode = await main(args, host.version, host);
  return { exitCode, ...written };
}
