import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { lstat, readdir, readFile, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Verification, writeWhole } from "@countersign/gate";
import { keyOf } from "./environment.ts";

/**
 * What an environment held after a verified install. Compiled bytecode is kept apart: running Python writes it, and
 * Python runs it in place of the source.
 */
type Contents = { files: string; bytecode: string };
type Entry = Contents & { packages: Packages };

/** Digests of the locked files of each installed package, by purl. */
export type Packages = Readonly<Record<string, string>>;

/** `missing` and `empty` are free to be made; `foreign` is no environment at all; `link` leads somewhere else. */
export type EnvironmentState = "missing" | "known" | "preexisting" | "foreign" | "link";

const marker = "pyvenv.cfg";
const bytecode = /[/\\]__pycache__[/\\][^/\\]+$/;

/** Which environments our own verified installs made, and what they looked like: a file per environment in our cache. */
export class Ledger {
  readonly #folder: string;

  /** @param cacheDirectory absolute; ours */
  constructor(cacheDirectory: string) {
    this.#folder = join(cacheDirectory, "uv", "environments");
  }

  /** @param packages what is about to be installed: uv keeps what has the name and version, whatever its bytes are */
  async state(environment: string, packages: Packages = {}): Promise<EnvironmentState> {
    const status = await lstat(environment).catch(() => null);
    if (status === null) return "missing";
    if (status.isSymbolicLink()) return "link";
    if (!status.isDirectory()) return "foreign";
    if ((await readdir(environment)).length === 0) return "missing";
    if ((await lstat(join(environment, marker)).catch(() => null))?.isFile() !== true) return "foreign";
    const entry = await this.#read(environment);
    if (entry === null) return "preexisting";
    const other = Object.entries(packages).some(
      ([purl, digests]) => Object.hasOwn(entry.packages, purl) && entry.packages[purl] !== digests,
    );
    if (other) return "preexisting";
    return entry.files === look(environment).contents.files ? "known" : "preexisting";
  }

  /** Whether a verified install made it, however it looks now. */
  async has(environment: string): Promise<boolean> {
    return (await this.#read(environment)) !== null;
  }

  /** Takes away bytecode that no verified install left: Python would run it unseen. */
  async clean(environment: string): Promise<void> {
    const entry = await this.#read(environment);
    const now = look(environment);
    if (entry?.bytecode === now.contents.bytecode) return;
    for (const path of now.bytecode) await rm(path, { force: true });
  }

  /** @param packages what was installed, added to what is known of the environment */
  async record(environment: string, packages: Packages): Promise<void> {
    const { contents } = look(environment);
    const entry: Entry = {
      ...contents,
      packages: { ...(await this.#read(environment))?.packages, ...packages },
    };
    await writeWhole(await this.#path(environment), JSON.stringify(entry), 0o600);
  }

  async forget(environment: string): Promise<void> {
    await rm(await this.#path(environment), { force: true });
  }

  async #read(environment: string): Promise<Entry | null> {
    const text = await readFile(await this.#path(environment), "utf8").catch(() => null);
    return text === null ? null : (JSON.parse(text) as Entry);
  }

  async #path(environment: string): Promise<string> {
    const real = await realpath(environment).catch(() => environment);
    return join(this.#folder, `${keyOf(real)}.json`);
  }
}

/**
 * A digest over names, sizes, modes and change times. A change time is the file system's own: no program sets it, so a
 * file that was put there or edited since has another one. Read without the thread pool, which takes ten times as long.
 */
function look(environment: string): { contents: Contents; bytecode: readonly string[] } {
  const [files, compiled] = [createHash("sha256"), createHash("sha256")];
  const found: string[] = [];
  for (const path of pathsBelow(environment)) {
    const status = lstatSync(path);
    const target = status.isSymbolicLink() ? readlinkSync(path) : "";
    const isBytecode = bytecode.test(path);
    if (isBytecode) found.push(path);
    const row = [
      path.slice(environment.length),
      status.size,
      status.mode,
      status.ctimeMs,
      status.ino,
      target,
    ];
    (isBytecode ? compiled : files).update(JSON.stringify(row));
  }
  return { contents: { files: files.digest("hex"), bytecode: compiled.digest("hex") }, bytecode: found };
}

const pathsBelow = (environment: string): string[] =>
  readdirSync(environment, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();

/** What the ledger keeps of a verification. */
export const packagesOf = ({ lockfiles }: Verification): Packages =>
  Object.fromEntries(
    lockfiles.flatMap(({ set }) =>
      set.packages.map(({ purl, artefacts }) => [
        purl,
        artefacts
          .map(({ digest }) => digest?.hex ?? "")
          .toSorted()
          .join(" "),
      ]),
    ),
  );
