import { join } from "node:path";
import { readLockfile, type Budget, type Digest } from "@countersign/core";
import { readBounded } from "../project/bounded-file.ts";
import type { Kept } from "./tree-check.ts";

const recordPath = "node_modules/.pnpm/lock.yaml";

/** pnpm copies the lockfile it installed to `node_modules/.pnpm/lock.yaml`: what it names came from those digests. */
export async function readPnpmRecord(project: string, budget: Budget): Promise<Kept> {
  const read = await readBounded(join(project, recordPath), budget.lockfileBytes, project);
  if (read.state !== "found") return { digests: new Map(), required: true };
  const set = await readLockfile("pnpm-lock", recordPath, read.bytes, budget);
  const digests = new Map<string, Digest[]>();
  for (const { purl, artefacts } of set.ok ? set.value.packages : []) {
    for (const { digest } of artefacts)
      if (digest !== null) digests.set(purl, [...(digests.get(purl) ?? []), digest]);
  }
  return { digests, required: true };
}
