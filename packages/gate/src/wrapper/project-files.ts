import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** A directory and those above it, absolute, nearest first. */
export function upwards(start: string): string[] {
  const found = [resolve(start)];
  for (let at = found[0] as string; dirname(at) !== at; at = dirname(at)) found.push(dirname(at));
  return found;
}

/** A file of the project as text; null where it cannot be read. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Registries and credentials of the user's project: they hold for what is asked for without a lockfile, too. */
export function carriedNpmrc(directory: string): Record<string, string> {
  const npmrc = textOf(join(directory, ".npmrc"));
  return npmrc === null ? {} : { ".npmrc": npmrc };
}

/**
 * Top-level entries of a YAML file, as they stand. What is cut out is read by the manager and decides nothing here.
 * @param keys the entries that are wanted
 */
export function blocksOf(text: string, keys: readonly string[]): string {
  let taken = "";
  let taking = false;
  for (const line of text.split(/\r?\n/)) {
    const key = /^["']?([A-Za-z]+)["']?\s*:/.exec(line)?.[1];
    if (key !== undefined) taking = keys.includes(key);
    else if (/^(?!$|[\s#]|- )/.test(line)) taking = false;
    if (taking) taken += `${line}\n`;
  }
  return taken;
}
