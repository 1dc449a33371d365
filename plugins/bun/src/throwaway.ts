import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findTool, policyHome, withPathEntry, type Throwaway, type WrapperHost } from "@countersign/gate";
import type { Request } from "./plan.ts";
import { lockfile, projectOf, strictVariables, throwawayFiles } from "./project.ts";

/** What was asked for without a lockfile, as a project that has one. */
export function throwawayOf(host: WrapperHost, request: Request, user: readonly string[]): Throwaway {
  const { name, range } = request;
  const manifest = { name: "countersign-throwaway", private: true, dependencies: { [name]: range } };
  const files = {
    ...throwawayFiles(projectOf(host.directory).root),
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
  };
  const variables = strictVariables(host, host.directory);
  return {
    manager: "bun",
    tool: "bun",
    key: [name, range, JSON.stringify(files)],
    files,
    lockfile,
    resolve: () => ({ args: ["install", "--lockfile-only", "--ignore-scripts", "--no-env-file"], variables }),
    install: () => ({ args: ["install", "--frozen-lockfile", "--force", "--no-env-file"], variables }),
    execute: (kept) => execution(host, kept, request),
    user: { args: user },
  };
}

async function execution(
  host: WrapperHost,
  kept: string,
  { name, command: asked, args, withBun }: Request,
): ReturnType<Throwaway["execute"]> {
  const { variables, platform } = host.environment;
  const command = asked ?? commandOf(join(kept, "node_modules", name));
  // A name with a slash would lead out of the folder.
  if (command === null || !/^[^/\\.][^/\\]*$/.test(command)) return null;
  const folder = join(kept, "node_modules", ".bin");
  const file = join(folder, platform === "win32" ? `${command}.exe` : command);
  if (!existsSync(file)) return null;
  const path = Object.keys(variables).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const added = { [path]: withPathEntry(variables[path], folder) };
  if (!withBun) return { command: file, run: { args, variables: added } };
  const bun = await findTool("bun", { variables, platform, project: policyHome(host.directory) });
  return bun === null
    ? null
    : { command: bun, run: { args: ["--bun", "--no-install", "run", file, ...args], variables: added } };
}

/** The command of a package: the one of its own name, else its first. */
export function commandOf(directory: string): string | null {
  let manifest: { name?: unknown; bin?: unknown } | null;
  try {
    manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as object | null;
  } catch {
    return null;
  }
  if (typeof manifest?.name !== "string") return null;
  const unscoped = manifest.name.replace(/^@[^/]+\//, "");
  const { bin } = manifest;
  if (typeof bin === "string") return unscoped;
  if (typeof bin !== "object" || bin === null) return null;
  return Object.hasOwn(bin, unscoped) ? unscoped : (Object.keys(bin)[0] ?? null);
}
