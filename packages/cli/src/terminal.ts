import { writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import type { Palette } from "@countersign/core";
import picocolors from "picocolors";
import { interrupt } from "./interrupt.ts";

/**
 * Output rules. The answer goes to stdout; when stdout carries a machine format, text for people goes to
 * stderr. Colour and progress appear only on a terminal and never where `NO_COLOR` is set. Nothing that came
 * from outside is printed before core/report has escaped it.
 */
export type Terminal = {
  out(text: string): void;
  err(text: string): void;
  /** Replaces the last progress line; does nothing when stderr is not a terminal. */
  progress(text: string | null): void;
  palette(stream: "out" | "err"): Palette;
  width(stream: "out" | "err"): number;
  /** Asks a yes-or-no question on stderr, or throws where the run is cancelled; null where nobody sits there. */
  confirm: ((question: string) => Promise<boolean>) | null;
};

export function openTerminal(signal: AbortSignal): Terminal {
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write("\r\u001B[2K");
    shown = false;
  };
  const stream = (which: "out" | "err"): NodeJS.WriteStream & { fd: number } =>
    which === "out" ? process.stdout : process.stderr;
  for (const which of ["out", "err"] as const) stream(which).on("error", onLostOutput);
  return {
    out: (text) => {
      clear();
      process.stdout.write(text);
    },
    err: (text) => {
      clear();
      process.stderr.write(text);
    },
    progress: (text) => {
      clear();
      if (text === null || !process.stderr.isTTY || process.env["CI"] !== undefined) return;
      process.stderr.write(text.slice(0, Math.max(process.stderr.columns - 1, 20)));
      shown = true;
    },
    palette: (which) => picocolors.createColors(coloured(stream(which))),
    width: (which) => Math.min(Math.max(stream(which).columns || 80, 60), 120),
    confirm: process.stdin.isTTY && process.stderr.isTTY ? (question) => confirm(question, signal) : null,
  };
}

/** Anything but a clear yes is a no, the end of input too; Ctrl-C cancels the run. */
async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const { createInterface } = await import("node:readline/promises");
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    asking.once("SIGINT", () => {
      process.stderr.write("\n");
      interrupt();
    });
    const closed = new Promise<string>((resolve) => asking.once("close", () => resolve("")));
    const answer = await Promise.race([asking.question(`${question} [y/N] `, { signal }), closed]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

/**
 * `countersign verify | head` ends the reader first: the exit code still says what was decided. Where nobody gets the
 * whole answer for another reason (a full disk), the run did not complete.
 */
function onLostOutput(error: Error): void {
  const code = "code" in error ? String(error.code) : error.message;
  if (code === "EPIPE") return;
  try {
    writeSync(2, `countersign: the output cannot be written: ${code}\n`);
  } finally {
    process.exit(2);
  }
}

function coloured(stream: NodeJS.WriteStream & { fd: number }): boolean {
  if (process.env["NO_COLOR"]) return false;
  if (process.env["FORCE_COLOR"] && process.env["FORCE_COLOR"] !== "0") return true;
  return isatty(stream.fd) && process.env["TERM"] !== "dumb";
}
