import { existsSync } from "node:fs";
import { join } from "node:path";
import { withPathEntry } from "../tool/find-tool.ts";
import { textOf } from "./project-files.ts";
import type { WrapperHost } from "./wrapper.ts";

const folderOf = (project: string): string => join(project, "node_modules", ".bin");

/**
 * A command that an install left; null where it left none of that name.
 * @param project absolute path @param ending of what starts it on Windows
 */
export function installedCommand(
  { environment }: WrapperHost,
  project: string,
  name: string,
  ending: "cmd" | "exe" = "cmd",
): string | null {
  // A name with a slash would lead out of the folder.
  if (!/^[^/\\.][^/\\]*$/.test(name)) return null;
  const path = join(folderOf(project), environment.platform === "win32" ? `${name}.${ending}` : name);
  return existsSync(path) ? path : null;
}

/** The commands of a project first on `PATH`, by the name that the variable has here: Windows says `Path`. */
export function withCommands({ environment }: WrapperHost, project: string): Record<string, string> {
  const { variables } = environment;
  const path = Object.keys(variables).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  return { [path]: withPathEntry(variables[path], folderOf(project)) };
}

/** The commands that an installed package declares, and the name that it would have for one of its own. */
export type DeclaredCommands = { own: string; names: readonly string[] };

/** @param directory absolute path of the package @returns null where its manifest declares none */
export function declaredCommands(directory: string): DeclaredCommands | null {
  const { name, bin } = manifestOf(directory);
  if (typeof name !== "string") return null;
  const own = name.replace(/^@[^/]+\//, "");
  if (typeof bin === "string") return { own, names: [own] };
  return typeof bin === "object" && bin !== null ? { own, names: Object.keys(bin) } : null;
}

/** The command that a package is run by where none is named: its only one, else the one of its own name. */
export function commandOf(directory: string): string | null {
  const declared = declaredCommands(directory);
  if (declared === null) return null;
  const { own, names } = declared;
  if (names.length === 1) return names[0] ?? null;
  return names.includes(own) ? own : null;
}

/** Names of what the manifest of a directory depends on, in its order. */
export const dependenciesOf = (directory: string): string[] =>
  Object.keys(manifestOf(directory).dependencies ?? {});

function manifestOf(directory: string): { name?: unknown; bin?: unknown; dependencies?: object | null } {
  try {
    return (JSON.parse(textOf(join(directory, "package.json")) ?? "null") as object | null) ?? {};
  } catch {
    return {};
  }
}
