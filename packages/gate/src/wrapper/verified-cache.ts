import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatDigest } from "@countersign/core";
import type { Verification } from "../conclusion.ts";
import type { ManagerName } from "../manager/manager.ts";
import { policyPath } from "../policy/layers.ts";
import { policyHome } from "../policy/mode.ts";
import { writeWhole } from "../project/whole-file.ts";
import type { WrapperHost } from "./wrapper.ts";

/**
 * Some managers keep unpacked packages in a shared cache and never compare them with a lockfile again, whoever put
 * them there. So what was decided on is installed from a cache that only such installs fill, one for each project and
 * policy; {@link settleCache} empties it before a lockfile meets what another one left there.
 * @param directory absolute path of the project @returns absolute path of its cache
 */
export function verifiedCache({ environment }: WrapperHost, manager: ManagerName, directory: string): string {
  const policy = join(policyHome(directory), policyPath);
  const text = existsSync(policy) ? readFileSync(policy) : "";
  const name = createHash("sha256").update(resolve(directory)).update("\0").update(text).digest("hex");
  return join(environment.cacheDirectory, manager, name.slice(0, 40));
}

/**
 * Keeps a list of the digests that were installed through a verified cache beside it. Where the lockfile that has just
 * been allowed names other bytes for a package than those that went in (a policy was looser then, a key not yet
 * revoked), or the list cannot be read, the packages of the cache go: the manager would install the old ones by name.
 * @param folders of the cache that hold packages; [] is all of it
 */
export async function settleCache(
  cache: string,
  { lockfiles }: Verification,
  folders: readonly string[],
): Promise<void> {
  const now = new Map<string, string>();
  for (const { purl, artefacts } of lockfiles.flatMap(({ set }) => set.packages)) {
    if (artefacts.length === 0) continue;
    const digests = artefacts.map(({ digest }) => (digest === null ? "none" : formatDigest(digest)));
    now.set(purl, [...new Set([...(now.get(purl)?.split(" ") ?? []), ...digests])].toSorted().join(" "));
  }
  const known = existsSync(cache) ? await readKnown(listOf(cache)) : new Map<string, string>();
  const differs = ([purl, digests]: [string, string]): boolean =>
    digests.includes("none") || (known?.has(purl) === true && known.get(purl) !== digests);
  const keeps = known !== null && ![...now].some(differs);
  if (!keeps) {
    const paths = folders.length === 0 ? [cache] : folders.map((folder) => join(cache, folder));
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }
  const list = Object.fromEntries([...(keeps ? known : []), ...now].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  await writeWhole(listOf(cache), JSON.stringify(list), 0o600);
}

const listOf = (cache: string): string => `${cache}.digests.json`;

/** null where there is no list that can be read: nobody knows then what the cache holds. */
async function readKnown(path: string): Promise<Map<string, string> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const entries = Object.entries(value);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === "string")
      ? new Map(entries)
      : null;
  } catch {
    return null;
  }
}
