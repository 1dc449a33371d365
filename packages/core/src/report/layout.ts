/** Colours and weights as functions; `plain` changes nothing. The command line passes its terminal's. */
export type Palette = {
  bold: (text: string) => string;
  dim: (text: string) => string;
  red: (text: string) => string;
  yellow: (text: string) => string;
  green: (text: string) => string;
  cyan: (text: string) => string;
};

const same = (text: string): string => text;
export const plain: Palette = { bold: same, dim: same, red: same, yellow: same, green: same, cyan: same };

const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uFF01-\uFF60]/u;
const mark = /\p{M}/u;

/** Columns that visible text takes in a terminal. */
export function columns(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let count = 0;
  for (const character of text) count += mark.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return count;
}

/**
 * Breaks visible text at spaces. Words and `quoted commands` are never broken: one that does not fit stands on
 * a line of its own, longer than `width`, so that it can still be copied.
 * @param text visible text, or its words where the caller knows what belongs together
 * @param first what the first line starts with; its columns count
 * @param indent what every other line starts with
 */
export function wrap(
  text: string | readonly string[],
  width: number,
  first: string,
  indent: string,
): string[] {
  const lines: string[] = [];
  let line = first;
  let used = columns(first);
  let empty = true;
  for (const word of typeof text === "string" ? unbreakable(text) : text) {
    const size = columns(word);
    if (!empty && used + 1 + size > width) {
      lines.push(line);
      line = indent;
      used = columns(indent);
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    used += empty ? size : size + 1;
    empty = false;
  }
  lines.push(line.trimEnd());
  return lines;
}

/** Words of a text; a span in backticks or braces (`{ path: allow }`) belongs to one word. */
export function unbreakable(text: string): string[] {
  const words: string[] = [];
  let end: string | null = null;
  let word = "";
  for (const character of text) {
    if (end === null && character === "`") end = "`";
    else if (end === null && character === "{") end = "}";
    else if (character === end) end = null;
    if (character === " " && end === null) {
      if (word !== "") words.push(word);
      word = "";
    } else word += character;
  }
  // What is opened and never closed quotes nothing: a text that only looks like a command is broken like any other.
  if (end !== null) words.push(...word.split(" ").filter((part) => part !== ""));
  else if (word !== "") words.push(word);
  return words;
}

/** `1 package`, `2 packages`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** A line of a fix is prose when it ends like a sentence or quotes its command; else it is a command or line to copy. */
export const isProse = (line: string): boolean => /[.:`]$|`[^`]+`/.test(line) && !/^\s*[\w-]+:$/.test(line);

/** Lines of a fix that are shown; what goes on after them is one line of its own. */
const fixBound = 40;

/** The lines of a fix: those to read, and those to copy (a command, lines of a policy), which keep their indentation. */
export function fixLines(fix: string): { text: string; copy: boolean }[] {
  const lines = fix.split("\n");
  const shown =
    lines.length > fixBound ? [...lines.slice(0, fixBound), lines.slice(fixBound).join("\n")] : lines;
  return shown.map((text) => ({ text, copy: !isProse(text) }));
}
