import { read } from "node:fs";
import { promisify } from "node:util";
import { SignerError } from "@countersign/core";
import type { SignerContext } from "./signer-context.ts";

const most = 4096;
const readSome = promisify(read);

/**
 * The passphrase of a key: from the file descriptor that was given, to its end and without the line break there, or
 * from the person at the terminal.
 */
export async function passphraseOf(name: string, context: SignerContext): Promise<string> {
  if (context.passphraseFd !== null) return readDescriptor(context.passphraseFd, context.signal);
  const typed = await context.askPassphrase(`Passphrase of ${name}: `);
  context.signal.throwIfAborted();
  if (typed === null)
    throw new SignerError(
      `${name} is encrypted, and no passphrase was given`,
      "give --passphrase-fd N, such as --passphrase-fd 3 3<passphrase.txt",
    );
  return typed;
}

/** The descriptor stays open: it is whoever opened it that closes it. */
async function readDescriptor(descriptor: number, signal: AbortSignal): Promise<string> {
  const buffer = Buffer.alloc(most + 1);
  let size = 0;
  try {
    for (;;) {
      const { bytesRead } = await readSome(descriptor, buffer, size, buffer.length - size, null);
      signal.throwIfAborted();
      size += bytesRead;
      if (size > most)
        throw new SignerError(`the passphrase has more than ${most} bytes`, "give only the passphrase");
      if (bytesRead === 0) return buffer.toString("utf8", 0, size).replace(/\r?\n$/, "");
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SignerError || !(error instanceof Error && "code" in error)) throw error;
    throw new SignerError(
      `file descriptor ${descriptor} cannot be read: ${String(error.code)}`,
      `open it for us: --passphrase-fd ${descriptor} ${descriptor}<passphrase.txt`,
    );
  }
}
