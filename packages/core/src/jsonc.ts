import { stringEnd } from "./json-scanner.ts";

export type PlainJson =
  | { ok: true; text: string }
  | { ok: false; problem: { reason: "syntax"; offset: number; detail: string } };

/**
 * Turns JSON with comments and trailing commas into JSON of the same length, so that offsets stay true. A line
 * comment ends where ECMAScript ends it (§12.4: LF, CR, U+2028, U+2029), as in Bun's own lexer: were it longer or
 * shorter, a text could show entries to one reader and hide them from the other.
 */
export function toPlainJson(text: string): PlainJson {
  const blanks: { from: number; to: number }[] = [];
  // Offset of a comma that follows a value and has had nothing but space and comments after it, else -1.
  let trailing = -1;
  let afterValue = false;
  for (let offset = 0; offset < text.length; offset += 1) {
    const char = text[offset] as string;
    if (char === " " || char === "\n" || char === "\t" || char === "\r") continue;
    if (char === "/") {
      const to = commentEnd(text, offset);
      if (to === -1) return fault(offset, "a slash that starts no whole comment");
      blanks.push({ from: offset, to });
      offset = to - 1;
      continue;
    }
    if ((char === "}" || char === "]") && trailing !== -1) blanks.push({ from: trailing, to: trailing + 1 });
    trailing = char === "," && afterValue ? offset : -1;
    afterValue = char !== "," && char !== ":" && char !== "{" && char !== "[";
    if (char !== '"') continue;
    const to = stringEnd(text, offset);
    if (to === -1) return fault(offset, "a string that never closes");
    offset = to - 1;
  }
  const parts: string[] = [];
  let copied = 0;
  for (const { from, to } of blanks.toSorted((a, b) => a.from - b.from)) {
    parts.push(text.slice(copied, from), " ".repeat(to - from));
    copied = to;
  }
  return { ok: true, text: parts.join("") + text.slice(copied) };
}

const lineEnd = /[\n\r\u2028\u2029]/g;

function commentEnd(text: string, start: number): number {
  if (text[start + 1] === "*") {
    const close = text.indexOf("*/", start + 2);
    return close === -1 ? -1 : close + 2;
  }
  if (text[start + 1] !== "/") return -1;
  lineEnd.lastIndex = start;
  return lineEnd.exec(text)?.index ?? text.length;
}

const fault = (offset: number, detail: string): PlainJson => ({
  ok: false,
  problem: { reason: "syntax", offset, detail },
});
