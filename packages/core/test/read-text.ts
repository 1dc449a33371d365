import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { defaultBudget, type Budget } from "../src/budget.ts";
import type { Code } from "../src/codes.ts";
import type { Finding } from "../src/finding.ts";
import type { LockedPackage, LockFormat, PackageSet } from "../src/lockfile/package-set.ts";
import { readLockfile } from "../src/lockfile/read-lockfile.ts";

/** A valid SHA-512 integrity string that differs by seed. */
export const integrityOf = (seed: string): string =>
  `sha512-${createHash("sha512").update(seed).digest("base64")}`;
export const sha512Of = (seed: string): string => createHash("sha512").update(seed).digest("hex");

export type Outcome = { set: PackageSet | null; findings: readonly Finding[]; codes: Code[] };

/** Reads a text as one format; `codes` are those of the findings, in order, of a set or of its refusal. */
export async function readText(
  format: LockFormat,
  text: string,
  budget: Partial<Budget> = {},
): Promise<Outcome> {
  const result = await readLockfile(format, "lock", Buffer.from(text), { ...defaultBudget, ...budget });
  const findings = result.ok ? result.value.problems : result.findings;
  return { set: result.ok ? result.value : null, findings, codes: findings.map(({ code }) => code) };
}

/** The package of a purl; throws where there is not exactly one. */
export function packageOf(outcome: Outcome, purl: string): LockedPackage {
  const found = (outcome.set?.packages ?? []).filter((pkg) => pkg.purl === purl);
  if (found.length !== 1) throw new Error(`${found.length} packages are ${purl}`);
  return found[0] as LockedPackage;
}

/** Line and column, counted from 1, of the first occurrence of a text. */
export function placeOf(text: string, needle: string): { path: string; line: number; column: number } {
  const offset = text.indexOf(needle);
  if (offset === -1) throw new Error(`no ${needle}`);
  const before = text.slice(0, offset).split("\n");
  return { path: "lock", line: before.length, column: (before.at(-1) as string).length + 1 };
}

export const fuzzRuns: number = Number(process.env["COUNTERSIGN_FUZZ_RUNS"] ?? 300);
