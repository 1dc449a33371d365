import { existsSync } from "node:fs";
import { join } from "node:path";
import { namesAt } from "../project/git.ts";
import { withinRepository } from "../project/repository.ts";
import type { StatePlace } from "../project/state-directory.ts";
import { trustFolder } from "./root-folder.ts";

/**
 * The directory whose trust store and seals hold for a project without any policy: the nearest at or above it where the
 * trusted base has a trust store; else the nearest with one now. A directory whose trust store this machine has seen is
 * not passed by, so that whoever deletes that store cannot have another one around it hold.
 * @param project absolute path
 */
export async function trustDirectory(
  project: string,
  base: string | null,
  environment: StatePlace,
): Promise<string> {
  const directories = withinRepository(project);
  if (base !== null) {
    for (const directory of directories) {
      const found = await namesAt(directory, base, trustFolder);
      if (found.ok && found.names.length > 0) return directory;
    }
  }
  const holder = nearestTrust(project);
  if (holder === null) return project;
  for (const directory of directories.slice(0, directories.indexOf(holder))) {
    const { hasTrustMemory } = await import("./trust-memory.ts");
    if (await hasTrustMemory(directory, environment)) return directory;
  }
  return holder;
}

/** The nearest directory at or above `start` with a trust store now, not above its repository. */
export const nearestTrust = (start: string): string | null =>
  withinRepository(start).find((directory) => existsSync(join(directory, trustFolder))) ?? null;
