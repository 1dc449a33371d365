import { visible, type Finding } from "@countersign/core";
import { CommandError } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";
import { json } from "./render.ts";
import { MistakesError } from "./mistakes.ts";

const schema = "countersign/failure/1";

/** `countersign/failure/1`: what a command that was asked for JSON prints instead of its answer. */
type Failure = {
  schema: typeof schema;
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

/** Of a command line that is none. */
export function usageFailure(message: string): string {
  const why = message.replace(/^error: /, "");
  const failure: Failure = { schema, exitCode: 2, errors: [{ code: null, at: null, why, fix: "" }] };
  return json(failure);
}

/**
 * Says why a command came to no answer.
 * @returns its exit code
 */
export function showFailure(
  error: unknown,
  { terminal, asJson, debug }: { terminal: Terminal; asJson: boolean; debug: boolean },
): number {
  const failure = failureOf(error);
  if (asJson) terminal.out(json(failure));
  terminal.err(error instanceof MistakesError ? error.text : textOf(failure, error, debug));
  if (debug && error instanceof Error) terminal.err(`${linesOf(error.stack ?? "").join("\n")}\n`);
  return failure.exitCode;
}

function failureOf(error: unknown): Failure {
  if (error instanceof MistakesError) {
    const errors = error.mistakes.map(({ code, at, why, fix }) => ({ code, at, why, fix }));
    return { schema, exitCode: error.exitCode, errors };
  }
  const one = (why: string, fix: string): Failure["errors"] => [{ code: null, at: null, why, fix }];
  if (error instanceof CommandError)
    return { schema, exitCode: error.exitCode, errors: one(error.message, error.fix) };
  const message = error instanceof Error ? error.message : String(error);
  const again = "run it again with --debug, and report what that shows";
  return { schema, exitCode: 2, errors: one(`something unexpected happened: ${message}`, again) };
}

function textOf({ errors }: Failure, error: unknown, debug: boolean): string {
  const isExpected = error instanceof CommandError;
  return errors
    .map(({ why, fix }) => {
      const lines = fix === "" || (debug && !isExpected) ? [] : [`  fix: ${linesOf(fix).join("\n       ")}`];
      return `${[`countersign: ${visible(why)}`, ...lines].join("\n")}\n`;
    })
    .join("");
}

const linesOf = (text: string): string[] => text.split("\n").map((line) => visible(line));
