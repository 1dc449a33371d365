import { readdir, readFile } from "node:fs/promises";
import { dirname, join, posix, relative, sep } from "node:path";
import { parseToml, type TomlTable } from "@countersign/core";
import { upwards, type Refusal } from "@countersign/gate";
import { isPythonVersion } from "./environment.ts";

/** The project that uv would take, as its files say; nothing of it is run. */
export type Project = {
  /** Absolute path of the workspace's root, where uv.lock lies. */
  root: string;
  /** Absolute path of the nearest directory with a pyproject.toml: the root or a member. */
  member: string;
  /** POSIX paths of the members from the root, the root itself left out. */
  members: readonly string[];
  /** Why metadata cannot be read without building something; null where it can. */
  dynamic: string | null;
  /**
   * How the project's own packages get into an environment: there are none, their back-end is at hand and fetches
   * nothing, or it would be fetched unlocked.
   */
  build: "none" | "offline" | "fetches";
};

export type Found = { project: Project | null; refusal: Refusal | null };

const manifest = "pyproject.toml";
const manifestBytes = 4 * 1024 * 1024;
const maximumMembers = 2000;

/**
 * Finds the project as uv does: the nearest pyproject.toml, and the workspace of the next one above if that declares
 * it a member.
 * @param start absolute path
 */
export async function findProject(start: string): Promise<Found> {
  const member = await nearest(start);
  if (member === null) return { project: null, refusal: null };
  const own = await readManifest(member);
  if (own === null) return { project: null, refusal: unreadable(member) };
  if (tableOf(uvOf(own)["workspace"]) !== null) return describe(member, member, own);
  const above = dirname(member) === member ? null : await nearest(dirname(member));
  const parent = above === null ? null : await readManifest(above);
  const workspace = parent === null ? null : tableOf(uvOf(parent)["workspace"]);
  if (above === null || parent === null || workspace === null) return describe(member, member, own);
  const members = await membersOf(above, workspace);
  if (members === null)
    return { project: null, refusal: undecided(above, "its members pattern is not plain") };
  return members.includes(posixPath(relative(above, member)))
    ? describe(above, member, parent)
    : describe(member, member, own);
}

async function describe(root: string, member: string, own: TomlTable): Promise<Found> {
  const workspace = tableOf(uvOf(own)["workspace"]);
  const members = workspace === null ? [] : await membersOf(root, workspace);
  if (members === null)
    return { project: null, refusal: undecided(root, "its members pattern is not plain") };
  const manifests = new Map([["", own]]);
  for (const path of members) {
    const read = await readManifest(join(root, path));
    if (read !== null) manifests.set(path, read);
  }
  const dynamic = [...manifests].flatMap(([path, table]) => dynamicOf(path, table, workspace !== null))[0];
  return {
    project: {
      root,
      member,
      members: members.filter((path) => path !== ""),
      dynamic: dynamic ?? null,
      build: buildOf([...manifests.values()]),
    },
    refusal: null,
  };
}

/** uv runs the build back-end of the project itself, `--no-build` or not, where its metadata does not stand there. */
function dynamicOf(path: string, table: TomlTable, workspace: boolean): string[] {
  const shown = path === "" ? manifest : posix.join(path, manifest);
  const project = tableOf(table["project"]);
  if (project === null) return workspace && path === "" ? [] : [`${shown} has no [project]`];
  const names = listOf(project["dynamic"]).filter((name) =>
    ["version", "dependencies", "optional-dependencies", "requires-python"].includes(String(name)),
  );
  return names.length === 0 ? [] : [`${shown} leaves ${names.join(", ")} to its build back-end`];
}

function buildOf(manifests: readonly TomlTable[]): Project["build"] {
  const systems = manifests
    .filter((table) => tableOf(table["project"]) !== null && isPackage(table))
    .map((table) => tableOf(table["build-system"]));
  if (systems.length === 0) return "none";
  const offline = systems.every((system) => {
    const requires = listOf(system?.["requires"] ?? ["setuptools"]);
    return (
      requires.length === 0 ||
      (system?.["build-backend"] === "uv_build" &&
        requires.length === 1 &&
        /^uv[-_]build\b/.test(String(requires[0])))
    );
  });
  return offline ? "offline" : "fetches";
}

function isPackage(table: TomlTable): boolean {
  const stated = uvOf(table)["package"];
  return typeof stated === "boolean" ? stated : tableOf(table["build-system"]) !== null;
}

