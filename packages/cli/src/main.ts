import { CommanderError } from "commander";
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
  if (command !== null) return gated(command, host);
  let exitCode = 0;
  const program = createProgram(host, (code) => void (exitCode = code), args[0]);
  try {
    await program.parseAsync([...args], { from: "user" });
    return host.signal.aborted ? cancelled(host) : exitCode;
  } catch (error) {
    if (host.signal.aborted) return cancelled(host);
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return failed(error, host, args);
  }
}

async function gated(command: WrappedCommand, host: Host): Promise<number> {
  try {
    const { wrap } = await import("./wrap.ts");
    return await wrap(host, command);
  } catch (error) {
    if (host.signal.aborted) return cancelled(host);
    return failed(error, host, command.options);
  }
}

function cancelled({ terminal }: Host): number {
  terminal.progress(null);
  terminal.err("countersign: cancelled\n");
  return 130;
}

async function failed(error: unknown, { terminal }: Host, args: readonly string[]): Promise<number> {
  terminal.progress(null);
  const { showFailure, wantsJson } = await import("./failure.ts");
  return showFailure(error, { terminal, asJson: wantsJson(args), debug: args.includes("--debug") });
}
