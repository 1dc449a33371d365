import type { Digest } from "@countersign/core";
import { defaultTarballLimits, type TarballLimits } from "./limits.ts";
import { digestOf, listTarball, type Missing } from "./npm-tarball.ts";
import { storedZipDigest } from "./zip-archive.ts";
import { zipLayout, type ZipEntry } from "./zip-layout.ts";

/** What Yarn's compression holds in memory several times over, in one WebAssembly heap. */
const mostCompressed = 256 * 1024 * 1024;
const changed = 456_789_000;

export type ZipDigest = { state: "found"; digest: Digest } | Missing;
type Level = "mixed" | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/**
 * The compression that a cache key of Yarn 4 stands for: `10c0` (its default) to `10c9`, `10` for `mixed`.
 * @returns null for those of other versions, whose archives have other bytes
 */
export function compressionOf(cacheKey: string): Level | null {
  const match = /^10(?:c(\d))?$/.exec(cacheKey);
  if (match === null) return null;
  return match[1] === undefined ? "mixed" : (Number(match[1]) as Level);
}

/**
 * The digest of the zip that Yarn Berry makes of a tarball, which is what its lockfile has for a package.
 * @param name the package's own name, never an alias
 * @param cacheKey the part of the lockfile's checksum before the slash
 */
export async function yarnZipDigest(
  tarball: Uint8Array,
  name: string,
  cacheKey: string,
  limits: TarballLimits = defaultTarballLimits,
): Promise<ZipDigest> {
  const level = compressionOf(cacheKey);
  if (level === null) return unbound(`Yarn's cache format ${cacheKey.slice(0, 40)} cannot be made here`);
  const listed = await listTarball(tarball, limits);
  if (listed.state !== "found") return listed;
  const layout = zipLayout(listed.entries, `node_modules/${name}`, limits.entries);
  if (typeof layout === "string") return unbound(layout);
  const digest =
    level === 0 || layout.length === 0 ? storedZipDigest(layout) : await compressedZipDigest(layout, level);
  return digest === null ? unbound("it is too large to convert") : { state: "found", digest };
}

/** Yarn's own writer: its deflate (zlib-ng) gives other bytes than Node's. */
async function compressedZipDigest(layout: readonly ZipEntry[], level: Level): Promise<Digest | null> {
  const total = layout.reduce((sum, { content }) => sum + (content?.byteLength ?? 0), 0);
  if (total > mostCompressed) return null;
  // 200 KB of WebAssembly that only projects which compress their cache need.
  const { ZipFS } = await import("@yarnpkg/libzip");
  const zip = new ZipFS(null, { level });
  type ZipPath = Parameters<typeof zip.mkdirSync>[0];
  for (const { path, content, executable } of layout) {
    const at = `/${path}` as ZipPath;
    if (content === null) zip.mkdirSync(at, { mode: 0o755 });
    else
      zip.writeFileSync(at, Buffer.from(content.buffer, content.byteOffset, content.byteLength), {
        mode: executable ? 0o755 : 0o644,
      });
    zip.utimesSync(at, changed, changed);
  }
  return digestOf(zip.getBufferAndClose(), "sha512");
}

const unbound = (detail: string): Missing => ({
  state: "unavailable",
  code: "artefact/digest-unbound",
  detail,
});
