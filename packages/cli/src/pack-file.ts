import { visible } from "@countersign/core";
import { packLimits, readPack, type EvidencePack } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { readNamed } from "./files.ts";
import type { Host } from "./host.ts";

/**
 * Reads a pack that a person named.
 * @throws CommandError, exit code 1, where it is not of its shape
 */
export async function readPackFile(
  host: Host,
  path: string,
): Promise<{ pack: EvidencePack; sha256: string }> {
  const read = readPack(path, await readNamed(host, path, packLimits.bytes));
  if (!read.ok) throw new CommandError(`${path}: ${visible(read.finding.why)}`, read.finding.fix, 1);
  return read;
}
