import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { shellWord, SignerError, visible } from "@countersign/core";
import { systemSays } from "../project/bounded-file.ts";
import type { SignerContext } from "./signer-context.ts";

/** Keys, secrets and tokens are a few KiB. */
const most = 64 * 1024;

/**
 * Reads a file that holds a secret. As ssh does, it refuses one that others than its owner can read: a key that was
 * readable is a key that may be known.
 * @param refuse throws where the bytes are no secret, whoever can read them
 */
export async function readPrivateFile(
  path: string,
  { directory, platform }: SignerContext,
  refuse: (bytes: Buffer) => void = () => {},
): Promise<Buffer> {
  return readSmallFile(resolve(directory, path), path, platform !== "win32", refuse);
}

/** Reads a small file that is no secret: a public key, a configuration. */
export const readPublicFile = (path: string, { directory }: SignerContext): Promise<Buffer> =>
  readSmallFile(resolve(directory, path), path, false, () => {});

async function readSmallFile(
  absolute: string,
  shown: string,
  owned: boolean,
  refuse: (bytes: Buffer) => void,
): Promise<Buffer> {
  const name = visible(shown);
  try {
    const file = await open(absolute, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const status = await file.stat();
      if (!status.isFile()) throw new SignerError(`${name} is no regular file`, "name a key's file");
      if (status.size > most)
        throw new SignerError(`${name} has ${status.size} bytes: that is no key`, "name a key's file");
      const bytes = await file.readFile();
      refuse(bytes);
      if (owned && (status.mode & 0o077) !== 0) {
        const mode = (status.mode & 0o777).toString(8).padStart(4, "0");
        throw new SignerError(
          `${name} can be read by others than its owner (mode ${mode}): replace it if anyone may have copied it`,
          `chmod 600 ${wordOf(shown)}`,
        );
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SignerError || !(error instanceof Error && "code" in error)) throw error;
    const reason = error.code === "ENOENT" ? "there is no such file" : systemSays(error);
    throw new SignerError(`${name} cannot be read: ${reason}`, "correct the path");
  }
}

/** A path for a command that a person pastes. */
export const wordOf = (path: string): string => visible(shellWord(path));
