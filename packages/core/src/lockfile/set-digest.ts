import { formatDigest, type Digest, sha256Of } from "../digest.ts";
import type { Artefact, LockedPackage, Markers, Source } from "./package-set.ts";

/**
 * SHA-256 over the sorted rows of the set: one JSON array of strings (RFC 8785 form) a package, one a line. Two
 * lockfiles with the same rows install the same packages, however the files are laid out.
 */
export function packageSetDigest(packages: readonly LockedPackage[]): Digest {
  const rows = packages.map(packageRow).toSorted();
  return sha256Of(rows.join("\n"));
}

/** One package as its row of the digest. */
export const packageRow = (pkg: LockedPackage): string =>
  JSON.stringify([
    pkg.purl,
    ...sourceCells(pkg.source),
    ...pkg.artefacts.map(artefactCell),
    listCell(pkg.aliases),
    listCell(pkg.requires.map(({ as, purl }) => `${as} ${purl}`)),
    markersCell(pkg.markers),
  ]);

const artefactCell = ({ form, file, url, digest, cacheKey }: Artefact): string =>
  JSON.stringify([form, file ?? "", url ?? "", digest === null ? "" : formatDigest(digest), cacheKey ?? ""]);

const listCell = (texts: readonly string[]): string =>
  texts.length === 0 ? "[]" : JSON.stringify(texts.toSorted());

/** Most packages have the same few markers, and lists that are empty. */
function markersCell({ optional, dev, peer, os, cpu, libc, expression }: Markers): string {
  if (os.length > 0 || cpu.length > 0 || libc.length > 0 || expression !== null)
    return JSON.stringify([optional, dev, peer, os, cpu, libc, expression]);
  return `[${optional},${dev},${peer},[],[],[],null]`;
}

function sourceCells(source: Source): string[] {
  switch (source.kind) {
    case "registry":
      return ["registry", source.ecosystem, source.registry ?? ""];
    case "url":
      return ["url", source.url];
    case "git":
      return ["git", source.url, source.commit];
    case "path":
      return ["path", source.path, String(source.workspace)];
    case "bundled":
      return ["bundled", source.in];
  }
}
