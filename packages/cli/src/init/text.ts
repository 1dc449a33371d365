/** The line break that a text uses; CRLF where the first one is. */
export const lineBreakOf = (text: string): "\r\n" | "\n" =>
  /\r?\n/.exec(text)?.[0] === "\r\n" ? "\r\n" : "\n";

/** Adds lines at the end of a text, in its own line breaks; a text without a break at its end stays without one. */
export function appendLines(text: string, lines: readonly string[]): string {
  const eol = lineBreakOf(text);
  const block = lines.join(eol);
  if (text === "") return `${block}${eol}`;
  return text.endsWith("\n") ? `${text}${block}${eol}` : `${text}${eol}${block}`;
}

/** A text's lines without their breaks, and whether the last one ends with one. */
export type Lines = { lines: string[]; eol: "\r\n" | "\n"; ends: boolean };

export function linesOf(text: string): Lines {
  const eol = lineBreakOf(text);
  const ends = text.endsWith("\n");
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (ends) lines.pop();
  return { lines, eol, ends };
}

/**
 * Replaces lines of a text and leaves every other byte as it is, also where line breaks are mixed.
 * @param start index of the first line
 * @param count number of lines that go
 */
export function spliceLines(text: string, start: number, count: number, added: readonly string[]): string {
  const eol = lineBreakOf(text);
  const whole = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const [head, tail] = [whole.slice(0, start).join(""), whole.slice(start + count).join("")];
  const block = added.map((line) => `${line}${eol}`).join("");
  const open = head !== "" && !head.endsWith("\n");
  const result = `${head}${open && added.length > 0 ? eol : ""}${block}${tail}`;
  // The last line keeps having no break when it had none.
  return tail === "" && !text.endsWith("\n") && result.endsWith("\n") ? result.slice(0, -eol.length) : result;
}
