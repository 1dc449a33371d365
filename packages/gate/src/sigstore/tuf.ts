import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Instant } from "@countersign/core";
import type { Client } from "../registry/client.ts";
import type { TufRepository } from "./seeds.ts";

/** Targets of one successful refresh: every one was verified by TUF when it was written. */
export type TufSnapshot = { targets: ReadonlyMap<string, string>; at: Instant };
export type TufResult = { ok: true; snapshot: TufSnapshot } | { ok: false; detail: string };

const wanted = (name: string): boolean => name === "trusted_root.json" || name.endsWith("/keys.json");
const limits = { targets: 32, bytes: 4 * 1024 * 1024 };

/**
 * Follows the TUF repository from the newest root known here (client workflow §5.3–5.7), and keeps what it
 * verified below `directory`. Each refresh works on its own copy and is put in place by one rename, so that
 * concurrent runs and interrupted ones leave either the old state or the new one.
 */
export async function refreshTuf(
  repository: TufRepository,
  directory: string,
  client: Client,
  now: Instant,
): Promise<TufResult> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(directory, "refresh-"));
  try {
    seed(work, repository, currentDirectory(directory));
    const { Updater } = await import("tuf-js");
    const { DownloadHTTPError } = await import("tuf-js/dist/error.js");
    const download = async (url: string, maximumBytes: number): Promise<Buffer> => {
      const fetched = await client.get({ url, accept: "application/json", maximumBytes });
      if (fetched.state === "status") throw new DownloadHTTPError(`status ${fetched.status}`, fetched.status);
      if (fetched.state === "failed") throw new Error(fetched.detail);
      return Buffer.from(fetched.body);
    };
    const updater = new Updater({
      metadataDir: work,
      metadataBaseUrl: repository.url,
      targetDir: join(work, "targets"),
      targetBaseUrl: `${repository.url}/targets`,
      fetcher: {
        downloadBytes: download,
        downloadFile: async (url, maximumBytes, handler) => {
          const file = join(work, "download");
          writeFileSync(file, await download(url, maximumBytes));
          return handler(file);
        },
      },
    });
    await updater.refresh();
    const targets = new Map<string, string>();
    for (const name of targetNames(work)) {
      const info = await updater.getTargetInfo(name);
      if (info === undefined || info.length > limits.bytes) continue;
      const path = (await updater.findCachedTarget(info)) ?? (await updater.downloadTarget(info));
      targets.set(name, readFileSync(path, "utf8"));
    }
    writeFileSync(join(work, "verified.json"), JSON.stringify({ at: now, targets: [...targets] }));
    place(directory, work);
    return { ok: true, snapshot: { targets, at: now } };
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    return { ok: false, detail: error instanceof Error ? error.message : "failed" };
  }
}

/** What the last refresh left, or null. */
export function readTufSnapshot(directory: string): TufSnapshot | null {
  const current = currentDirectory(directory);
  if (current === null) return null;
  try {
    const { at, targets } = JSON.parse(readFileSync(join(current, "verified.json"), "utf8")) as {
      at: number;
      targets: [string, string][];
    };
    return typeof at === "number" ? { at, targets: new Map(targets) } : null;
  } catch {
    return null;
  }
}

const prefix = "current-";

/** The newest finished state; names sort by time. */
function currentDirectory(directory: string): string | null {
  const names = listDirectory(directory).filter((name) => name.startsWith(prefix));
  const newest = names.toSorted().at(-1);
  return newest === undefined ? null : join(directory, newest);
}

function place(directory: string, work: string): void {
  const older = listDirectory(directory).filter((name) => name.startsWith(prefix));
  const last = older.toSorted().at(-1);
  const sequence = last === undefined ? 1 : Number.parseInt(last.slice(prefix.length), 10) + 1;
  const suffix = work.slice(-6);
  renameSync(work, join(directory, `${prefix}${String(sequence).padStart(9, "0")}-${suffix}`));
  for (const name of older) rmSync(join(directory, name), { recursive: true, force: true });
}

function seed(work: string, repository: TufRepository, current: string | null): void {
  mkdirSync(join(work, "targets"));
  writeFileSync(join(work, "root.json"), repository.initialRoot);
  if (current === null) return;
  for (const name of ["root.json", "timestamp.json", "snapshot.json", "targets.json"])
    copy(current, work, name);
  for (const name of listDirectory(join(current, "targets")))
    copy(join(current, "targets"), join(work, "targets"), name);
}

function copy(from: string, to: string, name: string): void {
  try {
    writeFileSync(join(to, name), readFileSync(join(from, name)));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** Names of the targets that matter, from the targets metadata that the updater has just verified. */
function targetNames(work: string): string[] {
  const metadata = JSON.parse(readFileSync(join(work, "targets.json"), "utf8")) as {
    signed?: { targets?: Record<string, unknown> };
  };
  return Object.keys(metadata.signed?.targets ?? {})
    .filter(wanted)
    .slice(0, limits.targets);
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
