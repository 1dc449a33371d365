import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { npmGraph, packageJson, type NpmProject } from "./npm-graph.ts";
import { bunLock, denoLock, packageLock, pnpmLock, yarnClassicLock } from "./npm-lockfiles.ts";
import { pylock, pyproject, requirements, uvLock, type PythonProject } from "./python-lockfiles.ts";

export type NpmLockName =
  | "package-lock.json"
  | "npm-shrinkwrap.json"
  | "pnpm-lock.yaml"
  | "yarn.lock"
  | "bun.lock"
  | "deno.lock";
export type PythonLockName = "uv.lock" | "pylock.toml" | "requirements.txt";

const npmWriters: Record<NpmLockName, (project: NpmProject) => string> = {
  "package-lock.json": packageLock,
  "npm-shrinkwrap.json": packageLock,
  "pnpm-lock.yaml": pnpmLock,
  "yarn.lock": yarnClassicLock,
  "bun.lock": bunLock,
  "deno.lock": denoLock,
};
const pythonWriters: Record<PythonLockName, (project: PythonProject) => string> = {
  "uv.lock": uvLock,
  "pylock.toml": pylock,
  "requirements.txt": requirements,
};

/** A directory of its own below the system's temporary one. */
export type TestDirectory = { path: string; remove(): void };

export function createTestDirectory(name = "project"): TestDirectory {
  const path = mkdtempSync(join(tmpdir(), `countersign-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes files below a directory; folders are made. Returns the directory. */
export function writeFiles(directory: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return directory;
}

/** The files of an npm-like project: package.json, `.npmrc` with the registry, and one lockfile. */
export const npmProjectFiles = (
  lock: NpmLockName,
  project: NpmProject & { registry: string },
): Record<string, string> => ({
  "package.json": packageJson(npmGraph(project)),
  ".npmrc": `registry=${project.registry}\n`,
  ...(lock === "bun.lock"
    ? { "bunfig.toml": `[install]\nregistry = ${JSON.stringify(project.registry)}\n` }
    : {}),
  [lock]: npmWriters[lock](project),
});

/** The files of a Python project: pyproject.toml with the index, and one lockfile. */
export const pythonProjectFiles = (lock: PythonLockName, project: PythonProject): Record<string, string> => ({
  ...(lock === "requirements.txt" ? {} : { "pyproject.toml": pyproject(project) }),
  [lock]: pythonWriters[lock](project),
});

export type ProjectOptions =
  | ({ lock: NpmLockName; registry: string; extraFiles?: Readonly<Record<string, string>> } & NpmProject)
  | ({ lock: PythonLockName; extraFiles?: Readonly<Record<string, string>> } & PythonProject);

/** Writes a project that the lock's manager can install; further files come last and so may replace what was written. */
export function writeProject(directory: string, options: ProjectOptions): string {
  return "registry" in options
    ? writeFiles(directory, { ...npmProjectFiles(options.lock, options), ...options.extraFiles })
    : writeFiles(directory, { ...pythonProjectFiles(options.lock, options), ...options.extraFiles });
}
