import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import type { HookInit, Planning } from "./planning.ts";
import { writeChecksum } from "./pnpm-checksum.ts";
import { appendLines, linesOf, spliceLines } from "./text.ts";

const settingsPath = "pnpm-workspace.yaml";
const hook = ".countersign/hooks/pnpm.cjs";
const plugin = "pnpm-plugin-countersign";
/** What pnpm loads where nothing is set, in its order. */
const defaults = [".pnpmfile.mjs", ".pnpmfile.cjs"];

/** What `pnpm add --config` changed on a copy of the project; null where the registry has no such plugin. */
export type AddConfigDependency = () => Promise<ReadonlyMap<string, Buffer> | null>;

/** A config dependency where a registry has the plugin as it is here; else a file of the project that `pnpmfile` names. */
export const pnpmInit = (add: AddConfigDependency): HookInit => ({
  install: (planning) => install(planning, add),
  remove,
});

async function install(planning: Planning, add: AddConfigDependency): Promise<void> {
  const { plan, directory } = planning;
  const text = (await plan.readText(settingsPath)) ?? "";
  const { lines } = linesOf(text);
  if (lines.some(isConfigDependency)) return;
  const set = settingIn(lines);
  if (set === "none") {
    const changed = await add();
    if (changed !== null) {
      for (const [path, content] of changed) await plan.write(path, content);
      return;
    }
  }
  const edited = withPnpmfile(
    text,
    lines,
    defaults.find((name) => existsSync(join(directory, name))) ?? null,
  );
  if (edited === null) {
    planning.unwritten.push(
      `\`pnpmfile\` of ${settingsPath} has a form that is not edited; make it a list that starts with:\n  - ${hook}`,
    );
    return;
  }
  await planning.vendor(hook, await planning.hook("pnpm.cjs"));
  await plan.write(settingsPath, edited);
  await updateChecksum(planning, edited);
}

/** Brings pnpm-lock.yaml in line with the pnpmfiles that the settings name, or says that pnpm has to. */
async function updateChecksum({ plan, directory, notes }: Planning, settings: string): Promise<void> {
  const { lines } = linesOf(settings);
  const set = settingIn(lines);
  const own = defaults.find((name) => existsSync(join(directory, name)));
  const named =
    set === "none" ? (own === undefined ? [] : [own]) : set === "other" ? null : namesIn(set, lines);
  if (named === null || !(await writeChecksum(plan, named)))
    notes.push(
      "pnpm-lock.yaml holds a checksum of the pnpmfiles: `pnpm install --no-frozen-lockfile` brings it up to date",
    );
}

const namesIn = ({ value, items }: Setting, lines: readonly string[]): string[] =>
  (items.length === 0 ? [value] : items.map((at) => lines[at] ?? "")).map((each) =>
    posix.normalize(itemOf(each)),
  );

async function remove(planning: Planning): Promise<void> {
  const { plan, notes } = planning;
  await planning.vendor(hook, null);
  let text = await plan.readText(settingsPath);
  if (text === null) return;
  const { lines } = linesOf(text);
  const dependency = lines.findIndex(isConfigDependency);
  if (dependency !== -1) {
    const alone =
      (lines[dependency - 1] ?? "").startsWith("configDependencies:") &&
      !/^[ \t]+\S/.test(lines[dependency + 1] ?? "");
    text = spliceLines(text, alone ? dependency - 1 : dependency, alone ? 2 : 1, []);
    notes.push("pnpm-lock.yaml still names the plugin; `pnpm install` takes it out");
  } else {
    const without = withoutPnpmfile(text, lines);
    if (without !== text) await updateChecksum(planning, without);
    text = without;
  }
  await plan.write(settingsPath, text === "" ? null : text);
}

const isConfigDependency = (line: string): boolean =>
  new RegExp(`^[ \\t]+["']?${plugin}["']?[ \\t]*:`).test(line);

/** The line of `pnpmfile:`; `list` where its items follow in block style. */
type Setting = { at: number; value: string; items: number[] };

function settingIn(lines: readonly string[]): Setting | "none" | "other" {
  const at = lines.findIndex((line) => /^["']?pnpmfile["']?[ \t]*:/.test(line));
  if (at === -1) return "none";
  const value = /^pnpmfile:[ \t]*([^#]*?)[ \t]*(?:#.*)?$/.exec(lines[at] ?? "")?.[1];
  if (value === undefined || /^[[{&*|>!]/.test(value)) return "other";
  const items: number[] = [];
  for (let index = at + 1; /^[ \t]*- \S/.test(lines[index] ?? ""); index += 1) items.push(index);
  return value === "" && items.length === 0 ? "other" : { at, value, items };
}

const itemOf = (line: string): string =>
  line
    .replace(/^[ \t]*- /, "")
    .replace(/[ \t]+#.*$/, "")
    .replace(/^(["'])(.*)\1$/, "$2");

/**
 * @param other the pnpmfile that pnpm loads by itself and would no longer once one is named
 */
function withPnpmfile(text: string, lines: readonly string[], other: string | null): string | null {
  const set = settingIn(lines);
  if (set === "other") return null;
  if (set === "none")
    return appendLines(
      text,
      other === null ? [`pnpmfile: ${hook}`] : ["pnpmfile:", `  - ${hook}`, `  - ${other}`],
    );
  if (set.items.length > 0) {
    if (set.items.some((at) => itemOf(lines[at] ?? "") === hook)) return text;
    const lead = /^[ \t]*/.exec(lines[set.items[0] ?? 0] ?? "")?.[0] ?? "";
    return spliceLines(text, set.items[0] ?? set.at + 1, 0, [`${lead}- ${hook}`]);
  }
  if (itemOf(set.value) === hook) return text;
  return spliceLines(text, set.at, 1, ["pnpmfile:", `  - ${hook}`, `  - ${set.value}`]);
}

function withoutPnpmfile(text: string, lines: readonly string[]): string {
  const set = settingIn(lines);
  if (typeof set === "string") return text;
  if (set.items.length === 0) return itemOf(set.value) === hook ? spliceLines(text, set.at, 1, []) : text;
  const ours = set.items.find((at) => itemOf(lines[at] ?? "") === hook);
  if (ours === undefined) return text;
  const others = set.items.filter((at) => at !== ours);
  const [other] = others;
  if (other === undefined) return spliceLines(text, set.at, 1 + set.items.length, []);
  if (others.length > 1) return spliceLines(text, ours, 1, []);
  const value = (lines[other] ?? "").replace(/^[ \t]*- /, "");
  // A list of two was made of one name, or of what pnpm loads by itself.
  return spliceLines(text, set.at, 3, defaults.includes(itemOf(value)) ? [] : [`pnpmfile: ${value}`]);
}
