import process from "node:process";
import { StringDecoder } from "node:string_decoder";
import { interrupt } from "./interrupt.ts";

/** The parts of a terminal that a passphrase is typed at; `setRawMode` turns echo and line editing off. */
export type Keyboard = NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Where a passphrase is typed, and what Ctrl-C does there. */
export type Desk = {
  input: Keyboard;
  output: NodeJS.WritableStream & { isTTY?: boolean };
  interrupt(): void;
};

const ownDesk = (): Desk => ({ input: process.stdin, output: process.stderr, interrupt });

/** Longest passphrase, in characters. */
const most = 4096;

/**
 * Asks for a passphrase on stderr without showing what is typed. Return ends it; backspace and Ctrl-U correct it;
 * Ctrl-D and the end of input give up, and Ctrl-C cancels the run besides.
 * @returns null where nobody sits at a terminal or they gave up
 */
export async function askPassphrase(
  prompt: string,
  signal: AbortSignal,
  desk: Desk = ownDesk(),
): Promise<string | null> {
  const { input, output } = desk;
  if (input.isTTY !== true || output.isTTY !== true || input.setRawMode === undefined) return null;
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const decoder = new StringDecoder("utf8");
  let typed: string[] = [];
  const read = (chunk: Buffer): void => {
    for (const character of decoder.write(chunk)) {
      if (character === "\r" || character === "\n") return resolve(typed.join(""));
      if (character === "\u0003") desk.interrupt();
      if (character === "\u0003" || character === "\u0004") return resolve(null);
      if (character === "\u007f" || character === "\b") typed.pop();
      else if (character === "\u0015") typed = [];
      else if (typed.length < most) typed.push(character);
    }
  };
  const giveUp = (): void => resolve(null);
  input.setRawMode(true);
  try {
    // Echo is off before the person is asked.
    output.write(prompt);
    input.on("data", read).on("end", giveUp).resume();
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    return await promise;
  } finally {
    signal.removeEventListener("abort", giveUp);
    input.removeListener("data", read).removeListener("end", giveUp).pause();
    input.setRawMode(false);
    output.write("\n");
  }
}
