import { createHash } from "node:crypto";
import { visible, type Palette } from "@countersign/core";
import type { FileChange } from "./file-change.ts";

type Row = { sign: " " | "-" | "+"; text: string };

const context = 3;
/** Lines on both sides beyond which no common ones are looked for. */
const compared = 3000;
/** A text with a longer line, or of more bytes, is said by its size and digest: nobody reads a bundle in a diff. */
const shownBytes = 64 * 1024;

/** A change as a unified diff, every foreign character visible; colours are the palette's. */
export function renderChange({ path, before, after }: FileChange, palette: Palette): string {
  const names = [
    palette.bold(`--- ${before === null ? "/dev/null" : visible(`a/${path}`)}`),
    palette.bold(`+++ ${after === null ? "/dev/null" : visible(`b/${path}`)}`),
  ];
  const large = (bytes: Buffer | null): boolean => bytes !== null && bytes.byteLength > shownBytes;
  if (large(before) || large(after)) {
    const lines = [...summary("-", before), ...summary("+", after)];
    return `${[...names, ...lines.map((row) => coloured(row, palette))].join("\n")}\n`;
  }
  const rows = compare(rowsOf(before), rowsOf(after));
  return `${[...names, ...hunks(rows, palette)].join("\n")}\n`;
}

const summary = (sign: "-" | "+", bytes: Buffer | null): Row[] =>
  bytes === null
    ? []
    : [
        {
          sign,
          text: `(${bytes.byteLength} bytes, sha512-${createHash("sha512").update(bytes).digest("base64")})`,
        },
      ];

/** Lines with their break, so that a changed line break is a changed line. */
const rowsOf = (bytes: Buffer | null): string[] => bytes?.toString("utf8").match(/[^\n]*\n|[^\n]+$/g) ?? [];

function compare(old: readonly string[], now: readonly string[]): Row[] {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end))
    end += 1;
  const same = (lines: readonly string[]): Row[] => lines.map((text) => ({ sign: " ", text }));
  return [
    ...same(old.slice(0, start)),
    ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end)),
    ...same(old.slice(old.length - end)),
  ];
}

/** Longest common subsequence, by the textbook; what is too long for it is replaced whole. */
function middle(old: readonly string[], now: readonly string[]): Row[] {
  const rows: Row[] = [];
  if (old.length > compared || now.length > compared) {
    for (const text of old) rows.push({ sign: "-", text });
    for (const text of now) rows.push({ sign: "+", text });
    return rows;
  }
  const width = now.length + 1;
  const length = new Uint16Array((old.length + 1) * width);
  for (let a = old.length - 1; a >= 0; a -= 1) {
    for (let b = now.length - 1; b >= 0; b -= 1) {
      const [below, beside] = [length[(a + 1) * width + b] ?? 0, length[a * width + b + 1] ?? 0];
      length[a * width + b] =
        old[a] === now[b] ? (length[(a + 1) * width + b + 1] ?? 0) + 1 : Math.max(below, beside);
    }
  }
  let [a, b] = [0, 0];
  while (a < old.length || b < now.length) {
    if (a < old.length && b < now.length && old[a] === now[b]) {
      rows.push({ sign: " ", text: old[a] as string });
      a += 1;
      b += 1;
    } else if (
      b >= now.length ||
      (a < old.length && (length[(a + 1) * width + b] ?? 0) >= (length[a * width + b + 1] ?? 0))
    ) {
      rows.push({ sign: "-", text: old[a] as string });
      a += 1;
    } else {
      rows.push({ sign: "+", text: now[b] as string });
      b += 1;
    }
  }
  return rows;
}

function hunks(rows: readonly Row[], palette: Palette): string[] {
  const near = rows.map((_, index) =>
    rows.slice(Math.max(0, index - context), index + context + 1).some(({ sign }) => sign !== " "),
  );
  const lines: string[] = [];
  let [old, now] = [1, 1];
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] as Row;
    if (near[index] === true && near[index - 1] !== true) {
      const end = near.indexOf(false, index);
      const hunk = rows.slice(index, end === -1 ? rows.length : end);
      const count = (sign: "-" | "+"): number => hunk.filter((each) => each.sign !== sign).length;
      const range = (from: number, length: number): string => `${length === 0 ? from - 1 : from},${length}`;
      lines.push(palette.cyan(`@@ -${range(old, count("+"))} +${range(now, count("-"))} @@`));
    }
    if (near[index] === true) {
      lines.push(coloured({ ...row, text: row.text.replace(/\n$/, "") }, palette));
      if (!row.text.endsWith("\n")) lines.push("\\ No newline at end of file");
    }
    if (row.sign !== "+") old += 1;
    if (row.sign !== "-") now += 1;
  }
  return lines;
}

/** A line break of two characters shows its first. */
function coloured({ sign, text }: Row, palette: Palette): string {
  const line = `${sign}${visible(text)}`;
  return sign === "-" ? palette.red(line) : sign === "+" ? palette.green(line) : line;
}
