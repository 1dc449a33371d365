import { Buffer } from "node:buffer";
import { markdownCode, markdownText, visible } from "./escape.ts";
import { groupFindings, type Cluster, type Group } from "./groups.ts";
import { headline } from "./headline.ts";
import { fixLines, plural } from "./layout.ts";
import { chainText, place, shortName } from "./names.ts";
import type { Report, ReportedFinding } from "./report.ts";
import { summaryRows } from "./summary.ts";

const shownRows = 20;
const textBound = 4200;
/** CI systems drop a summary of more than a megabyte as a whole; what would not fit is counted instead. */
const byteBound = 900_000;
/** The totals come last and still have room. */
const rowBound = 800_000;

/**
 * The report as GitHub-flavoured Markdown for a step summary or a comment. Foreign text stands in code spans or
 * escaped, so no name can become a link, a mention or HTML. Less than a megabyte.
 */
export function renderMarkdown(report: Report): string {
  const head = headline(report);
  const page = new Summary();
  page.frame(`### ${head.sign} Countersign: ${markdownText(head.text)}\n\n`);
  const groups = groupFindings(report.findings);
  for (const group of groups) if (group.effect !== "note") addGroup(page, group);
  const notes = groups.filter(({ effect }) => effect === "note");
  for (const { code, title, count } of notes)
    page.frame(`- note ${markdownCode(code)}: ${markdownText(title)} (${count})\n`);
  for (const finding of report.findings)
    if (finding.exception !== null) page.line(acceptedLine(finding), byteBound);
  page.frame("\n| | |\n|---|---|\n");
  for (const { label, text, alarm } of summaryRows(report)) {
    page.line(`| ${alarm ? `**${label}**` : label} | ${markdownText(text)} |\n`, byteBound);
  }
  return page.text();
}

class Summary {
  #text = "";
  #bytes = 0;
  #dropped = 0;

  /** Headings, table frames and totals: their number is bounded by the number of codes. */
  frame(block: string): void {
    this.#text += block;
  }

  /** Adds a line whole or counts it as left out. */
  line(line: string, bound: number): void {
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > bound) this.#dropped += 1;
    else {
      this.#text += line;
      this.#bytes += bytes;
    }
  }

  text(): string {
    const left = `\n**${plural(this.#dropped, "line")} did not fit: the JSON report has all of them.**\n`;
    return this.#dropped === 0 ? this.#text : this.#text + left;
  }
}

function addGroup(page: Summary, group: Group): void {
  const word = group.effect === "warn" ? "warning" : "blocking";
  page.frame(`#### ${word}: ${markdownCode(group.code)} ${markdownText(group.title)} (${group.count})\n\n`);
  const rows = group.clusters.flatMap((cluster) => cluster.findings.map((finding) => row(finding, cluster)));
  addTable(page, rows.slice(0, shownRows));
  addCopyable(page, group.clusters.slice(0, shownRows));
  const rest = rows.slice(shownRows);
  if (rest.length === 0) return;
  page.frame(`<details><summary>${rest.length} more</summary>\n\n`);
  addTable(page, rest);
  page.frame("</details>\n\n");
}

/** Lines of fixes of more than one line, in one block that can be copied; a key that several share stands once. */
function addCopyable(page: Summary, clusters: readonly Cluster[]): void {
  const lines = clusters.flatMap(({ fix }) => (fix.includes("\n") ? fixLines(fix) : []));
  const seen = new Set<string>();
  const safe = lines
    .filter(({ copy }) => copy)
    .map(({ text }) => visible(text, textBound))
    .filter((text) => !/^[\w-]+:$/.test(text) || (!seen.has(text) && seen.add(text).size > 0));
  if (safe.length === 0) return;
  const runs = safe.flatMap((text) => text.match(/`+/g) ?? []).map(({ length }) => length);
  const fence = "`".repeat(runs.reduce((longest, length) => Math.max(longest, length), 2) + 1);
  const summary = "<details><summary>lines that accept them</summary>";
  page.line(`${summary}\n\n${fence}yaml\n${safe.join("\n")}\n${fence}\n\n</details>\n\n`, rowBound);
}

function addTable(page: Summary, rows: readonly string[]): void {
  page.frame("| package | where | found | fix |\n|---|---|---|---|\n");
  for (const line of rows) page.line(line, rowBound);
  page.frame("\n");
}

function row(finding: ReportedFinding, { why, fix, requiredBy }: Cluster): string {
  const chain = finding.chain === null ? null : chainText(finding.chain);
  const name = finding.purl === null ? "" : markdownCode(shortName(finding.purl));
  const through = chain === null ? "" : `<br>through ${markdownCode(chain)}`;
  const rule = requiredBy === null ? "" : `<br>demanded by ${markdownCode(requiredBy)}`;
  const lines = fixLines(fix);
  const remedy = lines
    .filter(({ copy }) => !copy || lines.length === 1)
    .map(({ text, copy }) => (copy ? markdownCode(text, textBound) : markdownText(text, textBound)))
    .join("<br>");
  return `| ${name}${through} | ${markdownCode(place(finding.at))} | ${markdownText(why, 2200)}${rule} | ${remedy} |\n`;
}

function acceptedLine({ code, purl, exception }: ReportedFinding): string {
  const name = purl === null ? "" : ` ${markdownCode(shortName(purl))}`;
  return `- accepted by exception: ${markdownCode(code)}${name}: ${markdownText(exception ?? "")}\n`;
}
