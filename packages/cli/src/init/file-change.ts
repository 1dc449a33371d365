import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import process from "node:process";
import { CommandError, reasonOf } from "../command-error.ts";

/** What becomes of one file: null is its absence. */
export type FileChange = {
  /** POSIX, from the project. */
  path: string;
  before: Buffer | null;
  after: Buffer | null;
};

const fileBytes = 16 * 1024 * 1024;

/** The files of a project as they are to become, read once and edited in memory; nothing is written before it is shown. */
export class FilePlan {
  readonly #directory: string;
  readonly #files: Map<string, FileChange> = new Map();

  /** @param directory absolute path of the project */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What a file is planned to hold; null where there is, or will be, none. */
  async read(path: string): Promise<Buffer | null> {
    return (await this.#file(path)).after;
  }

  async readText(path: string): Promise<string | null> {
    const bytes = await this.read(path);
    if (bytes === null) return null;
    const text = bytes.toString("utf8");
    if (!Buffer.from(text, "utf8").equals(bytes))
      throw new CommandError(`${path} is not clean UTF-8`, "save it as UTF-8, or edit it by hand");
    return text;
  }

  async write(path: string, content: Buffer | string | null): Promise<void> {
    const file = await this.#file(path);
    file.after = typeof content === "string" ? Buffer.from(content) : content;
  }

  /** What differs from what lies there, sorted by path. */
  changes(): FileChange[] {
    return [...this.#files.values()]
      .filter(
        ({ before, after }) => !(before === null ? after === null : after !== null && before.equals(after)),
      )
      .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #file(path: string): Promise<FileChange> {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const before = await readOwn(this.#directory, path);
    const file = { path, before, after: before };
    this.#files.set(path, file);
    return file;
  }
}

/** Reads a file of the project that neither is a link nor lies behind one. */
async function readOwn(directory: string, path: string): Promise<Buffer | null> {
  await refuseLinks(directory, path);
  try {
    const status = await stat(join(directory, path));
    if (!status.isFile())
      throw new CommandError(`${path} is no regular file`, `replace ${path} by a regular file`);
    if (status.size > fileBytes)
      throw new CommandError(`${path} is larger than ${fileBytes} bytes`, "edit it by hand");
    return await readFile(join(directory, path));
  } catch (error) {
    if (isMissing(error)) return null;
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${path} cannot be read: ${reasonOf(error)}`, `make ${path} readable`);
  }
}

/** A link on the way would let what is written land outside of the project, or where nobody reviews it. */
async function refuseLinks(directory: string, path: string): Promise<void> {
  const parts = posix.normalize(path).split("/");
  if (posix.isAbsolute(path) || parts.includes("..")) throw new Error(`${path} lies outside of the project`);
  for (let length = 1; length <= parts.length; length += 1) {
    const part = parts.slice(0, length).join("/");
    const status = await lstat(join(directory, part)).catch(() => null);
    if (status?.isSymbolicLink() === true)
      throw new CommandError(
        `${part} is a symbolic link, and nothing is written through one`,
        `replace ${part} by what it points at`,
      );
  }
}

/** Writes a plan: every file beside its place first and then renamed, so that none is ever half written. */
export async function applyChanges(directory: string, changes: readonly FileChange[]): Promise<void> {
  for (const { path, before, after } of changes) {
    const now = await readOwn(directory, path);
    if (!(now === null ? before === null : before !== null && now.equals(before)))
      throw new CommandError(
        `${path} changed while it was shown; it was left alone`,
        "run the command again",
      );
    const target = join(directory, path);
    try {
      if (after === null) await rm(target);
      else {
        await mkdir(dirname(target), { recursive: true });
        const mode = before === null ? 0o644 : (await stat(target)).mode & 0o777;
        const beside = `${target}.countersign-${process.pid}`;
        await writeFile(beside, after, { flag: "wx", mode });
        await rename(beside, target);
      }
    } catch (error) {
      throw new CommandError(`${path} cannot be written: ${reasonOf(error)}`, "make the directory writable");
    }
  }
  for (const { path, after } of changes)
    if (after === null) await removeEmpty(directory, posix.dirname(path));
}

/** Folders that a removed file leaves empty go with it; the project itself stays. */
async function removeEmpty(directory: string, folder: string): Promise<void> {
  if (folder === "." || (await readdir(join(directory, folder)).catch(() => ["?"])).length > 0) return;
  await rmdir(join(directory, folder));
  await removeEmpty(directory, posix.dirname(folder));
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
