import type { Discovery } from "@countersign/gate";
import type { FilePlan } from "./file-change.ts";
import { appendLines, linesOf, spliceLines } from "./text.ts";

const attributes = ".gitattributes";
const ignore = ".countersign/.npmignore";
const everything = "*\n";
const packed: ReadonlySet<string> = new Set(["npm", "pnpm", "yarn", "bun"]);

/**
 * Line breaks of lockfiles as they were sealed on every checkout, and `.countersign` out of published packages: an
 * ignore file in that folder leaves the project's own list of what is published alone.
 */
export async function addRepositoryFiles(plan: FilePlan, { lockfiles }: Discovery): Promise<void> {
  const text = (await plan.readText(attributes)) ?? "";
  const known = new Set(linesOf(text).lines.map((line) => line.trim()));
  const missing = lockfiles.map(({ path }) => attributeOf(path)).filter((line) => !known.has(line));
  if (missing.length > 0) await plan.write(attributes, appendLines(text, missing));
  if (lockfiles.some(({ manager }) => packed.has(manager)) && (await plan.read(ignore)) === null)
    await plan.write(ignore, everything);
}

/** Takes back the lines and the file that {@link addRepositoryFiles} wrote, and nothing else. */
export async function removeRepositoryFiles(plan: FilePlan, { lockfiles }: Discovery): Promise<void> {
  let text = await plan.readText(attributes);
  for (const { path } of lockfiles) {
    if (text === null) break;
    const at = linesOf(text).lines.indexOf(attributeOf(path));
    if (at !== -1) text = spliceLines(text, at, 1, []);
  }
  if (text !== null) await plan.write(attributes, text === "" ? null : text);
  if ((await plan.readText(ignore)) === everything) await plan.write(ignore, null);
}

/** A path with a space, which separates in that file, is written as a pattern. */
const attributeOf = (path: string): string => `/${path.replaceAll(" ", "[[:space:]]")} text eol=lf`;
