import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { LockFormat } from "@countersign/core";
import type { Reader, Reading } from "./lockfile-reading.ts";
import { median, printTable, type Row } from "./table.ts";

const rounds = 9;

const directory =
  process.env["COUNTERSIGN_VECTORS"] ?? resolve(import.meta.dirname, "../../../shared/vectors");

type Contest = {
  vector: string;
  /** The name under which the libraries look for it. */
  file: string;
  format: LockFormat;
  oracle: Reader;
  /** How many times faster we want to be; null: a parser alone, which makes no packages of what it reads. */
  aim: number | null;
};

const contests: readonly Contest[] = [
  {
    vector: "vite.pnpm-lock.yaml",
    file: "pnpm-lock.yaml",
    format: "pnpm-lock",
    oracle: "@pnpm/lockfile.fs",
    aim: 2,
  },
  {
    vector: "astro.pnpm-lock.yaml",
    file: "pnpm-lock.yaml",
    format: "pnpm-lock",
    oracle: "@pnpm/lockfile.fs",
    aim: 2,
  },
  {
    vector: "large.package-lock.json",
    file: "package-lock.json",
    format: "package-lock",
    oracle: "@npmcli/arborist",
    aim: 10,
  },
  {
    vector: "jest.yarn.lock",
    file: "yarn.lock",
    format: "yarn-berry",
    oracle: "@yarnpkg/parsers",
    aim: null,
  },
  {
    vector: "attest-action.uv.lock",
    file: "uv.lock",
    format: "uv-lock",
    oracle: "smol-toml",
    aim: null,
  },
];

/**
 * (b) Each real lockfile by our reader and by the library that the tests compare it with: every reading in a fresh
 * process, import included, in turn, so that what else the machine does falls on both alike.
 */
export async function benchLockfiles(): Promise<void> {
  const present = contests.filter(({ vector }) => existsSync(resolve(directory, "lockfiles", vector)));
  for (const { vector } of contests.filter((contest) => !present.includes(contest)))
    process.stdout.write(`(b) SKIPPED ${vector}: it is not in ${resolve(directory, "lockfiles")}\n`);
  if (present.length === 0) return;
  const head: Row = ["lockfile", "countersign", "peak", "oracle", "", "peak", "ratio", "aim"];
  const rows = present.map(row);
  printTable(`(b) lockfiles, each reading in a fresh process, import included; median of ${rounds}`, [
    head,
    ...rows,
  ]);
}

function row({ vector, file, format, oracle, aim }: Contest): Row {
  const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
  try {
    const path = join(folder, file);
    copyFileSync(resolve(directory, "lockfiles", vector), path);
    const ours: Reading[] = [];
    const theirs: Reading[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(read(format, path));
      theirs.push(read(oracle, path));
    }
    const [us, them] = [summary(ours), summary(theirs)];
    const ratio = them.milliseconds / us.milliseconds;
    const verdict = aim === null ? "–" : `≥ ${aim}× ${ratio >= aim ? "met" : "MISSED"}`;
    return [vector, ms(us), mib(us), oracle, ms(them), mib(them), `${ratio.toFixed(2)}×`, verdict];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const program = resolve(import.meta.dirname, `lockfile-reading${import.meta.filename.slice(-3)}`);

function read(reader: Reader, path: string): Reading {
  const run = spawnSync(process.execPath, [program, reader, path], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`${reader} could not read ${path}: ${run.stderr}`);
  return JSON.parse(run.stdout) as Reading;
}

const summary = (readings: readonly Reading[]): Omit<Reading, "count"> => ({
  milliseconds: median(readings.map(({ milliseconds }) => milliseconds)),
  peakBytes: Math.max(...readings.map(({ peakBytes }) => peakBytes)),
});

const ms = ({ milliseconds }: Pick<Reading, "milliseconds">): string => `${milliseconds.toFixed(1)} ms`;
const mib = ({ peakBytes }: Pick<Reading, "peakBytes">): string => `${Math.round(peakBytes / 2 ** 20)} MiB`;
