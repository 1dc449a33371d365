import type { Digest } from "@countersign/core";
import { defaultTarballLimits, type TarballLimits } from "./limits.ts";
import { digestOf, unpack, type Missing } from "./npm-tarball.ts";

/**
 * The digest of the tar inside a tarball, which pnpm locks with `integrityTarget: tar`.
 * @param algorithm that of the locked digest
 */
export async function unpackedTarDigest(
  tarball: Uint8Array,
  algorithm: Digest["algorithm"],
  limits: TarballLimits = defaultTarballLimits,
): Promise<{ state: "found"; digest: Digest } | Missing> {
  const unpacked = await unpack(tarball, limits);
  return unpacked.state === "found"
    ? { state: "found", digest: digestOf(unpacked.tar, algorithm) }
    : unpacked;
}
