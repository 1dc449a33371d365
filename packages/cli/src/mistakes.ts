import { isStopping, visible, type Finding } from "@countersign/core";
import type { Verification } from "@countersign/gate";

/** A finding that nothing else of a report explains; one without a place is about the command line. */
export type Mistake = Pick<Finding, "code" | "why" | "fix"> & { at: Finding["at"] | null };

/** Why a run came to no decision about the project that was meant; [] when it did. */
export const mistakesOf = ({ report }: Verification): readonly Mistake[] =>
  report.findings.filter(({ code }) => isStopping(code));

/** A run came to no decision, or to none that lets the command go on. */
export class MistakesError extends Error {
  readonly mistakes: readonly Mistake[];
  readonly exitCode: number;
  /** For people. */
  readonly text: string;

  constructor(mistakes: readonly Mistake[], exitCode = 2, text: string = renderMistakes(mistakes)) {
    super(mistakes.map(({ code }) => code).join(", "));
    this.name = "MistakesError";
    this.mistakes = mistakes;
    this.exitCode = exitCode;
    this.text = text;
  }
}

/** Mistakes of a person's own files, a place and a fix each: `path:line:column: why`. */
export function renderMistakes(mistakes: readonly Mistake[]): string {
  return mistakes
    .map(({ code, at, why, fix }) => {
      const [first = "", ...more] = fix.split("\n").map((line) => visible(line));
      const lines = [
        `${at === null ? "countersign" : `${visible(at.path)}:${at.line}:${at.column}`}: ${visible(why)} (${code})`,
        `  fix: ${first}`,
        ...more.map((line) => `       ${line}`),
      ];
      return `${lines.join("\n")}\n`;
    })
    .join("");
}
