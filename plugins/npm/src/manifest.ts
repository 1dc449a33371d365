import { glob, open } from "node:fs/promises";
import { join, posix } from "node:path";
import { parseJson } from "@countersign/core";

/**
 * Whether a lockfile holds what package.json asks for: `same`, `differs`, or `unclear` where only npm can tell
 * (overrides and extensions are not written into a lockfile, and old lockfiles leave out what was asked for).
 */
export type Agreement = "same" | "differs" | "unclear";

type Table = Readonly<Record<string, unknown>>;
const maximumBytes = 256 * 1024 * 1024;
const manifestBytes = 4 * 1024 * 1024;
const fields = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const;

/**
 * Compares package.json of a project and of its workspaces with what its lockfile says they ask for, as npm does
 * before a frozen install.
 * @param directory absolute path of the project
 */
export async function agreementOf(directory: string, lockfile: string): Promise<Agreement> {
  const lock = await readTable(join(directory, lockfile), maximumBytes);
  const root = await readTable(join(directory, "package.json"), manifestBytes);
  if (root === null || lock === null) return "differs";
  const packages = tableOf(lock["packages"]);
  if (packages === null) return "unclear";
  if (
    ["overrides", "packageExtensions", "patchedDependencies"].some((field) => tableOf(root[field]) !== null)
  )
    return "unclear";
  if (!asksTheSame(root, tableOf(own(packages, "")))) return "differs";
  const found = await workspacesOf(directory, root);
  const locked = Object.keys(packages).filter(
    (path) => path !== "" && !path.split("/").includes("node_modules"),
  );
  for (const path of new Set([...found, ...locked])) {
    if (!staysInside(path)) return "unclear";
    const manifest = await readTable(join(directory, path, "package.json"), manifestBytes);
    if (manifest === null || !asksTheSame(manifest, tableOf(own(packages, path)))) return "differs";
  }
  return "same";
}

/** POSIX paths of the workspaces that package.json declares and that are there. */
export async function workspacesOf(directory: string, manifest: Table): Promise<string[]> {
  const declared = manifest["workspaces"];
  const patterns = Array.isArray(declared) ? declared : (tableOf(declared)?.["packages"] ?? []);
  if (!Array.isArray(patterns)) return [];
  const wanted = patterns.filter((each): each is string => typeof each === "string" && each !== "");
  const found = new Set<string>();
  for (const pattern of wanted) {
    const negated = pattern.startsWith("!");
    const plain = pattern.replace(/^!?(?:\.?\/)*/, "").replace(/\/+$/, "");
    for await (const path of glob(posix.join(plain, "package.json"), {
      cwd: directory,
      exclude: (name) => name === "node_modules",
    })) {
      const workspace = posix.dirname(path.replaceAll("\\", "/"));
      if (negated) found.delete(workspace);
      else if (workspace !== ".") found.add(workspace);
    }
  }
  return [...found].toSorted();
}

/** package.json of a directory; null where there is none that can be read. */
export const readManifest = (directory: string): Promise<Table | null> =>
  readTable(join(directory, "package.json"), manifestBytes);

function asksTheSame(manifest: Table, locked: Table | null): boolean {
  if (locked === null) return false;
  const [asked, held] = [asksOf(manifest), asksOf(locked)];
  return asked.size === held.size && [...asked].every(([name, spec]) => held.get(name) === spec);
}

/** What a manifest asks for; an optional dependency that stands among the others too is optional. */
function asksOf(manifest: Table): Map<string, string> {
  const optional = tableOf(manifest["optionalDependencies"]) ?? {};
  return new Map(
    fields.flatMap((field) =>
      Object.entries(tableOf(manifest[field]) ?? {})
        .filter(([name]) => field !== "dependencies" || !Object.hasOwn(optional, name))
        .map(([name, spec]) => [`${field}\0${name}`, String(spec)] as const),
    ),
  );
}

const own = (table: Table, key: string): unknown => (Object.hasOwn(table, key) ? table[key] : undefined);

const staysInside = (path: string): boolean =>
  !posix.isAbsolute(path) && !/^[a-z]:/i.test(path) && !path.split(/[\\/]/).includes("..");

const tableOf = (value: unknown): Table | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : null;

async function readTable(path: string, maximum: number): Promise<Table | null> {
  const file = await open(path).catch(() => null);
  if (file === null) return null;
  try {
    const status = await file.stat();
    if (!status.isFile() || status.size > maximum) return null;
    const parsed = parseJson((await file.readFile("utf8")).replace(/^\uFEFF/, ""), 200);
    return parsed.ok ? tableOf(parsed.value) : null;
  } finally {
    await file.close();
  }
}
