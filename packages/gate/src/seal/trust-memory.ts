import { createHash } from "node:crypto";
import { readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { digestFromHex, parseJson, repositoryAddress, trustLimits, type Digest } from "@countersign/core";
import { isInside, isMissing, readBounded, systemSays } from "../project/bounded-file.ts";
import { originUrl } from "../project/git.ts";
import { writeWhole } from "../project/whole-file.ts";
import { stateDirectoryOf, type StatePlace } from "../project/state-directory.ts";
import { repositoryRoot } from "../project/repository.ts";

/** A version of a trust store that was verified on this machine. */
export type KnownVersion = { version: number; digest: Digest };
export type Recalled =
  | { state: "known"; versions: readonly KnownVersion[] }
  | { state: "none" }
  | { state: "failed"; detail: string };

const schema = "countersign/trust-memory/1";
const maximumBytes = 64 * 1024;
const fileName = /^([1-9]\d{0,14})\.json$/;

/**
 * What this machine remembers of one project's trust store, outside of whatever a change can edit: a folder with a
 * file for each version. Runs side by side only ever add to it, so none can take back what another has seen.
 */
export class TrustMemory {
  /** Absolute path of the folder. */
  readonly path: string;
  readonly #project: string;

  private constructor(path: string, project: string) {
    this.path = path;
    this.#project = project;
  }

  /**
   * The memory of a project: by its remote `origin`, so that every clone and worktree has the same one, else by its
   * place. null where the memory would lie inside of the project's repository, whose changes could write it.
   * @param origin address of that remote, where git has been asked before
   */
  static async open(
    directory: string,
    environment: StatePlace,
    origin: Promise<string | null> = originUrl(directory),
  ): Promise<TrustMemory | null> {
    const memoryDirectory = join(stateDirectoryOf(environment), "trust");
    const root = await realpath(repositoryRoot(directory));
    const place = await realpath(directory);
    if (isInside(memoryDirectory, root) || isInside(await realExisting(memoryDirectory), root)) return null;
    const below = relative(root, place).split(sep).join("/");
    const project = `${repositoryAddress((await origin) ?? "") ?? root} ${below}`.trim();
    const name = createHash("sha256").update(project).digest("hex");
    return new TrustMemory(join(memoryDirectory, name), project);
  }

  /** Ascending. A memory that cannot be read is a failure: somebody may have wanted it forgotten. */
  async recall(): Promise<Recalled> {
    try {
      const names = await readdir(this.path);
      const versions = names.flatMap((name) => fileName.exec(name)?.[1] ?? []).map(Number);
      if (versions.length === 0) return { state: "none" };
      if (versions.length > trustLimits.versions) return failed("it has too many versions");
      const known = await Promise.all(
        versions.toSorted((a, b) => a - b).map((version) => this.#recallOne(version)),
      );
      return { state: "known", versions: known };
    } catch (error) {
      if (isMissing(error)) return { state: "none" };
      return failed(error instanceof Damaged ? error.message : systemSays(error));
    }
  }

  /**
   * Adds versions to what is remembered; what was remembered before stays.
   * @returns why it could not be written, or null
   */
  async remember(versions: readonly KnownVersion[]): Promise<string | null> {
    const before = await this.recall();
    if (before.state === "failed") return before.detail;
    const known = new Set(before.state === "known" ? before.versions.map(({ version }) => version) : []);
    try {
      for (const { version, digest } of versions) {
        if (known.has(version)) continue;
        const content = { project: this.#project, schema, version, sha256: digest.hex };
        await writeWhole(this.#file(version), `${JSON.stringify(content, null, 2)}\n`, 0o600);
      }
      return null;
    } catch (error) {
      return systemSays(error);
    }
  }

  #file(version: number): string {
    return join(this.path, `${version}.json`);
  }

  async #recallOne(version: number): Promise<KnownVersion> {
    const name = `${version}.json`;
    const file = await readBounded(this.#file(version), maximumBytes, null);
    if (file.state !== "found")
      throw new Damaged(`${name}: ${file.state === "failed" ? file.detail : "it is missing"}`);
    const parsed = parseJson(new TextDecoder().decode(file.bytes), 2);
    if (!parsed.ok) throw new Damaged(`${name}: ${parsed.problem.detail}`);
    const content = (parsed.value ?? {}) as { schema?: unknown; version?: unknown; sha256?: unknown };
    if (content.schema !== schema) throw new Damaged(`${name}: its schema is not ${schema}`);
    const digest = typeof content.sha256 === "string" ? digestFromHex("sha256", content.sha256) : null;
    if (content.version !== version || digest === null)
      throw new Damaged(`${name}: it does not give that version's SHA-256`);
    return { version, digest };
  }
}

class Damaged extends Error {}

const failed = (detail: string): Recalled => ({ state: "failed", detail });

/** Where a folder is to be: what exists of its path, with links followed, and the rest. */
async function realExisting(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null);
  return real ?? (dirname(path) === path ? path : join(await realExisting(dirname(path)), basename(path)));
}

/** Whether this machine has seen a trust store of a project, or cannot tell. */
export async function hasTrustMemory(
  directory: string,
  environment: StatePlace,
  origin?: Promise<string | null>,
): Promise<boolean> {
  const recalled = await (await TrustMemory.open(directory, environment, origin))?.recall();
  return recalled !== undefined && recalled.state !== "none";
}
