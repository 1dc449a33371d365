import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { carriedNpmrc, upwards, verifiedCache, type WrapperHost } from "@countersign/gate";

export const lockfile = "deno.lock";
const manifests = ["deno.json", "deno.jsonc", "package.json"];

/** Where the lockfile lies, or would. */
export type Project = {
  root: string;
  /** From there to where the user stands. */
  way: string;
  locked: boolean;
  /** Whether there is a manifest that could have a lockfile. */
  managed: boolean;
};

/** Deno is told the lockfile by its path, so which folder it would have chosen itself does not matter. */
export function projectOf(start: string): Project {
  const folders = upwards(start);
  const repository = folders.findIndex((folder) => existsSync(join(folder, ".git")));
  const above = repository === -1 ? folders : folders.slice(0, repository + 1);
  const locked = above.find((folder) => existsSync(join(folder, lockfile)));
  const managed = above.find((folder) => manifests.some((name) => existsSync(join(folder, name))));
  const root = locked ?? managed ?? resolve(start);
  return { root, way: relative(root, start), locked: locked !== undefined, managed: managed !== undefined };
}

/** Whether the lockfile names a package at all; how its range is written is Deno's to compare. */
export function isLocked({ root, locked }: Project, name: string): boolean {
  if (!locked) return false;
  try {
    const lock = JSON.parse(readFileSync(join(root, lockfile), "utf8")) as { specifiers?: object } | null;
    return Object.keys(lock?.specifiers ?? {}).some((key) => key.startsWith(`npm:${name}@`));
  } catch {
    // The gate says what is wrong with it.
    return true;
  }
}

/** Deno's cache holds unpacked npm packages that are never compared with a lockfile again. */
export function strictVariables(host: WrapperHost, directory: string): Record<string, string | undefined> {
  return { DENO_DIR: verifiedCache(host, "deno", directory) };
}

/** Registries and credentials of the user's project hold for what is run without a lockfile as well. */
export function throwawayFiles(root: string, specifier: string, name: string): Record<string, string> {
  return {
    "deno.json": `${JSON.stringify({ imports: { [name]: specifier } }, null, 2)}\n`,
    ...carriedNpmrc(root),
  };
}
