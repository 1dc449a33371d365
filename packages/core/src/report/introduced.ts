import type { Instant } from "../instant.ts";
import { parseInstant } from "../instant.ts";
import { visible } from "./escape.ts";
import type { HumanOptions } from "./human.ts";
import { plural } from "./layout.ts";
import { shortName } from "./names.ts";
import { Page } from "./page.ts";
import type { Report, ReportedVerdict } from "./report.ts";

/** Rows that are shown before the rest is only counted. */
const shownRows = 30;

/**
 * What a change of the lockfile brings in: for each artefact of a package that was not locked before, its level, who
 * built it, from which workflow, and how old it is. Empty where nothing is new.
 * @param before purls that were locked
 */
export function renderIntroduced(
  before: ReadonlySet<string>,
  report: Report,
  now: Instant,
  options: HumanOptions,
): string {
  const all = report.lockfiles.flatMap(({ verdicts }) => verdicts).filter(({ purl }) => !before.has(purl));
  const fresh = [...new Map(all.map((verdict) => [verdict.purl, verdict])).values()];
  if (fresh.length === 0) return "";
  const page = new Page(options);
  page.write(`new in the lockfile: ${plural(fresh.length, "package")}`, "", "  ", options.palette.bold);
  const shown = options.verbose ? fresh : fresh.slice(0, shownRows);
  for (const verdict of shown) page.write(describe(verdict, now), "  + ", "      ");
  if (fresh.length > shown.length)
    page.write(`and ${fresh.length - shown.length} more (--verbose)`, "  ", "    ");
  return page.text();
}

function describe({ purl, level, identity, published }: ReportedVerdict, now: Instant): string {
  const parts = [`${visible(shortName(purl))}: ${level}`];
  const source = identity?.repository ?? identity?.repositoryUri ?? identity?.email ?? identity?.san ?? null;
  if (source !== null) {
    const workflow = identity?.workflow ? ` (${visible(identity.workflow)})` : "";
    parts.push(`built by ${visible(source)}${workflow}`);
  }
  const at = published === null ? null : parseInstant(published.at);
  if (published === null || at === null) parts.push("age unknown");
  else
    parts.push(
      `published ${ageText(now - at)} ago${published.source === "unsigned" ? ", by the registry's word" : ""}`,
    );
  return parts.join(", ");
}

const minute = 60_000;
const units = [
  ["day", 1440 * minute],
  ["hour", 60 * minute],
  ["minute", minute],
] as const;

function ageText(age: number): string {
  const [unit, length] = units.find(([, size]) => age >= size) ?? units[2];
  return plural(Math.max(0, Math.floor(age / length)), unit);
}
