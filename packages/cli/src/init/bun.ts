import type { HookInit, Planning } from "./planning.ts";
import { appendLines, linesOf, spliceLines } from "./text.ts";

const settingsPath = "bunfig.toml";
const hook = ".countersign/hooks/bun.mjs";
const header = "[install.security]";
const setting = `scanner = "./${hook}"`;

/** Bun asks one security scanner, which bunfig.toml names. */
export const bunInit: HookInit = { install, remove };

const isHeader = (line: string): boolean =>
  /^[ \t]*\[[ \t]*install[ \t]*\.[ \t]*security[ \t]*\][ \t]*(?:#.*)?$/.test(line);
const isOurs = (line: string): boolean => line.trim() === setting;

async function install(planning: Planning): Promise<void> {
  const { plan } = planning;
  const text = (await plan.readText(settingsPath)) ?? "";
  const { lines } = linesOf(text);
  const edited = withScanner(text, lines);
  if (edited === null) {
    planning.unwritten.push(
      `${settingsPath} names another scanner, or in a form that is not edited; Bun asks one only:\n${header}\n${setting}`,
    );
    return;
  }
  await planning.vendor(hook, await planning.hook("bun.mjs"));
  await plan.write(settingsPath, edited);
}

async function remove(planning: Planning): Promise<void> {
  await planning.vendor(hook, null);
  const text = await planning.plan.readText(settingsPath);
  if (text === null) return;
  const { lines } = linesOf(text);
  const at = lines.findIndex(isOurs);
  if (at === -1) return;
  const alone = lines[at - 1] === header && /^[ \t]*(?:\[|$)/.test(lines[at + 1] ?? "");
  // The empty line before the table came with it.
  const start = alone ? at - 1 - (lines[at - 2] === "" ? 1 : 0) : at;
  const edited = spliceLines(text, start, at + 1 - start, []);
  await planning.plan.write(settingsPath, edited === "" ? null : edited);
}

function withScanner(text: string, lines: readonly string[]): string | null {
  if (lines.some(isOurs)) return text;
  const at = lines.findIndex(isHeader);
  if (at === -1) {
    // `security` elsewhere: an inline table, a dotted key or a quoted one.
    if (lines.some((line) => /security/.test(line.replace(/#.*$/, "")))) return null;
    return appendLines(text, text === "" ? [header, setting] : ["", header, setting]);
  }
  const next = lines.findIndex((line, index) => index > at && /^[ \t]*\[/.test(line));
  const body = lines.slice(at + 1, next === -1 ? lines.length : next);
  if (body.some((line) => /^[ \t]*["']?scanner["']?[ \t]*=/.test(line))) return null;
  return spliceLines(text, at + 1, 0, [setting]);
}
