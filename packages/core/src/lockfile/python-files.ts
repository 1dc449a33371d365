import { formatPurl, normaliseProjectName } from "../purl.ts";
import {
  matchesProject,
  parseDistributionFilename,
  type Distribution,
  type WheelTags,
} from "../pypi/distribution.ts";
import { parseVersion, versionKey } from "../pypi/version.ts";

/** Purl of a Python package; without a version where the lock has none. */
export const pythonPurl = (name: string, version: string): string =>
  version === ""
    ? `pkg:pypi/${normaliseProjectName(name)}`
    : formatPurl({ ecosystem: "pypi", name, version });

/** The file name an address ends in, percent-decoded; null when it has none. Query and fragment are no part of it. */
export function fileOfUrl(url: string): string | null {
  // Almost every address is of this plain form, where no rule of the URL standard touches the last segment.
  if (/^https?:\/\/[A-Za-z0-9]/.test(url) && !/[?#%\\]/.test(url)) {
    const slash = url.lastIndexOf("/");
    const name = url.slice(slash + 1);
    if (url[slash - 1] !== "/" && /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name)) return name;
  }
  if (!URL.canParse(url)) return null;
  return decodeName(new URL(url).pathname.split("/").at(-1) ?? "");
}

/** The last part of a local path, with either separator. */
export const fileOfPath = (path: string): string | null => path.split(/[/\\]/).at(-1) || null;

/** A file name and what it says; parsed once, for it is compared in several ways. */
export type NamedFile = { file: string; parsed: Distribution | null };
export const nameFile = (file: string): NamedFile => ({ file, parsed: parseDistributionFilename(file) });

/** Why a file cannot belong to the locked project and version; null when its name is one of theirs. */
export function mismatch(
  form: "wheel" | "sdist",
  { file, parsed }: NamedFile,
  name: string,
  version: string,
): string | null {
  if (form === "sdist" && file.endsWith(".whl"))
    return `"${file}" is a wheel where a source distribution is expected.`;
  if (form === "wheel" && parsed?.form !== "wheel")
    return `"${file}" is not the name of a wheel, so what it holds is unknown.`;
  if (parsed?.project === normaliseProjectName(name) && parsed.version === version) return null;
  if (matchesProject(file, name, version)) return null;
  return `"${file}" is not a file of ${name} ${version}: it would be installed in its place.`;
}

type Wheel = Extract<Distribution, { form: "wheel" }>;

const maximumWheels = 2000;
const maximumTags = 1024;

/**
 * Why one file of a package would silently stand for another: the same name twice, the same distribution spelled
 * differently, or a build tag, which ranks a wheel above the others for the same tags.
 * @returns for each clash the index of the later file and the reason
 */
export function clashes(files: readonly NamedFile[]): { index: number; why: string }[] {
  const found: { index: number; why: string }[] = [];
  const names = new Map<string, string>();
  const wheels: { index: number; file: string; build: string | null; tags: WheelTags }[] = [];
  if (files.length < 2) return found;
  for (const [index, { file, parsed }] of files.entries()) {
    const key = parsed?.form === "wheel" ? wheelKey(parsed) : file;
    const known = names.get(key);
    if (known !== undefined) {
      const same =
        known === file ? `"${file}" is listed twice` : `"${file}" and "${known}" are the same file by name`;
      found.push({ index, why: `${same}: the manager silently takes one of them.` });
      continue;
    }
    names.set(key, file);
    if (parsed?.form === "wheel") wheels.push({ index, file, build: parsed.build, tags: parsed.tags });
  }
  if (wheels.some(({ build }) => build !== null)) found.push(...buildClashes(wheels));
  return found.toSorted((a, b) => a.index - b.index);
}

function buildClashes(
  wheels: readonly { index: number; file: string; build: string | null; tags: WheelTags }[],
): { index: number; why: string }[] {
  const over = wheels.findIndex(({ tags }, count) => count >= maximumWheels || tagCount(tags) > maximumTags);
  if (over !== -1) {
    const { index, file } = wheels[over] as { index: number; file: string };
    return [
      {
        index,
        why: `"${file}": too many wheels or tags beside a wheel with a build tag to tell which one ranks above.`,
      },
    ];
  }
  const found: { index: number; why: string }[] = [];
  const holders = new Map<string, { file: string; build: string | null }>();
  for (const { index, file, build, tags } of wheels) {
    let other: string | null = null;
    for (const tag of expand(tags)) {
      const holder = holders.get(tag);
      if (holder === undefined) holders.set(tag, { file, build });
      else if (holder.build !== build) other = holder.file;
    }
    if (other !== null) {
      found.push({
        index,
        why: `"${file}" and "${other}" fit the same machines and differ in the build tag: the higher one silently wins.`,
      });
    }
  }
  return found;
}

const tagKey = ({ python, abi, platform }: WheelTags): string =>
  [python, abi, platform].map((list) => list.join(".")).join("-");
/** One text for all spellings of one wheel. */
function wheelKey({ project, version, build, tags }: Wheel): string {
  const parsed = parseVersion(version);
  return [project, parsed === null ? version : versionKey(parsed), build ?? "", tagKey(tags)].join(" ");
}
const tagCount = ({ python, abi, platform }: WheelTags): number =>
  python.length * abi.length * platform.length;
const expand = ({ python, abi, platform }: WheelTags): string[] =>
  python.flatMap((interpreter) =>
    abi.flatMap((binary) => platform.map((machine) => `${interpreter}-${binary}-${machine}`)),
  );

function decodeName(text: string): string | null {
  try {
    return decodeURIComponent(text) || null;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
