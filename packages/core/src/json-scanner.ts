/**
 * The structure of a JSON text (RFC 8259) in one linear pass: where every value and key starts, how deep it
 * nests, how many members it has. What stands inside strings, numbers and literals is left to `JSON.parse`.
 */
export type JsonScan = { ok: true; tape: JsonTape } | { ok: false; problem: ScanProblem };
export type ScanProblem = { reason: "syntax" | "depth" | "values"; offset: number; detail: string };

/**
 * Three numbers a value, in document order: offset of the value (-1: it is a string, and follows its key, see
 * {@link valueOffset}), offset of its key (-1 where it has none), and the index of the value that follows its whole
 * subtree. Value 0 is the root.
 */
export type JsonTape = { cells: Int32Array; values: number; members: number };

/** Twelve bytes each on the tape; a lockfile of a million entries has some twelve million. */
const maximumValues = 1 << 24;
const width = 3;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

// What may come next. The two `first…` states also allow the container to close at once.
const value = 0;
const firstValue = 1;
const key = 2;
const firstKey = 3;
const after = 4;
const end = 5;
const expected = [
  "a value",
  "a value or ]",
  "a key",
  "a key or }",
  "a comma or the end of the list or object",
  "the end of the text",
];

export function scanJson(text: string, maxDepth: number): JsonScan {
  const { length } = text;
  const stack = new Int32Array(Math.max(maxDepth, 0));
  let cells = new Int32Array(width * 1024);
  let values = 0;
  let members = 0;
  let depth = 0;
  let keyOffset = -1;
  let state = value;
  let offset = 0;
  for (;;) {
    const code = offset < length ? text.charCodeAt(offset) : -1;
    if (code <= 0x20 && isSpace(code)) {
      offset = skipSpace(text, offset + 1);
      continue;
    }
    if (state <= firstValue && code !== -1 && !(code === closeBracket && state === firstValue)) {
      if (values === maximumValues) {
        return {
          ok: false,
          problem: { reason: "values", offset, detail: `more than ${maximumValues} values` },
        };
      }
      const cell = values * width;
      if (cell === cells.length) cells = grown(cells);
      cells[cell] = offset;
      cells[cell + 1] = keyOffset;
      cells[cell + 2] = values + 1;
      keyOffset = -1;
      if (code === openBrace || code === openBracket) {
        if (depth === stack.length) {
          return {
            ok: false,
            problem: { reason: "depth", offset, detail: `nested deeper than ${maxDepth}` },
          };
        }
        stack[depth] = values;
        depth += 1;
        state = code === openBrace ? firstKey : firstValue;
        offset += 1;
      } else {
        const next = code === quote ? stringEnd(text, offset) : scalarEnd(text, offset);
        if (next <= offset) return unexpected(text, offset, state);
        state = depth === 0 ? end : after;
        offset = next;
      }
      values += 1;
    } else if ((state === key || state === firstKey) && code === quote) {
      stringMember.lastIndex = offset;
      if (values < maximumValues && stringMember.test(text)) {
        const cell = values * width;
        if (cell === cells.length) cells = grown(cells);
        cells[cell] = -1;
        cells[cell + 1] = offset;
        cells[cell + 2] = values + 1;
        values += 1;
        members += 1;
        offset = stringMember.lastIndex;
        state = text.charCodeAt(offset - 1) === quote ? after : key;
        continue;
      }
      keyOffset = offset;
      members += 1;
      plainKey.lastIndex = offset;
      if (plainKey.test(text)) {
        offset = plainKey.lastIndex;
      } else {
        offset = skipSpace(text, stringEnd(text, offset));
        if (offset <= keyOffset) return unexpected(text, keyOffset, state);
        if (text.charCodeAt(offset) !== colon) return unexpected(text, offset, state, "a colon");
        offset += 1;
      }
      state = value;
    } else if (code === closeBrace || code === closeBracket) {
      const open = depth === 0 ? -1 : text.charCodeAt(cells[(stack[depth - 1] as number) * width] as number);
      const closes = code === closeBrace ? open === openBrace : open === openBracket;
      if (!closes || (state !== after && state !== firstKey && state !== firstValue)) {
        return unexpected(text, offset, state);
      }
      depth -= 1;
      cells[(stack[depth] as number) * width + 2] = values;
      state = depth === 0 ? end : after;
      offset += 1;
    } else if (code === comma && state === after) {
      const open = text.charCodeAt(cells[(stack[depth - 1] as number) * width] as number);
      state = open === openBrace ? key : value;
      offset += 1;
    } else if (code === -1 && state === end) {
      return { ok: true, tape: { cells, values, members } };
    } else {
      return unexpected(text, offset, state);
    }
  }
}

/** Where a value of the tape starts. */
export function valueOffset(text: string, { cells }: JsonTape, index: number): number {
  const offset = cells[index * width] as number;
  return offset === -1 ? text.indexOf('"', stringEnd(text, cells[index * width + 1] as number)) : offset;
}

/** Offset after the string whose opening quote stands at `start`; -1 when it never closes. */
export function stringEnd(text: string, start: number): number {
  for (let close = text.indexOf('"', start + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let before = close;
    while (text.charCodeAt(before - 1) === backslash) before -= 1;
    if ((close - before) % 2 === 0) return close + 1;
  }
  return -1;
}

/** Offset after a number or literal that starts at `start`; `start` itself when there is none. */
export function scalarEnd(text: string, start: number): number {
  let offset = start;
  for (; offset < text.length; offset += 1) {
    const code = text.charCodeAt(offset);
    const word = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x45;
    if (!word && code !== 0x2d && code !== 0x2e && code !== 0x2b) break;
  }
  return offset;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
// One class up to a delimiter outside it: a failed match gives up in one step back over the key.
const plainKey = /"[^"\\]*": ?/y;
// The commonest member by far, a plain key and a plain string, read in one step with the comma that may follow.
const stringMember = /"[^"\\]*": ?"[^"\\]*"(?:,[ \n\r\t]*)?/y;

/** Offset of the first character at or after `start` that is no space. */
function skipSpace(text: string, start: number): number {
  let offset = start;
  while (isSpace(text.charCodeAt(offset))) offset += 1;
  return offset;
}

function grown(cells: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(cells.length * 2);
  larger.set(cells);
  return larger;
}

function unexpected(
  text: string,
  offset: number,
  state: number,
  wanted = expected[state] as string,
): JsonScan {
  const found =
    offset < text.length
      ? `found ${JSON.stringify(text.slice(offset, offset + 16))}`
      : "found the end of the text";
  return { ok: false, problem: { reason: "syntax", offset, detail: `expected ${wanted}, ${found}` } };
}
