import { spawnSync } from "node:child_process";
import process from "node:process";
import type { SignerContext } from "../src/signer/signer-context.ts";

/** A context in which nobody sits at a terminal and no variable is set but `PATH`. */
export const signerContext = (directory: string, changes: Partial<SignerContext> = {}): SignerContext => ({
  directory,
  project: directory,
  home: directory,
  platform: process.platform,
  variables: { PATH: process.env["PATH"] },
  now: Date.now,
  signal: new AbortController().signal,
  askPassphrase: async () => null,
  passphraseFd: null,
  tell: () => {},
  openBrowser: null,
  ...changes,
});

/** Why a test of a program cannot run here; null: it can. */
export const toolMissing = (name: string, ...args: readonly string[]): string | null =>
  spawnSync(name, args, { stdio: "ignore" }).error === undefined ? null : `${name} is not installed`;
