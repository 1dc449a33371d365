import { createHash } from "node:crypto";
import { yarnPluginPath } from "@countersign/gate";
import type { HookInit, Planning } from "./planning.ts";
import { appendLines, linesOf, spliceLines } from "./text.ts";

const settingsPath = ".yarnrc.yml";
const indentOf = (line: string): string => /^ */.exec(line)?.[0] ?? "";

/** Yarn loads the plugins that `.yarnrc.yml` lists, each a file of the project. */
export const yarnInit: HookInit = { install, remove };

async function install(planning: Planning): Promise<void> {
  const { plan, version } = planning;
  const text = (await plan.readText(settingsPath)) ?? "";
  const plugin = await planning.hook("yarn-plugin-countersign.cjs");
  // Yarn compares the checksum only when it fetches a missing plugin; then a spec that is no address stops it.
  const entry = [
    `checksum: ${createHash("sha512").update(plugin).digest("hex")}`,
    `path: ${yarnPluginPath}`,
    `spec: "yarn-plugin-countersign@${version}"`,
  ];
  const edited = withEntry(text, entry);
  if (edited === null) {
    const [first = "", ...rest] = entry;
    const lines = ["plugins:", `  - ${first}`, ...rest.map((line) => `    ${line}`)];
    planning.unwritten.push(
      `${settingsPath} has a list of plugins in a form that is not edited; add to it:\n${lines.join("\n")}`,
    );
    return;
  }
  await planning.vendor(yarnPluginPath, plugin);
  await plan.write(settingsPath, edited);
}

async function remove(planning: Planning): Promise<void> {
  await planning.vendor(yarnPluginPath, null);
  const text = await planning.plan.readText(settingsPath);
  if (text === null) return;
  const place = entryIn(text);
  if (place === null) return;
  const { list, start, count } = place;
  const edited =
    list.items.length === 1
      ? spliceLines(text, list.key, start + count - list.key, [])
      : spliceLines(text, start, count, []);
  await planning.plan.write(settingsPath, edited === "" ? null : edited);
}

/** Top-level `plugins:` in block style; items are the indices of the lines that start one. */
type List = { key: number; items: number[]; end: number };

function listIn(lines: readonly string[]): List | "none" | "other" {
  const key = lines.findIndex((line) => /^(?:plugins|"plugins"|'plugins')[ \t]*:/.test(line));
  if (key === -1) return "none";
  if (!/^plugins:[ \t]*(?:#.*)?$/.test(lines[key] ?? "")) return "other";
  let end = key + 1;
  while (end < lines.length && /^(?:[ \t]|- |#|$)/.test(lines[end] ?? "")) end += 1;
  // Comments and empty lines before the next key belong to that.
  while (end > key + 1 && /^(?:#|[ \t]*$)/.test(lines[end - 1] ?? "")) end -= 1;
  const first = lines.slice(key + 1, end).find((line) => /^ *- /.test(line));
  if (first === undefined) return "other";
  const lead = `${indentOf(first)}- `;
  const items = lines.flatMap((line, at) => (at > key && at < end && line.startsWith(lead) ? [at] : []));
  return { key, items, end };
}

function entryIn(text: string): { list: List; start: number; count: number } | null {
  const { lines } = linesOf(text);
  const list = listIn(lines);
  if (typeof list === "string") return null;
  for (const [at, start] of list.items.entries()) {
    const end = list.items[at + 1] ?? list.end;
    if (lines.slice(start, end).some((line) => line.includes(yarnPluginPath)))
      return { list, start, count: end - start };
  }
  return null;
}

function withEntry(text: string, entry: readonly string[]): string | null {
  const { lines } = linesOf(text);
  const list = listIn(lines);
  if (list === "other") return null;
  const block = (lead: string): string[] =>
    entry.map((line, at) => `${lead}${at === 0 ? "- " : "  "}${line}`);
  if (list === "none") return appendLines(text, ["plugins:", ...block("  ")]);
  const lead = indentOf(lines[list.items[0] ?? list.key] ?? "");
  const place = entryIn(text);
  if (place === null) return spliceLines(text, list.end, 0, block(lead));
  return spliceLines(text, place.start, place.count, block(lead));
}
