/** A requirement of a package from an index (PEP 508), as a command line gives it. */
export type Requirement = { name: string; text: string };

const pattern =
  /^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)\s*(\[[A-Za-z0-9._,\s-]{0,200}\])?\s*((?:[<>=!~]=?=?\s*[A-Za-z0-9.*+!_-]{1,100}\s*,?\s*){0,10})$/;

/**
 * Reads a requirement. Addresses, paths, git sources, markers and whatever could be an option or a line of its own are
 * none: null.
 */
export function readRequirement(text: string): Requirement | null {
  if (text.length > 500) return null;
  const match = pattern.exec(text.trim());
  return match === null ? null : { name: match[1] as string, text: text.trim() };
}

export type ToolRequest = {
  requirements: readonly string[];
  /** The program to run. */
  command: string;
  args: readonly string[];
  /** `--python X`, where the tool is Python itself. */
  python: string | null;
};

/**
 * What `uvx [--from SPEC] [--with SPEC]… TOOL[@VERSION] ARGS…` asks for; null for what is no package of an index.
 * @param words the tool and its arguments
 */
export function readToolRequest(
  from: string | null,
  extra: readonly string[],
  words: readonly string[],
): ToolRequest | null {
  const [word = "", ...args] = words;
  const added = extra.flatMap((each) => each.split(",")).map((each) => readRequirement(each));
  if (added.some((each) => each === null)) return null;
  const requirements = added.flatMap((each) => each?.text ?? []);
  if (from !== null) {
    const wanted = readVersioned(from);
    if (wanted === null || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(word)) return null;
    return { requirements: [wanted.text, ...requirements], command: word, args, python: null };
  }
  const python = /^python(?:@?(\d+(?:\.\d+){0,2}))?$/.exec(word);
  if (python !== null) return { requirements, command: "python", args, python: python[1] ?? null };
  const tool = readVersioned(word);
  if (tool === null) return null;
  return { requirements: [tool.text, ...requirements], command: tool.name, args, python: null };
}

/** `NAME@VERSION` is uv's own way to write `NAME==VERSION`. */
export function readVersioned(text: string): Requirement | null {
  const match = /^([^@\s]+)@([A-Za-z0-9.!+_-]{1,100})$/.exec(text);
  if (match === null) return readRequirement(text);
  // What is newest is looked up when the tool is locked.
  const [, name = "", version = ""] = match;
  return readRequirement(version === "latest" ? name : `${name}==${version}`);
}
