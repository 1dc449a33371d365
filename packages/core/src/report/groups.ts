import { codes, type Code, type CodeKind } from "../codes.ts";
import type { Effect } from "../finding.ts";
import type { ReportedFinding } from "./report.ts";

/** Findings with the same words: they are printed once, for all their places. */
export type Cluster = {
  why: string;
  fix: string;
  requiredBy: string | null;
  findings: readonly ReportedFinding[];
};
/** Findings of one code and effect. */
export type Group = {
  code: Code;
  title: string;
  effect: Effect;
  count: number;
  clusters: readonly Cluster[];
};

const effects: readonly Effect[] = ["block", "warn", "note"];
const kinds: readonly CodeKind[] = ["refused", "unverified", "unknown", "note"];

/**
 * Groups findings by cause, gravest first: what blocks before what warns, what contradicts before what is
 * missing, then in the order in which they were found.
 */
export function groupFindings(findings: readonly ReportedFinding[]): Group[] {
  const groups = new Map<string, ReportedFinding[]>();
  for (const finding of findings) {
    const key = `${finding.effect} ${finding.code}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return [...groups.values()]
    .map((members) => ({ first: members[0] as ReportedFinding, members }))
    .toSorted((a, b) => rank(a.first) - rank(b.first))
    .map(({ first: { code, effect }, members }) => ({
      code,
      title: codes[code].title,
      effect,
      count: members.length,
      clusters: cluster(members),
    }));
}

const rank = ({ effect, kind }: ReportedFinding): number =>
  effects.indexOf(effect) * kinds.length + kinds.indexOf(kind);

function cluster(findings: readonly ReportedFinding[]): Cluster[] {
  const clusters = new Map<
    string,
    { why: string; fix: string; requiredBy: string | null; findings: ReportedFinding[] }
  >();
  for (const finding of findings) {
    const { why, fix, requiredBy } = finding;
    const key = JSON.stringify([why, fix, requiredBy]);
    const entry = clusters.get(key) ?? { why, fix, requiredBy, findings: [] };
    clusters.set(key, entry);
    entry.findings.push(finding);
  }
  return [...clusters.values()];
}
