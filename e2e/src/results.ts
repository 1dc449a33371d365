import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Outcome } from "./cell.ts";

const repository = resolve(import.meta.dirname, "../..");
/** What decides a cell's outcome: our executable and hooks, the testkit and the gauntlet itself. */
const built = ["packages/cli/dist", "packages/testkit/dist", "e2e/dist", ...pluginsBuilt()];

function pluginsBuilt(): string[] {
  return readdirSync(join(repository, "plugins")).map((plugin) => join("plugins", plugin, "dist"));
}

/** Outcomes by cell, kept as JSON lines until what decides them changes. */
export type Results = { get(id: string): Outcome | null; add(outcome: Outcome): void };

/** @param fresh forgets what earlier runs found */
export function openResults(fresh: boolean): Results {
  const path = join(repository, "node_modules/.cache/countersign-gauntlet", `${fingerprint()}.jsonl`);
  if (fresh) rmSync(path, { force: true });
  mkdirSync(dirname(path), { recursive: true });
  const known = new Map<string, Outcome>();
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  for (const line of lines) {
    if (line === "") continue;
    const outcome = JSON.parse(line) as Outcome;
    known.set(outcome.id, outcome);
  }
  return {
    get: (id) => known.get(id) ?? null,
    add(outcome) {
      known.set(outcome.id, outcome);
      appendFileSync(path, `${JSON.stringify(outcome)}\n`);
    },
  };
}

function fingerprint(): string {
  const hash = createHash("sha256");
  const visit = (directory: string): void => {
    if (!existsSync(directory)) return;
    for (const entry of readdirSync(directory, { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.[cm]?js$/.test(entry.name)) hash.update(entry.name).update(readFileSync(path));
    }
  };
  for (const directory of built) visit(join(repository, directory));
  return hash.digest("hex").slice(0, 24);
}
