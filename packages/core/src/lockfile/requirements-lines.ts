/** A run of characters without white space, and its offset in the file. */
export type Token = { text: string; offset: number };

/** A requirement or option with its continuation lines joined and its comment gone; it has at least one token. */
export type LogicalLine = { tokens: Token[]; offset: number };

export type LinesResult =
  | { ok: true; lines: LogicalLine[] }
  | { ok: false; code: "lockfile/malformed" | "lockfile/encoding"; offset: number; why: string };

/**
 * Splits a requirements file into logical lines, where pip and uv agree what they are. They differ in, and so this
 * refuses: line breaks other than LF and CRLF, a comment before a continuation (pip drops the lines that follow it),
 * words cut in two by one, variables of the environment, backslashes inside a line, and a declared encoding.
 */
export function logicalLines(text: string): LinesResult {
  const odd = /[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\uffff]|\r(?!\n)/.exec(text);
  if (odd !== null)
    return malformed(odd.index, "A control character that some readers take for a line break.");
  const lines: LogicalLine[] = [];
  let open: { tokens: Token[]; glued: boolean } | null = null;
  for (let start = 0, row = 0, next = 0; start < text.length; start = next, row++) {
    const end = text.indexOf("\n", start);
    next = end === -1 ? text.length : end + 1;
    const physical = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, "");
    if (row < 2 && declaresEncoding(physical)) {
      const why = "The first lines declare an encoding, and pip would decode the file by it.";
      return { ok: false, code: "lockfile/encoding", offset: start, why };
    }
    const comment = commentStart(physical);
    const continues = physical.endsWith("\\");
    const content = physical.slice(0, comment !== -1 ? comment : continues ? -1 : undefined);
    const isBlank = content.trim() === "";
    if (open === null && isBlank && !(continues && comment === -1)) continue;
    if (comment !== -1 && (continues || open !== null)) {
      return malformed(
        start + comment,
        "A comment in or before a continued line: pip and uv differ in what it swallows.",
      );
    }
    const bad = /\\|\$\{|[^\t\x20-\x7e]/.exec(content);
    if (bad !== null)
      return malformed(start + bad.index, `${JSON.stringify(bad[0])} is read differently by pip and uv.`);
    if (open?.glued === true && /^[^ \t]/.test(content))
      return malformed(start, "A word goes on in the next line.");
    const tokens: Token[] = open === null ? [] : open.tokens;
    // One by one: a spread of a hostile line's tokens would overflow the stack.
    for (const token of tokensOf(content, start)) tokens.push(token);
    open = continues ? { tokens, glued: /[^ \t]$/.test(content) } : null;
    if (!continues && tokens.length > 0) lines.push({ tokens, offset: (tokens[0] as Token).offset });
  }
  return open === null
    ? { ok: true, lines }
    : malformed(text.length, "The last line is continued, and nothing follows.");
}

/** PEP 263, as pip reads it: the first match of its pattern counts. */
function declaresEncoding(line: string): boolean {
  const match = line.startsWith("#") ? /coding[:=]\s*([-\w.]+)/.exec(line) : null;
  return match !== null && !/^utf-?8$/i.test(match[1] as string);
}

/** Where a comment starts: a number sign at the start of the line or after white space. */
function commentStart(line: string): number {
  for (let at = line.indexOf("#"); at !== -1; at = line.indexOf("#", at + 1)) {
    if (at === 0) return 0;
    const before = line[at - 1];
    if (before === " " || before === "\t") return at;
  }
  return -1;
}

function tokensOf(content: string, offset: number): Token[] {
  return Array.from(content.matchAll(/[^ \t]+/g), (match) => ({
    text: match[0],
    offset: offset + match.index,
  }));
}

const malformed = (offset: number, why: string): LinesResult => ({
  ok: false,
  code: "lockfile/malformed",
  offset,
  why,
});
