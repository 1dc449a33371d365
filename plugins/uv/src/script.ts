import { readFile } from "node:fs/promises";
import { parseToml } from "@countersign/core";
import type { Refusal } from "@countersign/gate";
import { listOf, tableOf } from "./project.ts";
import { readRequirement } from "./requirement.ts";

/** The inline metadata of a script (PEP 723). */
export type Script =
  | { kind: "plain" }
  | { kind: "metadata"; requirements: readonly string[]; requiresPython: string | null }
  | { kind: "refused"; refusal: Refusal };

const maximumBytes = 4 * 1024 * 1024;
/** What a header may set of uv: anything else changes where packages come from or how they are made. */
const settings: ReadonlySet<string> = new Set(["exclude-newer", "prerelease", "resolution"]);

/** @param path absolute */
export async function readScript(path: string, shown: string): Promise<Script> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return refused(`${shown} cannot be read.`, "Name a script that is there.");
  if (bytes.length > maximumBytes)
    return refused(`${shown} is larger than ${maximumBytes} bytes.`, "Run it with python.");
  return scriptOf(bytes.toString("utf8"), shown);
}

/** The metadata of a script's text. */
export function scriptOf(text: string, shown: string): Script {
  const block = metadataBlock(text);
  if (block === null) return { kind: "plain" };
  if (block === "several")
    return refused(`${shown} has more than one block of metadata.`, "Leave one `# /// script` block.");
  const read = parseToml(shown, block.text, 16);
  if (!read.ok)
    return refused(`The metadata of ${shown} cannot be read: ${read.detail}.`, "Correct its TOML.");
  const { root } = read.document;
  const uv = Object.keys(tableOf(tableOf(root["tool"])?.["uv"]) ?? {}).find((name) => !settings.has(name));
  if (uv !== undefined) {
    return refused(
      `${shown} sets ${uv} of [tool.uv] in its metadata, which changes where packages come from or how they are made.`,
      `Remove ${uv} from the script; indexes belong into your own uv.toml.`,
    );
  }
  const dependencies = listOf(root["dependencies"]);
  const wrong = dependencies.find((each) => typeof each !== "string" || readRequirement(each) === null);
  if (wrong !== undefined)
    return refused(
      `${shown} requires ${JSON.stringify(wrong)}, which is no plain requirement of an index.`,
      "Name packages and versions only.",
    );
  const requires = root["requires-python"];
  return {
    kind: "metadata",
    requirements: dependencies as string[],
    requiresPython: typeof requires === "string" ? requires.slice(0, 200) : null,
  };
}

/** The text between `# /// script` and `# ///` without its comment signs; null where there is none. */
function metadataBlock(text: string): { text: string } | "several" | null {
  const lines = text.split(/\r?\n/);
  const starts = lines.flatMap((line, index) => (/^# \/\/\/ script\s*$/.test(line) ? [index] : []));
  if (starts.length === 0) return null;
  if (starts.length > 1) return "several";
  const body: string[] = [];
  let end: number | null = null;
  for (const line of lines.slice((starts[0] as number) + 1)) {
    if (line !== "#" && !line.startsWith("# ")) break;
    // The last such line of the comment ends the block.
    if (/^# \/\/\/\s*$/.test(line)) end = body.length;
    body.push(line.slice(2));
  }
  return end === null ? null : { text: body.slice(0, end).join("\n") };
}

const refused = (why: string, fix: string): Script => ({
  kind: "refused",
  refusal: { code: "command/uncovered", why, fix },
});