/** POSIX paths of the members from the root; null where a pattern has more than `*`, `?` and `**`. */
async function membersOf(root: string, workspace: TomlTable): Promise<string[] | null> {
  const members = new Set<string>();
  const excluded = new Set<string>();
  for (const [key, into] of [
    ["members", members],
    ["exclude", excluded],
  ] as const)
    for (const pattern of listOf(workspace[key])) {
      if (typeof pattern !== "string" || /[[\]{}!\\]/.test(pattern)) return null;
      const segments = pattern.split("/").filter((segment) => segment !== "" && segment !== ".");
      if (segments.includes("..") || segments.filter((segment) => segment === "**").length > 1) return null;
      await expand(root, "", segments, into);
      if (into.size > maximumMembers) return null;
    }
  const paths: string[] = [];
  for (const path of members)
    if (!excluded.has(path) && (await readManifest(join(root, path))) !== null) paths.push(path);
  return paths.toSorted();
}

async function expand(
  root: string,
  at: string,
  segments: readonly string[],
  into: Set<string>,
): Promise<void> {
  if (into.size > maximumMembers) return;
  const [segment, ...rest] = segments;
  if (segment === undefined) {
    into.add(at);
    return;
  }
  if (segment === "**") await expand(root, at, rest, into);
  if (!/[*?]/.test(segment)) return expand(root, posix.join(at, segment), rest, into);
  const entries = await readdir(join(root, at), { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isDirectory() || (segment === "**" && entry.name.startsWith("."))) continue;
    if (segment !== "**" && !matches(segment, entry.name)) continue;
    await expand(root, posix.join(at, entry.name), segment === "**" ? segments : rest, into);
  }
}

/** `*` and `?` within one name; only ever steps back to the last `*`. */
function matches(pattern: string, name: string): boolean {
  let [p, n, star, mark] = [0, 0, -1, 0];
  while (n < name.length) {
    if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n]) && pattern[p] !== "*") {
      p += 1;
      n += 1;
    } else if (pattern[p] === "*") {
      [star, mark] = [p, n];
      p += 1;
    } else if (star !== -1) {
      [p, mark] = [star + 1, mark + 1];
      n = mark;
    } else return false;
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}

export type PythonPin = { version: string | null; refusal: Refusal | null };

/**
 * The Python that `.python-version` (or `.python-versions`) asks for, looked for from a directory upwards as uv does.
 * One that names a program is refused: uv runs it before anything else.
 */
export async function pinnedPython(start: string): Promise<PythonPin> {
  for (const directory of upwards(start)) {
    for (const name of [".python-version", ".python-versions"]) {
      const text = await readFile(join(directory, name), "utf8").catch(() => null);
      const lines = (text ?? "").split(/\r?\n/).map((line) => line.trim());
      const stated = lines.filter((line) => line !== "" && !line.startsWith("#"));
      const wrong = stated.find((line) => !isPythonVersion(line));
      if (wrong !== undefined) return { version: null, refusal: program(name, wrong) };
      if (stated[0] !== undefined) return { version: stated[0], refusal: null };
    }
  }
  return { version: null, refusal: null };
}

const program = (name: string, value: string): Refusal => ({
  code: "settings/weakens",
  why: `${name} names ${JSON.stringify(value.slice(0, 120))}, which uv would run before anything is verified.`,
  fix: `Write a version into ${name}: 3.12`,
});

async function nearest(start: string): Promise<string | null> {
  for (const directory of upwards(start)) {
    if ((await readText(join(directory, manifest))) !== null) return directory;
  }
  return null;
}

async function readText(path: string): Promise<string | null> {
  const bytes = await readFile(path).catch(() => null);
  return bytes === null || bytes.length > manifestBytes ? null : bytes.toString("utf8");
}

async function readManifest(directory: string): Promise<TomlTable | null> {
  const text = await readText(join(directory, manifest));
  const read = text === null ? null : parseToml(manifest, text, 32);
  return read?.ok === true ? read.document.root : null;
}

export const tableOf = (value: unknown): TomlTable | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as TomlTable) : null;
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const uvOf = (table: TomlTable): TomlTable => tableOf(tableOf(table["tool"])?.["uv"]) ?? {};
const posixPath = (path: string): string => path.split(sep).join("/");

const unreadable = (directory: string): Refusal => ({
  code: "settings/malformed",
  why: `${join(directory, manifest)} cannot be read.`,
  fix: `Correct ${manifest}.`,
});

const undecided = (directory: string, why: string): Refusal => ({
  code: "command/uncovered",
  why: `Which packages belong to the workspace at ${directory} cannot be told: ${why}.`,
  fix: "Write [tool.uv.workspace] members as paths with * and ? only, without braces or brackets.",
});
