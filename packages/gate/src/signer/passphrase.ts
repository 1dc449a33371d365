import { read } from "node:fs";
import { promisify } from "node:util";
import { SignerError } from "@countersign/core";
import type { SignerContext } from "./signer-context.ts";

const most = 4096;
const readSome = promisify(read);

/**
 * The passphrase of a key: the next line of the file descriptor that was given, or from the person at the terminal.
 */
export async function passphraseOf(name: string, context: SignerContext): Promise<string> {
  if (context.passphraseFd !== null) return nextLine(name, context.passphraseFd, context.signal);
  const typed = await context.askPassphrase(`Passphrase of ${name}: `);
  context.signal.throwIfAborted();
  if (typed === null)
    throw new SignerError(
      `${name} is encrypted, and no passphrase was given`,
      "give --passphrase-fd N, such as --passphrase-fd 3 3<passphrase.txt",
    );
  return typed;
}

/** Reads no further than the line, so that the next key finds its own. Whoever opened the descriptor closes it. */
async function nextLine(name: string, descriptor: number, signal: AbortSignal): Promise<string> {
  const line = Buffer.alloc(most + 1);
  for (let size = 0; size <= most; size += 1) {
    const isEnd = (await readByte(descriptor, line, size, signal)) === 0;
    if (isEnd && size === 0)
      throw new SignerError(
        `file descriptor ${descriptor} has no line for ${name}`,
        "give one for each encrypted key, in the order in which they are named",
      );
    if (isEnd || line[size] === 0x0a) return line.toString("utf8", 0, size).replace(/\r$/, "");
  }
  throw new SignerError(`the passphrase has more than ${most} bytes`, "give only the passphrase");
}

async function readByte(
  descriptor: number,
  into: Buffer,
  offset: number,
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await readSome(descriptor, into, offset, 1, null)).bytesRead;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new SignerError(
      `no passphrase can be read from file descriptor ${descriptor}`,
      `open it: --passphrase-fd ${descriptor} ${descriptor}<passphrase.txt`,
    );
  } finally {
    signal.throwIfAborted();
  }
}
