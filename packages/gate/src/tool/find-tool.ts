import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { delimiter as ownDelimiter, posix, win32 } from "node:path";

export type ToolSearch = {
  variables: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  /** Absolute path of the checked project: what lies in it is not taken for a package manager. */
  project: string;
};

/**
 * The absolute path of an executable on `PATH`; null where there is none. Relative entries and whatever lies in the
 * project (`node_modules/.bin` stands first under a package script) are left out: the change under test could have
 * put a manager there.
 */
export async function findTool(name: string, search: ToolSearch): Promise<string | null> {
  const { platform, project } = search;
  const path = platform === "win32" ? win32 : posix;
  const inside = await realpath(project).catch(() => project);
  for (const candidate of candidatesOf(name, search)) {
    if (!(await isExecutable(candidate, platform))) continue;
    // A folder of PATH, or the tool itself, may be a link into the project.
    const real = await realpath(candidate).catch(() => candidate);
    if (!isBelow(candidate, inside, path) && !isBelow(real, inside, path)) return candidate;
  }
  return null;
}

/** Every path that an executable of that name may have, in order, by the words of its platform. */
export function candidatesOf(name: string, search: ToolSearch): string[] {
  const { platform, project } = search;
  const path = platform === "win32" ? win32 : posix;
  const names =
    platform === "win32" ? extensionsOf(search).map((extension) => `${name}${extension}`) : [name];
  return pathOf(search)
    .split(path.delimiter)
    .map((folder) => (platform === "win32" ? folder.replace(/^"(.*)"$/, "$1") : folder))
    .filter((folder) => isAbsolute(folder, platform))
    .flatMap((folder) => names.map((each) => path.join(folder, each)))
    .filter((candidate) => !isBelow(candidate, project, path));
}

/** A folder of Windows without its drive is relative to the current one. */
const isAbsolute = (folder: string, platform: NodeJS.Platform): boolean =>
  platform === "win32" ? /^(?:[A-Za-z]:[\\/]|[\\/]{2}[^\\/])/.test(folder) : posix.isAbsolute(folder);

/** Windows looks a variable up in any case; a program sees the spelling that the system gave. */
function pathOf({ variables, platform }: ToolSearch): string {
  if (platform !== "win32") return variables["PATH"] ?? "";
  return Object.entries(variables).find(([name]) => name.toUpperCase() === "PATH")?.[1] ?? "";
}

function extensionsOf({ variables }: ToolSearch): string[] {
  const stated = Object.entries(variables).find(([name]) => name.toUpperCase() === "PATHEXT")?.[1];
  return (stated ?? ".COM;.EXE;.BAT;.CMD").split(";").filter((extension) => extension !== "");
}

function isBelow(candidate: string, root: string, path: typeof posix): boolean {
  const way = path.relative(root, candidate);
  return way !== "" && !way.startsWith("..") && !path.isAbsolute(way);
}

async function isExecutable(candidate: string, platform: NodeJS.Platform): Promise<boolean> {
  try {
    if (!(await stat(candidate)).isFile()) return false;
    if (platform !== "win32") await access(candidate, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `PATH` of this machine's form with a folder in front. */
export const withPathEntry = (path: string | undefined, folder: string): string =>
  path === undefined || path === "" ? folder : `${folder}${ownDelimiter}${path}`;
