import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { digestFromHex, parseJson, repositoryAddress, trustLimits, type Digest } from "@countersign/core";
import { isInside, readBounded } from "../project/bounded-file.ts";
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
const maximumBytes = 1024 * 1024;

/** What this machine remembers of one project's trust store, outside of whatever a change can edit. */
export class TrustMemory {
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
    return new TrustMemory(join(memoryDirectory, `${name}.json`), project);
  }

  /** Ascending. A memory that cannot be read is a failure: somebody may have wanted it forgotten. */
  async recall(): Promise<Recalled> {
    const file = await readBounded(this.path, maximumBytes, null);
    if (file.state === "missing") return { state: "none" };
    if (file.state === "failed") return file;
    const parsed = parseJson(new TextDecoder().decode(file.bytes), 8);
    if (!parsed.ok) return { state: "failed", detail: parsed.problem.detail };
    return versionsOf(parsed.value);
  }

  /**
   * Adds versions to what is remembered; what was remembered before stays.
   * @returns why it could not be written, or null
   */
  async remember(versions: readonly KnownVersion[]): Promise<string | null> {
    const before = await this.recall();
    if (before.state === "failed") return before.detail;
    const known = new Map(
      [...versions, ...(before.state === "known" ? before.versions : [])].map((each) => [each.version, each]),
    );
    if (before.state === "known" && known.size === before.versions.length) return null;
    const sorted = [...known.values()].toSorted((a, b) => a.version - b.version);
    const rows = sorted.map(({ version, digest }) => ({ version, sha256: digest.hex }));
    const text = `${JSON.stringify({ project: this.#project, schema, versions: rows }, null, 2)}\n`;
    try {
      await writeWhole(this.path, text, 0o600);
      return null;
    } catch (error) {
      return `the system says ${error instanceof Error && "code" in error ? String(error.code) : "unknown"}`;
    }
  }
}

/** Where a folder is to be: what exists of its path, with links followed, and the rest. */
async function realExisting(path: string): Promise<string> {
  const real = await realpath(path).catch(() => null);
  return real ?? (dirname(path) === path ? path : join(await realExisting(dirname(path)), basename(path)));
}

function versionsOf(value: unknown): Recalled {
  const { schema: given, versions } = (value ?? {}) as { schema?: unknown; versions?: unknown };
  if (given !== schema) return { state: "failed", detail: `its schema is not ${schema}` };
  if (!Array.isArray(versions) || versions.length === 0 || versions.length > trustLimits.versions)
    return { state: "failed", detail: "it has no list of versions" };
  const known: KnownVersion[] = [];
  for (const row of versions as readonly unknown[]) {
    const { version, sha256 } = (row ?? {}) as { version?: unknown; sha256?: unknown };
    const digest = typeof sha256 === "string" ? digestFromHex("sha256", sha256) : null;
    const before = known.at(-1)?.version ?? 0;
    if (typeof version !== "number" || !Number.isSafeInteger(version) || version <= before || digest === null)
      return { state: "failed", detail: "a version in it is not {version, sha256}, in order" };
    known.push({ version, digest });
  }
  return { state: "known", versions: known };
}
