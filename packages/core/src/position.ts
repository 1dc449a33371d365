/** A place in a file of the project. `path` is relative to the project, POSIX; line and column count from 1. */
export type Position = { path: string; line: number; column: number };

/** The start of a file, for findings that concern the whole of it. */
export const startOf = (path: string): Position => ({ path, line: 1, column: 1 });

/** Turns offsets (UTF-16 code units) into lines and columns; the lines are found once, on first use. */
export class LineIndex {
  readonly #path: string;
  readonly #text: string;
  #starts: number[] | null = null;
  /** The line found last: places are mostly asked for in the order of the file. */
  #last = 0;

  constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /** Position of an offset in the text; offsets past the end give the end. */
  at(offset: number): Position {
    const starts = (this.#starts ??= lineStarts(this.#text));
    let low = (starts[this.#last] as number) <= offset ? this.#last : 0;
    let high = low + 1;
    for (let step = 1; high < starts.length && (starts[high] as number) <= offset; step *= 2) {
      low = high;
      high += step;
    }
    high = Math.min(high, starts.length) - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    this.#last = low;
    return { path: this.#path, line: low + 1, column: offset - (starts[low] as number) + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1))
    starts.push(index + 1);
  return starts;
}
