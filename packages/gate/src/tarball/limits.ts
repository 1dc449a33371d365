/** Bounds on one package's archive; whatever exceeds one is not looked into. */
export type TarballLimits = {
  /** As served. */
  compressedBytes: number;
  /** The tar itself. */
  unpackedBytes: number;
  /** Unpacked bytes for each compressed one, above {@link freeBytes}: what no honest package comes near. */
  ratio: number;
  /** Files, folders and everything else that an archive lists. */
  entries: number;
};

const MiB = 1024 * 1024;

export const defaultTarballLimits: TarballLimits = {
  compressedBytes: 256 * MiB,
  unpackedBytes: 1024 * MiB,
  ratio: 250,
  entries: 200_000,
};

/** Small archives may unpack to this much whatever the ratio: generated tables compress very well. */
export const freeBytes: number = 16 * MiB;
