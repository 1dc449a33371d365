import { createHash } from "node:crypto";
import { digestFromHex, formatDigest, type Digest } from "../digest.ts";
import type { LockedPackage, Source } from "./package-set.ts";

/**
 * SHA-256 over the sorted rows of the set: one JSON array of strings (RFC 8785 form) a package, one a line. Two
 * lockfiles with the same rows install the same packages, however the files are laid out.
 */
export function packageSetDigest(packages: readonly LockedPackage[]): Digest {
  const rows = packages.map(row).toSorted();
  const hex = createHash("sha256").update(rows.join("\n")).digest("hex");
  return digestFromHex("sha256", hex) as Digest;
}

const row = (pkg: LockedPackage): string =>
  JSON.stringify([
    pkg.purl,
    ...sourceCells(pkg.source),
    ...pkg.artefacts.map((artefact) =>
      JSON.stringify([
        artefact.form,
        artefact.file ?? "",
        artefact.url ?? "",
        artefact.digest === null ? "" : formatDigest(artefact.digest),
        artefact.cacheKey ?? "",
      ]),
    ),
    JSON.stringify(pkg.aliases.toSorted()),
    JSON.stringify(pkg.requires.map(({ as, purl }) => `${as} ${purl}`).toSorted()),
    JSON.stringify([
      pkg.markers.optional,
      pkg.markers.dev,
      pkg.markers.peer,
      pkg.markers.os,
      pkg.markers.cpu,
      pkg.markers.libc,
      pkg.markers.expression,
    ]),
  ]);

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
