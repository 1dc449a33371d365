import {
  plain,
  renderHuman,
  renderJson,
  renderMarkdown,
  visibleJson,
  type HumanOptions,
  type Report,
} from "@countersign/core";
import type { Host } from "./host.ts";
import type { Format } from "./options.ts";

/** Layout for one of the terminal's streams. */
export const layoutOf = (
  { terminal, variables }: Host,
  stream: "out" | "err",
  verbose: boolean,
): HumanOptions => ({
  width: terminal.width(stream),
  palette: terminal.palette(stream),
  verbose,
  ascii: variables["TERM"] === "dumb",
});

/** Layout of text that goes into a file. */
export const fileLayout = (verbose: boolean): HumanOptions => ({ width: 100, palette: plain, verbose });

export function renderReport(report: Report, format: Format, layout: HumanOptions): string {
  switch (format) {
    case "human":
      return renderHuman(report, layout);
    case "json":
      return renderJson(report);
    case "markdown":
      return renderMarkdown(report);
  }
}

/** Any other answer as JSON, with nothing invisible in it. */
export const json = (value: unknown): string => `${visibleJson(JSON.stringify(value, null, 2))}\n`;

/** `1 row`, `2 rows`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
