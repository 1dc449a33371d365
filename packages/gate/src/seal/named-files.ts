import { join, posix } from "node:path";
import { toPlainJson } from "@countersign/core";
import { load } from "js-yaml";
import { parse } from "smol-toml";
import { isTable, readTable } from "../manager/configuration-file.ts";
import type { ManagerName } from "../manager/manager.ts";

type Naming = {
  file: string;
  parse: (text: string) => unknown;
  fields: readonly (readonly string[])[];
};

const parseCommented = (text: string): unknown => {
  const plain = toPlainJson(text);
  return plain.ok ? JSON.parse(plain.text) : null;
};

/** Settings that name files which run before or during an install, or change what is installed. */
const namings: Readonly<Partial<Record<ManagerName, readonly Naming[]>>> = {
  pnpm: [
    {
      file: "pnpm-workspace.yaml",
      parse: (text) => load(text),
      fields: [["pnpmfile"], ["patchedDependencies"]],
    },
    { file: "package.json", parse: JSON.parse, fields: [["pnpm", "patchedDependencies"]] },
    { file: ".npmrc", parse: (text) => settingsOf(text, /^\s*pnpmfile\s*=(.*)$/gm), fields: [["paths"]] },
  ],
  yarn: [
    { file: ".yarnrc.yml", parse: (text) => load(text), fields: [["yarnPath"], ["plugins"]] },
    // Of Yarn 1, in the syntax of its lockfile.
    {
      file: ".yarnrc",
      parse: (text) => settingsOf(text, /^\s*"?yarn-path"?:?\s(.*)$/gm),
      fields: [["paths"]],
    },
  ],
  bun: [
    { file: "bunfig.toml", parse: (text) => parse(text), fields: [["preload"]] },
    { file: "package.json", parse: JSON.parse, fields: [["patchedDependencies"]] },
  ],
  deno: ["deno.json", "deno.jsonc"].map((file) => ({ file, parse: parseCommented, fields: [["importMap"]] })),
};

/** What one setting of a file of lines is, each time that it stands there, without quotes. */
const settingsOf = (text: string, line: RegExp): { paths: string[] } => ({
  paths: Array.from(text.matchAll(line), ([, value = ""]) => value.trim().replaceAll(/^["']|["']$/g, "")),
});

/**
 * Files that the manager's configuration names, POSIX paths from its directory. A seal takes those of the repository
 * into its closure when it is made; that configuration is in the closure too, so who names others breaks the seal.
 * @param directory absolute path of the directory with the configuration
 * @param within absolute path of the repository, which links may not leave
 */
export async function namedFiles(manager: ManagerName, directory: string, within: string): Promise<string[]> {
  const names: string[] = [];
  for (const naming of namings[manager] ?? []) {
    // What cannot be read is a finding of the manager's own configuration reader.
    const read = await readTable(join(directory, naming.file), naming.file, within, naming.parse, []);
    for (const field of naming.fields) names.push(...textsOf(field.reduce(memberOf, read?.table)));
  }
  return [...new Set(names.map((name) => posix.normalize(name)))].filter(
    (name) => name !== "." && !name.startsWith("/"),
  );
}

const memberOf = (value: unknown, name: string): unknown =>
  isTable(value) && Object.hasOwn(value, name) ? value[name] : null;

/** Every text of a value: a path, a list of them, or a table of them; of a plugin's entry its `path` is one. */
function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}
