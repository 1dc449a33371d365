import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { cacheDirectoryOf, runHook, type HookResult } from "@countersign/gate";
import { lockfile } from "../project.ts";

/** What pnpm hands to `readPackage`: a manifest, for a package of a registry with what that says of its tarball. */
export type Manifest = {
  name?: unknown;
  version?: unknown;
  dist?: { integrity?: unknown; shasum?: unknown; tarball?: unknown } | null;
  os?: unknown;
  cpu?: unknown;
  libc?: unknown;
};

export type Place = {
  /** Absolute path of the project whose registries and policy hold. */
  directory: string;
  signal(): AbortSignal;
  version: string;
};

/** Where the entries stand in the report: no file of the project has these lines yet. */
const folder = "newly-resolved";

/**
 * Judges packages that were just resolved, before anything of them is unpacked: writes the lockfile that would name
 * them, outside the project, and verifies it like any other.
 */
export async function judgeResolutions(manifests: readonly Manifest[], place: Place): Promise<HookResult> {
  const { directory } = place;
  const cache = cacheDirectoryOf({
    directory,
    home: homedir(),
    variables: process.env,
    platform: process.platform,
  });
  const parent = join(cache, "resolutions");
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(join(parent, "new-"));
  try {
    const own = join(scratch, folder);
    await mkdir(join(scratch, ".countersign"));
    await mkdir(own);
    await writeFile(join(own, lockfile), lockfileOf(manifests));
    for (const name of [".npmrc", "pnpm-workspace.yaml"])
      await copyFile(join(directory, name), join(own, name)).catch(ignoreMissing);
    return await runHook({
      directory: scratch,
      policyDirectory: directory,
      lockfiles: [`${folder}/${lockfile}`],
      signal: place.signal(),
      version: place.version,
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}

/** A pnpm lockfile, version 9.0, with these packages. JSON is YAML, so what a registry answered cannot break out of it. */
export function lockfileOf(manifests: readonly Manifest[]): string {
  const packages = new Map<string, string>();
  for (const { name, version, dist, os, cpu, libc } of manifests) {
    const { integrity, tarball } = dist ?? {};
    const resolution = {
      ...(typeof integrity === "string" ? { integrity } : {}),
      ...(typeof tarball === "string" ? { tarball } : {}),
    };
    const platforms = Object.entries({ os, cpu, libc }).filter(([, value]) => isList(value));
    const entry = { resolution, ...Object.fromEntries(platforms) };
    packages.set(`${String(name)}@${String(version)}`, JSON.stringify(entry));
  }
  const keys = [...packages.keys()].toSorted();
  return [
    "lockfileVersion: '9.0'",
    "importers:",
    "  .: {}",
    "packages:",
    ...keys.map((key) => `  ${JSON.stringify(key)}: ${packages.get(key)}`),
    "snapshots:",
    ...keys.map((key) => `  ${JSON.stringify(key)}: {}`),
    "",
  ].join("\n");
}

const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
