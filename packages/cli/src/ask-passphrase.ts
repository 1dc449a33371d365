import process from "node:process";
import { StringDecoder } from "node:string_decoder";

/** The parts of a terminal that a passphrase is typed at; `setRawMode` turns echo and line editing off. */
export type Keyboard = NodeJS.ReadableStream & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Longest passphrase, in characters. */
const most = 4096;

/**
 * Asks for a passphrase on stderr without showing what is typed. Return ends it; backspace and Ctrl-U correct it;
 * Ctrl-C, Ctrl-D and the end of input give up.
 * @returns null where nobody sits at a terminal or they gave up
 */
export async function askPassphrase(
  prompt: string,
  signal: AbortSignal,
  input: Keyboard = process.stdin,
  output: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr,
): Promise<string | null> {
  if (input.isTTY !== true || output.isTTY !== true || input.setRawMode === undefined) return null;
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const decoder = new StringDecoder("utf8");
  let typed: string[] = [];
  const read = (chunk: Buffer): void => {
    for (const character of decoder.write(chunk)) {
      if (character === "\r" || character === "\n") return resolve(typed.join(""));
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
