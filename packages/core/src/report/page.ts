import type { HumanOptions } from "./human.ts";
import { visible } from "./escape.ts";
import { fixLines, wrap } from "./layout.ts";

const narrowest = 40;
const labelColumns = 16;
const textBound = 4200;

/** Lines of visible text for a terminal, at least 40 columns wide. Callers escape foreign text before it gets here. */
export class Page {
  readonly options: HumanOptions;
  readonly #width: number;
  readonly #lines: string[] = [];

  constructor(options: HumanOptions) {
    this.options = options;
    this.#width = Math.max(narrowest, options.width);
  }

  gap(): void {
    this.#lines.push("");
  }

  /** Wraps a text, or words that are not to be broken; `colour` goes round each line by itself, so output that is cut off leaves no colour on. */
  write(
    text: string | readonly string[],
    first: string,
    indent: string,
    colour?: (text: string) => string,
  ): void {
    const plain = this.options.ascii !== true;
    const ready = plain ? text : typeof text === "string" ? toAscii(text) : text.map(toAscii);
    for (const line of wrap(ready, this.#width, first, indent)) {
      const start = line.length - line.trimStart().length;
      this.#lines.push(colour === undefined ? line : line.slice(0, start) + colour(line.slice(start)));
    }
  }

  /** One labelled line of a table. */
  row(label: string, text: string, colour?: (text: string) => string): void {
    this.write(text, `  ${label.padEnd(labelColumns - 3)} `, " ".repeat(labelColumns), colour);
  }

  /** Foreign text. Prose is wrapped; commands and policy lines stand unbroken on lines of their own, to be copied. */
  fix(fix: string): void {
    const { cyan } = this.options.palette;
    for (const [index, { text, copy }] of fixLines(fix).entries()) {
      const lead = index === 0 ? "    fix: " : "      ";
      const safe = visible(text, textBound);
      if (copy) this.#lines.push(lead + cyan(safe));
      else this.write(safe, lead, "      ", cyan);
    }
  }

  text(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

const toAscii = (text: string): string =>
  text.replaceAll("…", "...").replaceAll("–", "-").replaceAll("×", "x");
