import { closeSync, existsSync, fstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import type { Instant } from "@countersign/core";
import { constants, open, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";

export type BoundedRead =
  | { state: "found"; bytes: Uint8Array; modified: Instant }
  | { state: "missing" }
  | { state: "failed"; detail: string };

/**
 * Reads a file that a change under test may have put there: a pipe does not hang, a device or a huge file is not
 * read, and a symbolic link does not lead out of the project.
 * @param within directory that links may not leave; null for the user's and the system's own files
 */
export async function readBounded(
  path: string,
  maximumBytes: number,
  within: string | null,
): Promise<BoundedRead> {
  try {
    if (within !== null && !(await staysWithin(path, within))) {
      return { state: "failed", detail: "it is a symbolic link that leads out of the project" };
    }
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const status = await file.stat();
      if (!status.isFile()) return { state: "failed", detail: "it is no regular file" };
      if (status.size > maximumBytes)
        return { state: "failed", detail: `it is larger than ${maximumBytes} bytes` };
      return { state: "found", bytes: await file.readFile(), modified: Math.floor(status.mtimeMs) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return unread(error);
  }
}

/** As {@link readBounded}, at once: for many small files whose names are known late. */
export function readBoundedSync(path: string, maximumBytes: number, within: string): BoundedRead {
  let descriptor: number | null = null;
  try {
    const real = realpathSync(path);
    if (!isInside(real, realpathSync(within)))
      return { state: "failed", detail: "it is a symbolic link that leads out of the project" };
    descriptor = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const status = fstatSync(descriptor);
    if (!status.isFile()) return { state: "failed", detail: "it is no regular file" };
    if (status.size > maximumBytes)
      return { state: "failed", detail: `it is larger than ${maximumBytes} bytes` };
    return { state: "found", bytes: readFileSync(descriptor), modified: Math.floor(status.mtimeMs) };
  } catch (error) {
    return unread(error);
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function unread(error: unknown): BoundedRead {
  if (isMissing(error)) return { state: "missing" };
  return { state: "failed", detail: systemSays(error) };
}

/** Why the system refused something, in a few words. */
export const systemSays = (error: unknown): string =>
  `the system says ${error instanceof Error && "code" in error ? String(error.code) : "unknown"}`;

/** The first bytes of a regular file; null where there is none. */
export async function readHead(path: string, length: number): Promise<string | null> {
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

/**
 * Whether a file of a directory really lies there, whatever links lead to it; one that is looked at outside of it
 * (above a project) may only be no link itself. Throws where nothing is.
 */
export async function staysWithin(path: string, within: string): Promise<boolean> {
  const real = await realpath(path);
  if (isInside(resolve(path), resolve(within))) return isInside(real, await realpath(within));
  return real === join(await realpath(dirname(path)), basename(path));
}

/** Whether a path is a directory or lies in it; both absolute and normal. */
export const isInside = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);

/**
 * What a change under test can edit: the outermost repository around a directory, below the home; the directory
 * itself where there is none. A home that is a repository does not make the user's files the project's.
 */
export function editableRoot(directory: string, home: string): string {
  let root = directory;
  for (let at = directory; at !== home && dirname(at) !== at; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) root = at;
  }
  return root;
}

export const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
