import { levels } from "../verify/verdict.ts";
import { visible } from "./escape.ts";
import { plural } from "./layout.ts";
import type { Enforcement, EvidenceCount, LockfileReport, RegistrySummary, Report } from "./report.ts";
import { outcomes } from "./status.ts";

/** One line of what stands behind the verdict, in visible text. */
export type SummaryRow = { label: string; text: string; alarm: boolean };

const reach: Readonly<Record<Enforcement, string>> = {
  hook: "hook: a change inside the project can remove it; strict holds only in the wrapper or in CI",
  wrapper: "wrapper: the package manager runs only after the decision",
  ci: "ci: holds where the change under test cannot edit the job, and the policy comes from --base or is managed",
  command: "command: reports, and stops nothing but what waits for its exit code",
};

/** Counts by level, outcome and source of evidence; registries, sigstore root, platform, reach, requests. */
export function summaryRows(report: Report): SummaryRow[] {
  const { counts } = report;
  const row = (label: string, text: string, alarm = false): SummaryRow => ({ label, text, alarm });
  if (report.decision.mode === "disabled") return [row("enforcement", reach[report.enforcement])];
  return [
    ...report.lockfiles.flatMap((lockfile) => [
      row("lockfile", lockfileText(lockfile), lockfile.formatVersion === null),
      ...sealRows(lockfile).map((text) => row("seals", text)),
    ]),
    row(
      "levels",
      tally(levels.toReversed(), counts.byLevel) + (counts.local > 0 ? `, ${counts.local} local` : ""),
    ),
    row("outcomes", tally(outcomes, counts.byOutcome)),
    ...evidenceRows(report.evidence).map((text) => row("evidence", text)),
    ...report.registries.map((registry) =>
      row("registry", offers(registry), registry.locked > 0 && isBare(registry)),
    ),
    ...(report.root === null && isSealed(report)
      ? []
      : [row("sigstore", rootText(report), report.root === null || report.root.stale)]),
    row(
      "platform",
      report.platform === "all"
        ? "all: artefacts of every platform"
        : "current: only what this machine can install",
    ),
    row("enforcement", reach[report.enforcement]),
    row("requests", String(report.requests)),
  ];
}

/** Nothing was verified but seals, so no trust material was opened. */
const isSealed = ({ lockfiles }: Report): boolean =>
  lockfiles.length > 0 && lockfiles.every(({ evidence }) => evidence === "summary");

function lockfileText({
  path,
  format,
  formatVersion,
  packages,
  artefacts,
  evidence,
}: LockfileReport): string {
  if (formatVersion === null) return `${visible(path)} (${format}): refused, not read`;
  const what = evidence === "summary" ? "evidence replaced by a summary" : plural(artefacts, "artefact");
  return `${visible(path)} (${format} ${visible(formatVersion)}): ${plural(packages, "package")}, ${what}`;
}

function sealRows({ approvals, evidence, seals }: LockfileReport): string[] {
  if (seals.length === 0) return [];
  const rows = [
    approvals.length === 0
      ? "no approval counts"
      : `approved by ${approvals.map((id) => visible(id)).join(", ")}`,
  ];
  const summary = seals.find(({ kind, outcome }) => kind === "summary" && outcome === "verified");
  if (evidence === "summary" && summary !== undefined)
    rows.push(
      `verified by ${visible(summary.signer?.id ?? "")} at ${summary.issuedAt}, valid until ${summary.expires}`,
    );
  return rows;
}

const tally = <K extends string>(names: readonly K[], counts: Readonly<Record<K, number>>): string =>
  names.map((name) => `${counts[name]} ${name}`).join(", ");

function evidenceRows(counts: readonly EvidenceCount[]): string[] {
  const kinds = new Map<string, string[]>();
  for (const { kind, state, origin, artefacts } of counts) {
    const parts = kinds.get(kind) ?? [];
    kinds.set(kind, parts);
    const preposition = state === "found" ? "from" : "at";
    parts.push(`${artefacts} ${state}${origin === null ? "" : ` ${preposition} ${visible(origin)}`}`);
  }
  return [...kinds].map(([kind, parts]) => `${kind}: ${parts.join(", ")}`);
}

const isBare = ({ signatures, attestations }: RegistrySummary): boolean =>
  signatures !== "offered" &&
  attestations !== "offered" &&
  (signatures === "none" || attestations === "none");

/** Says plainly where a registry offers nothing, and what that means. */
export function offers(registry: RegistrySummary): string {
  const { signatures, attestations, packages, locked } = registry;
  const where = `${visible(registry.registry)} (${registry.ecosystem})`;
  const left =
    locked === 0
      ? ""
      : `; ${locked} of ${plural(packages, "package")} ${locked === 1 ? "stays" : "stay"} at locked`;
  if (signatures === "none" && attestations === "none")
    return `${where} offers no signatures and no attestations${left}`;
  return `${where}: signatures ${signatures}, attestations ${attestations}${left}`;
}

function rootText({ root }: Report): string {
  if (root === null) return "no root: attestations and registry keys could not be checked";
  const age = root.ageDays === null ? "of unknown age" : `${plural(root.ageDays, "day")} old`;
  const stale = root.stale ? `, STALE: the policy allows ${plural(root.maxAgeDays, "day")}` : "";
  return `root from ${visible(root.source)}, ${age}${stale}`;
}
