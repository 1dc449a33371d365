import { visible } from "./escape.ts";
import { groupFindings, type Cluster, type Group } from "./groups.ts";
import { headline } from "./headline.ts";
import { plural, type Palette } from "./layout.ts";
import { chainText, place, shortName } from "./names.ts";
import { Page } from "./page.ts";
import type { Report, ReportedFinding, ReportedVerdict } from "./report.ts";
import { summaryRows } from "./summary.ts";

export type HumanOptions = {
  /** Columns; nothing but a word, path or command that would not survive a break is longer. */
  width: number;
  palette: Palette;
  /** Shows what is fine too, every note, and every member of a large group in full. */
  verbose: boolean;
  /** No sign outside ASCII but those of the project's own names. */
  ascii?: boolean;
};

/** Members of a group that are shown in full before the rest is named only. */
const shownClusters = 5;
const shownPlaces = 10;

/**
 * The report as text for a terminal: one verdict line; every failure, grouped by cause, with where it is, what
 * was found, who brings the package in, which rule demands it and the exact fix; then how much stands behind the
 * rest. Foreign text is made visible first, so the only control characters are line breaks and the palette's.
 */
export function renderHuman(report: Report, options: HumanOptions): string {
  const page = new Page(options);
  const head = headline(report);
  const colour = { good: options.palette.green, warn: options.palette.yellow, bad: options.palette.red }[
    head.tone
  ];
  page.write(`${options.ascii === true ? head.ascii : head.sign} ${head.text}`, "", "  ", colour);
  const groups = groupFindings(report.findings);
  for (const group of groups) if (group.effect !== "note") writeGroup(page, group, report);
  writeNotes(
    page,
    groups.filter(({ effect }) => effect === "note"),
    report,
  );
  if (options.verbose) writeFine(page, report);
  page.gap();
  for (const { label, text, alarm } of summaryRows(report)) {
    page.row(label, text, alarm ? options.palette.yellow : undefined);
  }
  return page.text();
}

function writeGroup(page: Page, group: Group, report: Report): void {
  const { palette, verbose } = page.options;
  page.gap();
  // In `warn` only a loosened policy stops anything.
  const stops =
    report.decision.outcome !== "allow" &&
    (report.decision.mode === "strict" || group.code === "policy/loosens");
  const word = group.effect === "warn" ? "warning" : stops ? "blocked" : "would block";
  const colour = group.effect === "warn" || word === "would block" ? palette.yellow : palette.red;
  page.write(`${word} ${group.code}: ${group.title} (${group.count})`, "", "  ", (line) =>
    palette.bold(colour(line)),
  );
  const full = verbose ? group.clusters : group.clusters.slice(0, shownClusters);
  for (const cluster of full) writeCluster(page, cluster);
  const rest = group.clusters.slice(full.length).flatMap(({ findings }) => findings);
  if (rest.length > 0) writeNames(page, rest, `and ${rest.length} more, each explained by --verbose:`);
}

function writeCluster(page: Page, cluster: Cluster): void {
  const { palette, verbose } = page.options;
  // Of many, what is wrong and what to do comes first: nobody reads past a hundred names to find it.
  const many = !verbose && cluster.findings.length > shownPlaces;
  if (many) writeReason(page, cluster);
  for (const finding of many ? cluster.findings.slice(0, shownPlaces) : cluster.findings) {
    page.write(`${nameOf(finding)} ${visible(place(finding.at))}`, "  ", "    ", palette.bold);
    const chain = finding.chain === null ? null : chainText(finding.chain);
    if (chain !== null) page.write(visible(chain), "    through ", "      ", palette.dim);
  }
  const rest = many ? cluster.findings.slice(shownPlaces) : [];
  if (rest.length > 0) writeNames(page, rest, `and ${rest.length} more, likewise:`);
  if (!many) writeReason(page, cluster);
}

function writeReason(page: Page, { why, requiredBy, fix }: Cluster): void {
  page.write(visible(why), "    ", "    ");
  if (requiredBy !== null) page.write(visible(requiredBy), "    demanded by ", "      ");
  page.fix(fix);
}

/** Names of findings with their places, neither of them ever broken. */
function writeNames(page: Page, findings: readonly ReportedFinding[], lead: string, tail = ""): void {
  const last = findings.length - 1;
  const names = findings.map((finding, index) => {
    const name = `${nameOf(finding)} ${visible(place(finding.at))}`.trim();
    return index === last ? name : `${name},`;
  });
  page.write([...lead.split(" "), ...names, ...(tail === "" ? [] : [tail])], "  ", "    ");
}

const nameOf = ({ purl }: ReportedFinding): string => (purl === null ? "" : visible(shortName(purl)));

/** Notes never block: a line and the first names each; what an exception accepted is always named. */
function writeNotes(page: Page, groups: readonly Group[], report: Report): void {
  const { palette, verbose } = page.options;
  const accepted = report.findings.filter(({ exception }) => exception !== null);
  if (groups.length > 0) page.gap();
  if (accepted.length > 0) {
    const names = accepted.map(
      (finding) => `${nameOf(finding)} ${finding.code} (${visible(finding.exception ?? "")})`,
    );
    page.write(`accepted by exception: ${names.join(", ")}`, "", "  ", palette.dim);
  }
  for (const group of groups) {
    const findings = group.clusters
      .flatMap((cluster) => cluster.findings)
      .filter(({ exception }) => exception === null);
    if (findings.length === 0) continue;
    page.write(`note ${group.code}: ${group.title} (${findings.length})`, "", "  ", palette.dim);
    const open = group.clusters.filter((cluster) =>
      cluster.findings.some(({ exception }) => exception === null),
    );
    if (verbose || open.length === 1) for (const cluster of open) writeCluster(page, cluster);
    else {
      const more = findings.length - shownPlaces;
      writeNames(
        page,
        findings.slice(0, shownPlaces),
        "namely",
        more > 0 ? `and ${more} more (--verbose)` : "",
      );
    }
  }
}

function writeFine(page: Page, report: Report): void {
  const { palette } = page.options;
  const troubled = new Set(report.findings.filter(({ effect }) => effect !== "note").map(({ purl }) => purl));
  for (const { path, verdicts } of report.lockfiles) {
    const fine = verdicts.filter(({ purl, outcome }) => outcome === "verified" && !troubled.has(purl));
    if (fine.length === 0) continue;
    page.gap();
    page.write(`fine in ${visible(path)} (${plural(fine.length, "artefact")})`, "", "  ", palette.bold);
    for (const verdict of fine) page.write(describe(verdict), "  ", "    ");
  }
}

function describe(verdict: ReportedVerdict): string {
  const { identity } = verdict;
  const file = verdict.file === null ? "" : ` ${visible(verdict.file)}`;
  const source = identity?.repository ?? identity?.repositoryUri ?? identity?.email ?? identity?.san ?? null;
  const by =
    source === null
      ? ""
      : ` built by ${visible(source)}${identity?.ref ? ` at ${visible(identity.ref)}` : ""}`;
  return `${visible(shortName(verdict.purl))}${file}: ${verdict.level}${by}`;
}
