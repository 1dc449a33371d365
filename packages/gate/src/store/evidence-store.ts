import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { startOf, type Finding, type Instant } from "@countersign/core";

/** What is stored: what a server said, never what was concluded from it, and never that something was absent. */
export type StoredKind = "listing" | "signatures" | "attestations" | "published" | "binding";
export const storedKinds: readonly StoredKind[] = [
  "listing",
  "signatures",
  "attestations",
  "published",
  "binding",
];

/** Content address of evidence: the artefact by purl, file and locked digest, and whose word it is. */
export type StoreKey = { purl: string; file: string; digest: string; registry: string };
export type StoredValue = { value: string; origin: string; at: Instant };
export type StoredEvidence = Partial<Record<StoredKind, StoredValue>>;
export type StoreEntry = { key: StoreKey; kind: StoredKind } & StoredValue;

export type EvidenceStore = {
  read(key: StoreKey): StoredEvidence;
  write(entries: readonly StoreEntry[]): void;
  /** What a person should know: rebuilt, or not usable. Complete once {@link close} has returned. */
  notices(): readonly Finding[];
  close(): void;
};

export type StoreLimits = { bytes: number; entryBytes: number };
export const defaultStoreLimits: StoreLimits = { bytes: 512 * 1024 * 1024, entryBytes: 8 * 1024 * 1024 };

const fileName = "evidence-1.db";
const corrupt: ReadonlySet<number> = new Set([11, 26]);

/**
 * Opens the store below a directory of the user's. It is a cache: whatever is wrong with it costs requests, never
 * an error. Evidence read from it is verified like any other; its unsigned parts are as good as the directory,
 * so it is created for this user alone.
 */
export async function openEvidenceStore(
  directory: string,
  now: Instant,
  limits: StoreLimits = defaultStoreLimits,
): Promise<EvidenceStore> {
  const path = join(directory, fileName);
  const notices: Finding[] = [];
  let tables: Tables | null;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    tables = await openTables(path);
  } catch (error) {
    if (!isCorrupt(error)) return unusable(path, error);
    tables = await rebuild(path, notices);
  }

  const guarded = <T>(action: (open: Tables) => T, otherwise: T): T => {
    if (tables === null) return otherwise;
    try {
      return action(tables);
    } catch (error) {
      tables.database.close();
      tables = null;
      if (isCorrupt(error)) {
        remove(path);
        notices.push(rebuiltNotice(path));
      } else notices.push(unusableNotice(path, error));
      return otherwise;
    }
  };

  return {
    read: (key) => guarded((open) => readRows(open, key, now), {}),
    write: (entries) =>
      guarded((open) => {
        open.database.exec("BEGIN IMMEDIATE");
        try {
          for (const entry of entries)
            if (entry.value.length <= limits.entryBytes) writeRow(open, entry, now);
          open.database.exec("COMMIT");
        } catch (error) {
          open.database.exec("ROLLBACK");
          throw error;
        }
      }, undefined),
    notices: () => notices,
    close: () => {
      guarded((open) => evict(open, limits), undefined);
      guarded((open) => {
        flushUses(open);
        open.database.close();
      }, undefined);
      tables = null;
    },
  };
}

type Tables = {
  database: DatabaseSync;
  select: StatementSync;
  insert: StatementSync;
  touch: StatementSync;
  used: { rowid: number; at: Instant }[];
};

async function openTables(path: string): Promise<Tables> {
  const { DatabaseSync } = await importSqlite();
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    chmodSync(path, 0o600);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;");
    database.exec(
      `CREATE TABLE IF NOT EXISTS evidence (
         purl TEXT NOT NULL, file TEXT NOT NULL, digest TEXT NOT NULL, registry TEXT NOT NULL, kind TEXT NOT NULL,
         value TEXT NOT NULL, origin TEXT NOT NULL, at INTEGER NOT NULL, used INTEGER NOT NULL,
         UNIQUE (purl, file, digest, registry, kind)
       ) STRICT`,
    );
    return {
      database,
      select: database.prepare(
        "SELECT rowid, kind, value, origin, at, used FROM evidence WHERE purl = ? AND file = ? AND digest = ? AND registry = ?",
      ),
      insert: database.prepare(
        `INSERT INTO evidence (purl, file, digest, registry, kind, value, origin, at, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET value = excluded.value, origin = excluded.origin, at = excluded.at, used = excluded.used`,
      ),
      touch: database.prepare("UPDATE evidence SET used = ? WHERE rowid = ?"),
      used: [],
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

const day = 86_400_000;

function readRows(open: Tables, key: StoreKey, now: Instant): StoredEvidence {
  const found: StoredEvidence = {};
  for (const row of open.select.all(key.purl, key.file, key.digest, key.registry)) {
    const kind = storedKinds.find((known) => known === row["kind"]);
    if (kind === undefined) continue;
    found[kind] = { value: String(row["value"]), origin: String(row["origin"]), at: Number(row["at"]) };
    if (now - Number(row["used"]) > day) open.used.push({ rowid: Number(row["rowid"]), at: now });
  }
  return found;
}

function writeRow(open: Tables, { key, kind, value, origin, at }: StoreEntry, now: Instant): void {
  open.insert.run(key.purl, key.file, key.digest, key.registry, kind, value, origin, at, now);
}

/** Uses are noted at most once a day and a row, so that a warm run writes nothing. */
function flushUses(open: Tables): void {
  if (open.used.length === 0) return;
  open.database.exec("BEGIN IMMEDIATE");
  for (const { rowid, at } of open.used) open.touch.run(at, rowid);
  open.database.exec("COMMIT");
}

/** Least recently used first, down to nine tenths of the bound. */
function evict(open: Tables, limits: StoreLimits): void {
  const pragma = (name: string): number =>
    Number(Object.values(open.database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
  const size = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  if (size <= limits.bytes) return;
  open.database
    .prepare(
      `DELETE FROM evidence WHERE rowid IN (
         SELECT rowid FROM (SELECT rowid, SUM(length(value) + 512) OVER (ORDER BY used DESC, rowid DESC) AS total FROM evidence)
         WHERE total > ?)`,
    )
    .run(Math.floor(limits.bytes * 0.9));
}

/** On Node 22 the first import of node:sqlite prints a warning that no user of ours can act on. */
async function importSqlite(): Promise<typeof import("node:sqlite")> {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return await import("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function rebuild(path: string, notices: Finding[]): Promise<Tables | null> {
  try {
    remove(path);
    const tables = await openTables(path);
    notices.push(rebuiltNotice(path));
    return tables;
  } catch (error) {
    notices.push(unusableNotice(path, error));
    return null;
  }
}

function remove(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function isCorrupt(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && corrupt.has(Number(error.errcode) & 0xff);
}

const rebuiltNotice = (path: string): Finding => ({
  code: "evidence/store-rebuilt",
  effect: "note",
  at: startOf(path),
  why: "The evidence store was corrupt and has been started anew; evidence is fetched again.",
  fix: "Nothing to do. If it happens often, check the disk.",
});

const unusableNotice = (path: string, error: unknown): Finding => ({
  code: "evidence/store-unavailable",
  effect: "note",
  at: startOf(path),
  why: `The evidence store cannot be used (${error instanceof Error ? error.message : "unknown"}); nothing is kept of this run.`,
  fix: "Make the cache directory writable, or name another one with COUNTERSIGN_CACHE_DIR.",
});

function unusable(path: string, error: unknown): EvidenceStore {
  const notice = unusableNotice(path, error);
  return { read: () => ({}), write: () => {}, notices: () => [notice], close: () => {} };
}
