import { visibleJson } from "./escape.ts";
import type { Report } from "./report.ts";

/**
 * The report as JSON (`schema/report-1.json`), ending in a line break. Characters that a terminal or an eye
 * would not show stand as `\uXXXX`, so the text can be printed; parsed, it is the same value.
 */
export function renderJson(report: Report): string {
  return `${visibleJson(JSON.stringify(report, null, 2))}\n`;
}
