import { isNpmName } from "./npm-tarball-url.ts";

/** Folders deep: far beyond any tree that npm writes, and what keeps each look-up short. */
const maximumSegments = 192;
const maximumLength = 4096;

/** A key of `packages`, taken apart: the folder of the project, then the names of the nested `node_modules`. */
export type PackageLocation = { folder: string; names: readonly string[] };

/**
 * Reads a location such as `packages/a/node_modules/@scope/b`. Only leading `..` segments may leave the project;
 * anything that a file system would resolve to another place is not a location.
 */
export function parsePackageLocation(key: string): PackageLocation | null {
  if (key === "") return { folder: "", names: [] };
  const segments = key.length <= maximumLength && !key.includes("\\") ? key.split("/") : [];
  if (segments.length === 0 || segments.length > maximumSegments) return null;
  const first = segments.indexOf("node_modules");
  const folder = first === -1 ? segments : segments.slice(0, first);
  if (!folder.every((segment, index) => isFolder(segment, folder[index - 1]))) return null;
  const names: string[] = [];
  for (let index = first; index !== -1 && index < segments.length; index += 1) {
    if (segments[index] !== "node_modules") return null;
    index += 1;
    let name = segments[index] ?? "";
    if (name.startsWith("@")) {
      index += 1;
      name = `${name}/${segments[index] ?? ""}`;
    }
    if (!isNpmName(name)) return null;
    names.push(name);
  }
  return { folder: folder.join("/"), names };
}

const isFolder = (segment: string, before: string | undefined): boolean =>
  segment === ".."
    ? before === undefined || before === ".."
    : segment !== "" && segment !== "." && !segment.includes(":");

export const isOutside = (folder: string): boolean => folder === ".." || folder.startsWith("../");

/** One folder in which a package lies, and the packages in its `node_modules`. */
export type Place<T> = { parent: Place<T> | null; children: Map<string, Place<T>> | null; entry: T | null };

/** The folders of a lockfile as a tree, in which a name is resolved as Node.js does. */
export class PackageTree<T> {
  readonly #folders: Map<string, Place<T>> = new Map([["", emptyPlace<T>(null)]]);

  /** The place of a location, made with all that enclose it when it is not there yet. */
  add({ folder, names }: PackageLocation): Place<T> {
    let place = childOf(this.#folders, folder, null);
    for (const name of names) place = childOf((place.children ??= new Map()), name, place);
    return place;
  }

  /** Puts each folder of the project below the nearest one that encloses it; folders outside enclose nothing. */
  settle(): void {
    for (const [folder, place] of this.#folders) {
      if (folder === "" || isOutside(folder)) continue;
      let enclosing = folder;
      do enclosing = enclosing.slice(0, Math.max(enclosing.lastIndexOf("/"), 0));
      while (!this.#folders.has(enclosing));
      place.parent = this.#folders.get(enclosing) ?? null;
    }
  }

  folder(path: string): Place<T> | null {
    return this.#folders.get(path) ?? null;
  }
}

/** The entry that `name` means to a package lying at `place`: the nearest `node_modules` that has it. */
export function resolveFrom<T>(place: Place<T>, name: string): T | null {
  for (let here: Place<T> | null = place; here !== null; here = here.parent) {
    const entry = here.children?.get(name)?.entry ?? null;
    if (entry !== null) return entry;
  }
  return null;
}

function childOf<T>(places: Map<string, Place<T>>, name: string, parent: Place<T> | null): Place<T> {
  const known = places.get(name);
  if (known !== undefined) return known;
  const place = emptyPlace<T>(parent);
  places.set(name, place);
  return place;
}

const emptyPlace = <T>(parent: Place<T> | null): Place<T> => ({ parent, children: null, entry: null });
