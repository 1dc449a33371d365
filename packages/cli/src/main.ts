import { CommanderError } from "commander";
import { visible } from "@countersign/core";
import { CommandError } from "./command-error.ts";
import { openHost, type Host } from "./host.ts";
import { createProgram } from "./program.ts";
import { wrappedCommand, type WrappedCommand } from "./wrapped-command.ts";

/**
 * Runs one command line.
 * @param args without interpreter and script
 * @returns the exit code: 0 allowed, 1 blocked, 2 could not complete, 130 cancelled
 */
export async function main(
  args: readonly string[],
  version: string,
  host: Host = openHost(version),
): Promise<number> {
  const command = wrappedCommand(args);
  if (command !== null) return gated(command, host, args);
  let exitCode = 0;
  const program = createProgram(host, (code) => void (exitCode = code), args[0]);
  try {
    await program.parseAsync([...args], { from: "user" });
    return host.signal.aborted ? cancelled(host) : exitCode;
  } catch (error) {
    if (host.signal.aborted) return cancelled(host);
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return failed(error, host, args.includes("--debug"));
  }
}

async function gated(command: WrappedCommand, host: Host, args: readonly string[]): Promise<number> {
  try {
    const { wrap } = await import("./wrap.ts");
    return await wrap(host, command);
  } catch (error) {
    if (host.signal.aborted) return cancelled(host);
    if (error instanceof CommanderError) return 2;
    return failed(error, host, args.includes("--debug"));
  }
}

function cancelled({ terminal }: Host): number {
  terminal.progress(null);
  terminal.err("countersign: cancelled\n");
  return 130;
}

function failed(error: unknown, { terminal }: Host, debug: boolean): number {
  terminal.progress(null);
  const expected = error instanceof CommandError;
  const message = error instanceof Error ? error.message : String(error);
  terminal.err(`countersign: ${visible(expected ? message : `something unexpected happened: ${message}`)}\n`);
  const fix = expected ? error.fix : debug ? "" : "run it again with --debug, and report what that shows";
  if (fix !== "")
    terminal.err(
      `  fix: ${fix
        .split("\n")
        .map((line) => visible(line))
        .join("\n       ")}\n`,
    );
  if (debug && error instanceof Error)
    terminal.err(
      `${(error.stack ?? "")
        .split("\n")
        .map((line) => visible(line))
        .join("\n")}\n`,
    );
  return expected ? error.exitCode : 2;
}
