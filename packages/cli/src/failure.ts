import { CommanderError } from "commander";
import { visible, type Finding } from "@countersign/core";
import { CommandError } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";
import { json } from "./render.ts";
import { MistakesError } from "./mistakes.ts";

/** `countersign/failure/1`: what a command that was asked for JSON prints instead of its answer. */
type Failure = {
  schema: "countersign/failure/1";
  exitCode: number;
  errors: { code: string | null; at: Finding["at"] | null; why: string; fix: string }[];
};

/** Whether a command line asks for JSON, one that cannot be parsed too. */
export function wantsJson(args: readonly string[]): boolean {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  return (
    own.includes("--json") ||
    own.includes("--format=json") ||
    own.some((word, index) => word === "--format" && own[index + 1] === "json")
  );
}

/**
 * Says why a command came to no answer.
 * @returns its exit code
 */
export function showFailure(
  error: unknown,
  { terminal, asJson, debug }: { terminal: Terminal; asJson: boolean; debug: boolean },
): number {
  const { exitCode, errors, text } = failureOf(error, debug);
  if (asJson) terminal.out(json({ schema: "countersign/failure/1", exitCode, errors } satisfies Failure));
  terminal.err(text);
  if (debug && error instanceof Error && !(error instanceof CommanderError))
    terminal.err(`${linesOf(error.stack ?? "").join("\n")}\n`);
  return exitCode;
}

/** @returns with what is still to be said to people */
function failureOf(error: unknown, debug: boolean): Omit<Failure, "schema"> & { text: string } {
  if (error instanceof MistakesError) {
    const errors = error.mistakes.map(({ code, at, why, fix }) => ({ code, at, why, fix }));
    return { exitCode: error.exitCode, errors, text: error.text };
  }
  // Commander has said it already.
  if (error instanceof CommanderError)
    return { exitCode: 2, errors: [oneError(error.message.replace(/^error: /, ""), "")], text: "" };
  if (error instanceof CommandError) {
    const { message, fix, exitCode } = error;
    return { exitCode, errors: [oneError(message, fix)], text: textOf(message, fix) };
  }
  const why = `something unexpected happened: ${error instanceof Error ? error.message : String(error)}`;
  const fix = "run it again with --debug, and report what that shows";
  return { exitCode: 2, errors: [oneError(why, fix)], text: textOf(why, debug ? "" : fix) };
}

const oneError = (why: string, fix: string): Failure["errors"][number] => ({
  code: null,
  at: null,
  why,
  fix,
});

const textOf = (why: string, fix: string): string =>
  `countersign: ${visible(why)}\n${fix === "" ? "" : `  fix: ${linesOf(fix).join("\n       ")}\n`}`;

const linesOf = (text: string): string[] => text.split("\n").map((line) => visible(line));
