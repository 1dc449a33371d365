import { homedir } from "node:os";
import process from "node:process";
import { modes, visible, type Mode } from "@countersign/core";
import { modeOf } from "../policy/mode.ts";
import type { KnownTarballs, PendingLockfile, VerifyRequest } from "../run.ts";
import { mayRun } from "../wrapper/may-run.ts";
import type { Verification } from "../verify-project.ts";

export type HookRequest = {
  /** Absolute path of the project that is being installed. */
  directory: string;
  /** Absolute path of the project whose policy holds, where `directory` is none of its own. */
  policyDirectory?: string;
  /** Paths from there; [] finds them. */
  lockfiles: readonly string[];
  /** By default `current`: what this machine could install. */
  platform?: "current" | "all";
  signal: AbortSignal;
  /** The plugin's version, for the report. */
  version?: string;
  pending?: PendingLockfile;
  tarballs?: KnownTarballs;
};

export type HookResult = {
  mode: Mode;
  /** null where nothing was looked at: mode `disabled`, or something unexpected happened. */
  verification: Verification | null;
  /** 0: the install may go on, always so in `warn` and `disabled`. 1: blocked. 2: could not complete. */
  exitCode: 0 | 1 | 2;
  /** For people, 80 columns, no colours: the whole report where something blocks or would, else one line; "" in `disabled`. */
  text: string;
};

/**
 * Verifies for a hook that a package manager loaded, with this process's environment. In mode `disabled` the policy
 * is read and nothing else: what verifies is not even loaded. Never rejects.
 */
export async function runHook(request: HookRequest): Promise<HookResult> {
  const { directory, lockfiles, platform = "current", signal, version = "0.0.0" } = request;
  let mode: Mode = "strict";
  try {
    const asked = askedMode(process.env);
    const verify: VerifyRequest = {
      directory,
      policyDirectory: request.policyDirectory ?? directory,
      lockfiles,
      mode: asked.mode,
      modeFrom: "COUNTERSIGN_MODE",
      offline: false,
      base: null,
      platform,
      managedPolicy: null,
      trustedRoots: [],
      npmKeys: [],
      enforcement: "hook",
      trustRoot: null,
      ref: null,
      ...(request.pending !== undefined && { pending: request.pending }),
      ...(request.tarballs !== undefined && { tarballs: request.tarballs }),
    };
    const now = Date.now();
    mode = await modeOf(verify, { now, platform: process.platform });
    if (mode === "disabled") return { mode, verification: null, exitCode: 0, text: "" };
    const { verifyForHook } = await import("./verify-for-hook.ts");
    const { verification, text } = await verifyForHook(verify, { now, home: homedir(), signal, version });
    mode = verification.report.decision.mode;
    return {
      mode,
      verification,
      exitCode: mayRun(verification) ? 0 : verification.exitCode,
      text: `${asked.mistake}${text}`,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      mode,
      verification: null,
      exitCode: mode === "strict" ? 2 : 0,
      text: `countersign: something unexpected happened, so nothing was verified: ${visible(message)}\n`,
    };
  }
}

/** A value that is no mode may have been meant as the strictest. */
function askedMode(variables: NodeJS.ProcessEnv): { mode: Mode | null; mistake: string } {
  const value = variables["COUNTERSIGN_MODE"] ?? "";
  if (value === "") return { mode: null, mistake: "" };
  const known = modes.find((mode) => mode === value);
  if (known !== undefined) return { mode: known, mistake: "" };
  const mistake = `countersign: COUNTERSIGN_MODE is ${visible(JSON.stringify(value))}, which is no mode; strict is taken\n`;
  return { mode: "strict", mistake };
}
