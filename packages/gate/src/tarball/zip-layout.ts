import { strippedPath } from "./npm-tarball.ts";
import type { TarEntry } from "./tar-archive.ts";

/** One member of a zip, by its path without leading or trailing slash. */
export type ZipEntry = { path: string; content: Uint8Array | null; executable: boolean };

/** Deep paths name every folder above them: a small archive can name a great many. */
const mostNameBytes = 64 * 1024 * 1024;

/**
 * What Yarn Berry puts into the zip of a package, in its order: first the folders above the package, then each member
 * as the tarball has it, preceded by the folders that it is the first to need. A file that comes twice keeps its
 * first place and takes the last content.
 * @param prefix `node_modules/<name>`
 * @returns why there is no such zip: Yarn itself would fail, or the archive has links, whose targets decide where
 * later members go
 */
export function zipLayout(
  entries: readonly TarEntry[],
  prefix: string,
  maximum: number,
): readonly ZipEntry[] | string {
  const layout = new Map<string, ZipEntry>();
  let nameBytes = 0;
  const ensureFolders = (path: string): string | null => {
    const missing: string[] = [];
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const folder = path.slice(0, slash);
      const known = layout.get(folder);
      if (known?.content === null) break;
      if (known !== undefined) return folder;
      missing.push(folder);
      nameBytes += folder.length;
    }
    for (const folder of missing.toReversed())
      layout.set(folder, { path: folder, content: null, executable: true });
    return null;
  };
  for (const { kind, path: written, executable, content } of entries) {
    const stripped = strippedPath(written);
    if (stripped === null) continue;
    if (kind === "symlink") return "it has symbolic links";
    if (kind !== "file" && kind !== "directory") continue;
    const path = `${prefix}/${stripped}`;
    const blocking = ensureFolders(path);
    if (blocking !== null) return `${blocking} is a file and a folder`;
    const known = layout.get(path);
    if (kind === "directory" && known !== undefined) return `${path} comes twice`;
    if (kind === "file" && known?.content === null) return `${path} is a file and a folder`;
    layout.set(path, {
      path,
      content: kind === "directory" ? null : content,
      executable: kind === "directory" || executable,
    });
    nameBytes += path.length;
    if (nameBytes > mostNameBytes) return "its paths are too long";
    if (layout.size > maximum) return `it has more than ${maximum} entries`;
  }
  return [...layout.values()];
}
