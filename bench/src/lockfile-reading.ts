import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import type { LockFormat, PackageSet, Result } from "@countersign/core";

/**
 * Reads one lockfile once, by one reader, in a process of its own: `node lockfile-reading.js READER FILE`. The import
 * of the reader is part of what is timed.
 */
export type Reader = LockFormat | "@pnpm/lockfile.fs" | "@npmcli/arborist" | "@yarnpkg/parsers" | "smol-toml";
/** `count`: packages, as this reader counts them. */
export type Reading = { milliseconds: number; peakBytes: number; count: number };

/** Libraries are imported by a name that the compiler does not follow: not all of them bring types. */
const load = async <T>(library: string): Promise<T> => (await import(library)) as T;

const libraries: Readonly<Record<string, (file: string) => Promise<number>>> = {
  "@pnpm/lockfile.fs": async (file) => {
    type Library = {
      readWantedLockfile: (
        directory: string,
        options: { ignoreIncompatible: boolean; wantedVersions: string[] },
      ) => Promise<{ packages?: object } | null>;
    };
    const { readWantedLockfile } = await load<Library>("@pnpm/lockfile.fs");
    const lockfile = await readWantedLockfile(dirname(file), {
      ignoreIncompatible: false,
      wantedVersions: ["9.0"],
    });
    return Object.keys(lockfile?.packages ?? {}).length;
  },
  "@npmcli/arborist": async (file) => {
    type Tree = { inventory: { size: number } };
    type Library = { default: new (options: { path: string }) => { loadVirtual: () => Promise<Tree> } };
    const { default: Arborist } = await load<Library>("@npmcli/arborist");
    return (await new Arborist({ path: dirname(file) }).loadVirtual()).inventory.size;
  },
  "@yarnpkg/parsers": async (file) => {
    const { parseSyml } = await load<{ parseSyml: (text: string) => object }>("@yarnpkg/parsers");
    return Object.keys(parseSyml(readFileSync(file, "utf8"))).length - 1;
  },
  "smol-toml": async (file) => {
    const { parse } = await load<{ parse: (text: string) => { package: unknown[] } }>("smol-toml");
    return parse(readFileSync(file, "utf8")).package.length;
  },
};

/** By the module of the reader alone: what else the package offers is not needed to read a lockfile. */
async function readByUs(format: LockFormat, file: string): Promise<number> {
  type Module = {
    readLockfile: (format: LockFormat, path: string, bytes: Uint8Array) => Promise<Result<PackageSet>>;
  };
  const address = new URL("lockfile/read-lockfile.js", import.meta.resolve("@countersign/core"));
  const { readLockfile } = await load<Module>(address.href);
  const read = await readLockfile(format, "lockfile", readFileSync(file));
  if (!read.ok) throw new Error(`refused: ${read.findings[0]?.why}`);
  return read.value.packages.length;
}

const [reader, file] = process.argv.slice(2) as [Reader, string];
const start = performance.now();
const count = await (libraries[reader]?.(file) ?? readByUs(reader as LockFormat, file));
const milliseconds = performance.now() - start;
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ milliseconds, peakBytes, count } satisfies Reading));
