import { readdirSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, posix } from "node:path";
import { closureBytes, type Digest, type Resource, sha256Of } from "@countersign/core";
import { sealedClosureOf } from "../closure/closure.ts";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { readBoundedSync, type BoundedRead } from "../project/bounded-file.ts";
import { repositoryRoot } from "../project/repository.ts";
import { subjectPath } from "./repository.ts";

const maximumFiles = 20_000;
/** Of all files together. */
const maximumBytes = 256 * 1024 * 1024;

/** What one run has read for one lockfile: each file once, however many seals name it. */
export type ReadSoFar = { digests: Map<string, Digest | null>; bytes: number };
export const nothingRead = (): ReadSoFar => ({ digests: new Map(), bytes: 0 });

export type ClosurePlace = {
  /** Absolute path of the project as it lies in its repository. */
  origin: string;
  /** Absolute path where its files are read: the same, or a copy of it. */
  directory: string;
  /** Absolute path of the directory with `.countersign`. */
  home: string;
  file: DiscoveredLockfile;
  /** Whether the repository has a file that an install makes; by its path from the project. */
  isTracked: (name: string) => boolean;
  readSoFar: ReadSoFar;
};

/** Stands for what nobody can read as a file of the repository. No seal is made over it. */
export const unreadable: Digest = sha256Of(Buffer.from("unreadable"));

/**
 * The closure of a lockfile as it stands, sorted by name: what always belongs to it, and of the given names those that
 * are there, with all that their workspaces could have besides. Names count from the repository's root, so that a seal
 * holds wherever a command is started. Files are read at once, and each only once however many seals name it; what lies
 * outside of the repository, or is no file, counts as unreadable and never by foreign content.
 * @param further names that a trusted signer sealed: files of workspaces, patches
 */
export function closureResources(place: ClosurePlace, further: readonly string[]): Resource[] {
  const { origin, directory, home, file, isTracked, readSoFar } = place;
  const { files, folders, tracked = [], above = [], workspace, ours, hooks } = sealedClosureOf(file.manager);
  const base = posix.dirname(file.path);
  const own = (name: string): string => posix.join(base, name);
  const repository = new RepositoryFiles(origin, directory, home);
  const fixed = [
    ...files.map(own).filter((name) => name !== file.path),
    ...tracked.map(own).filter(isTracked),
    ...folders.flatMap((folder) => filesBelow(directory, own(folder))),
  ].map((name) => repository.nameOf(name));
  const sealed = further.filter(isInside);
  const names = new Set([
    ...fixed,
    ...foldersAbove(origin, file.path).flatMap((folder) =>
      above.map((name) => posix.join(folder.name, name)),
    ),
    ...sealed,
    ...workspaceFiles(sealed, workspace),
    ...[...ours, ...filesBelow(home, hooks)].map((name) => repository.homeNameOf(name)),
  ]);
  const { digests } = readSoFar;
  const fresh = [...names].filter((name) => !digests.has(name)).length;
  if (digests.size + fresh > maximumFiles)
    return [{ name: `(more than ${maximumFiles} files)`, digest: unreadable }];
  const resources: Resource[] = [];
  for (const name of [...names].toSorted()) {
    let digest = digests.get(name);
    if (digest === undefined) {
      digest = digestOf(name, repository, readSoFar);
      digests.set(name, digest);
    }
    if (digest !== null) resources.push({ name, digest });
  }
  return resources;
}

/** What a workspace did not have when it was sealed, and what a change could put there. */
function workspaceFiles(sealed: readonly string[], names: readonly string[]): string[] {
  const known = new Set(names);
  const folders = new Set(
    sealed.filter((name) => known.has(posix.basename(name))).map((name) => posix.dirname(name)),
  );
  return [...folders].flatMap((folder) => names.map((name) => posix.join(folder, name)));
}

/** A folder of the repository: as names in seals have it, "." for the root, and as it is called on disk. */
type Folder = { name: string; path: string };

/** Folders above the one of a lockfile, up to the repository's root, which is the last. */
export function foldersAbove(origin: string, lockfile: string): Folder[] {
  const root = realpathSync.native(repositoryRoot(origin));
  const folders: Folder[] = [];
  let name = posix.join(subjectPath(origin, ""), posix.dirname(lockfile));
  let path = join(realpathSync.native(origin), posix.dirname(lockfile));
  while (path !== root && name !== ".") {
    name = posix.dirname(name);
    path = dirname(path);
    folders.push({ name, path });
  }
  return folders;
}

/** Where the files of a closure lie, by their names in the repository. */
class RepositoryFiles {
  readonly #project: string;
  readonly #home: string;
  /** The first that a name is below has the file. */
  readonly #folders: readonly (Folder & { within: string })[];

  constructor(origin: string, directory: string, home: string) {
    const root = repositoryRoot(origin);
    this.#project = subjectPath(origin, "") || ".";
    this.#home = subjectPath(home, "") || ".";
    this.#folders = [
      { name: posix.join(this.#home, ".countersign"), path: join(home, ".countersign"), within: root },
      { name: this.#project, path: directory, within: directory === origin ? root : directory },
      ...foldersAbove(origin, "lockfile").map((folder) => ({ ...folder, within: root })),
    ];
  }

  nameOf(path: string): string {
    return posix.join(this.#project, path);
  }

  homeNameOf(path: string): string {
    return posix.join(this.#home, path);
  }

  read(name: string, maximum: number): BoundedRead {
    for (const folder of this.#folders) {
      const rest = below(folder.name, name);
      if (rest !== null) return readBoundedSync(join(folder.path, rest), maximum, folder.within);
    }
    return { state: "missing" };
  }
}

/** The rest of a path below a folder; null where it is not below. */
function below(folder: string, path: string): string | null {
  if (folder === ".") return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : null;
}

function digestOf(name: string, repository: RepositoryFiles, readSoFar: ReadSoFar): Digest | null {
  const read = repository.read(name, maximumBytes - readSoFar.bytes);
  if (read.state === "missing") return null;
  if (read.state === "failed") return unreadable;
  readSoFar.bytes += read.bytes.length;
  const bytes = closureBytes(posix.basename(name), read.bytes);
  // Tokens that a machine adds make no difference, so neither does a file that holds nothing else.
  const isEmpty = Buffer.from(bytes).toString("latin1").trim() === "";
  return posix.basename(name) === ".npmrc" && isEmpty ? null : sha256Of(bytes);
}

const isInside = (name: string): boolean => {
  const normal = posix.normalize(name);
  return name !== "" && normal === name && !isAbsolute(name) && normal !== ".." && !normal.startsWith("../");
};

function filesBelow(directory: string, folder: string): string[] {
  try {
    return readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) =>
        posix.join(
          folder,
          entry.parentPath.slice(join(directory, folder).length).replaceAll("\\", "/").replace(/^\//, ""),
          entry.name,
        ),
      );
  } catch {
    return [];
  }
}
