import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Digest, DigestAlgorithm } from "@countersign/core";
import { CommandError, reasonOf } from "./command-error.ts";
import type { Host } from "./host.ts";

/** Reads a file that a person named. Larger ones than `maximum` bytes are not brought into memory. */
export async function readNamed(host: Host, path: string, maximum: number): Promise<Buffer> {
  const absolute = resolve(host.directory, path);
  try {
    const { size } = await stat(absolute);
    if (size > maximum)
      throw new CommandError(`${path} has ${size} bytes; the bound is ${maximum}`, "name the right file");
    return await readFile(absolute, { signal: host.signal });
  } catch (error) {
    throw unreadable(path, error);
  }
}

const algorithms: readonly DigestAlgorithm[] = ["sha256", "sha384", "sha512"];

/** The digests of a file of any size, in one pass. */
export async function hashNamed(host: Host, path: string): Promise<Digest[]> {
  const hashes = algorithms.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }));
  try {
    await pipeline(
      createReadStream(resolve(host.directory, path)),
      async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) for (const { hash } of hashes) hash.update(chunk);
      },
      { signal: host.signal },
    );
  } catch (error) {
    throw unreadable(path, error);
  }
  return hashes.map(({ algorithm, hash }) => ({ algorithm, hex: hash.digest("hex") }));
}

/** Writes an answer where a person asked for it. */
export async function writeNamed(host: Host, path: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(resolve(host.directory, path), content);
  } catch (error) {
    throw new CommandError(
      `${path} cannot be written: ${reasonOf(error)}`,
      "name another file with --output",
    );
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof CommandError || !(error instanceof Error && "code" in error)) return error;
  return new CommandError(`${path} cannot be read: ${reasonOf(error)}`, "correct the path");
}
