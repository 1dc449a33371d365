import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { upwards, type WrapperHost } from "@countersign/gate";
import { readManifest } from "./manifest.ts";
import { argumentOf, type Option } from "./options.ts";

/**
 * The directory that npm takes for the project: `--prefix`, else the nearest with a package.json or node_modules,
 * else where the user stands. Below a package.json with workspaces npm itself is asked.
 */
export async function projectOf(
  host: WrapperHost,
  prefix: string | null,
  options: readonly Option[],
): Promise<string> {
  if (prefix !== null) return resolve(host.directory, prefix);
  const nearest = upwards(host.directory).find((directory) =>
    ["package.json", "node_modules"].some((name) => existsSync(join(directory, name))),
  );
  if (nearest === undefined) return host.directory;
  for (const directory of upwards(dirname(nearest))) {
    if (!existsSync(join(directory, "package.json"))) continue;
    if ((await readManifest(directory))?.["workspaces"] === undefined) continue;
    const asked = new Set(["workspace", "workspaces", "include-workspace-root"]);
    const args = options.filter(({ name }) => asked.has(name)).map(argumentOf);
    const { exitCode, stdout } = await host.capture("npm", {
      args: ["prefix", "--loglevel=silent", ...args],
    });
    return exitCode === 0 && stdout.trim() !== "" ? resolve(stdout.trim()) : nearest;
  }
  return nearest;
}

/** The lockfile that npm reads; null where there are two, and it depends on npm's version. */
export function lockfileOf(directory: string): string | null {
  const shrinkwrap = existsSync(join(directory, "npm-shrinkwrap.json"));
  if (!shrinkwrap) return "package-lock.json";
  return existsSync(join(directory, "package-lock.json")) ? null : "npm-shrinkwrap.json";
}
