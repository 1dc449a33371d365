import type { Identity } from "../verify/identity.ts";
import type { Claim } from "../verify/verdict.ts";
import type { Source } from "../lockfile/package-set.ts";
import { visible } from "./escape.ts";
import type { Explanation } from "./explain.ts";
import type { HumanOptions } from "./human.ts";
import { plural } from "./layout.ts";
import { chainText, place, shortName } from "./names.ts";
import { Page } from "./page.ts";
import type { ReportedAttestation, ReportedVerdict } from "./report.ts";
import type { Status } from "./status.ts";

const shownDependants = 20;

const meaning: Readonly<Record<Status, string>> = {
  provenance: "verified build provenance",
  publisher: "verified attestation of the publishing workflow, no build provenance",
  signed: "the registry's signature over the locked digest",
  attested: "attestations exist, none of them verified",
  none: "nothing beyond the registry's unsigned listing",
  unknown: "evidence could not be had",
  refused: "something contradicts",
};

/** One package in full: digest, place, signatures, identity, commit, run, log, dependants, rules, exceptions. */
export function renderExplain(explanation: Explanation, options: HumanOptions): string {
  const page = new Page(options);
  const { palette } = options;
  const colour = { passes: palette.green, fails: palette.red, unchecked: palette.yellow }[explanation.result];
  const verb = explanation.result === "unchecked" ? "could not be checked" : explanation.result;
  page.write(`${visible(shortName(explanation.purl))}: ${verb}`, "", "  ", colour);
  page.row("locked at", `${visible(place(explanation.at))} (${explanation.lockfile.format})`);
  page.row("purl", visible(explanation.purl));
  page.row("source", sourceText(explanation.source));
  if (explanation.aliases.length > 0)
    page.row("aliases", explanation.aliases.map((alias) => visible(alias)).join(", "));
  for (const verdict of explanation.verdicts) writeVerdict(page, verdict);
  if (explanation.verdicts.length === 0)
    page.row("artefacts", "none: nothing of it is fetched from a registry");
  page.gap();
  writeDependants(page, explanation);
  for (const { label, level, names, identities } of explanation.rules) {
    const by = identities.length === 0 ? "" : ` by ${identities.map((name) => visible(name)).join(" or ")}`;
    page.row("rule", `${level}${by} for ${names.map((name) => visible(name)).join(" ")}, ${visible(label)}`);
  }
  if (explanation.rules.length === 0) page.row("rule", "no rule of the policy matches this package");
  for (const { at, codes, reason, owner, expires, expired } of explanation.exceptions) {
    const until = expired ? `expired ${expires}` : `until ${expires}`;
    page.row(
      "exception",
      `${codes.join(", ")} ${until}, by ${visible(owner)}: ${visible(reason)} (${visible(place(at))})`,
    );
  }
  for (const { code, effect, why, fix } of explanation.findings) {
    page.gap();
    page.write(
      `${effect} ${code}: ${visible(why, 2200)}`,
      "",
      "  ",
      effect === "note" ? palette.dim : palette.yellow,
    );
    page.fix(fix);
  }
  return page.text();
}

function writeVerdict(page: Page, verdict: ReportedVerdict): void {
  page.gap();
  page.write(visible(verdict.file ?? "artefact"), "", "  ", page.options.palette.bold);
  page.row("digest", `${verdict.artefact ?? "none"} (${visible(place(verdict.at))})`);
  page.row(
    "status",
    `${verdict.status}: ${meaning[verdict.status]} (${verdict.outcome}, level ${verdict.level})`,
  );
  if (verdict.registry !== null) page.row("registry", visible(verdict.registry));
  for (const claim of verdict.claims) page.row("check", claimText(claim));
  if (verdict.published !== null)
    page.row("published", `${verdict.published.at} (${timeText[verdict.published.source]})`);
  if (verdict.slsaBuild > 0) page.row("SLSA build", `level ${verdict.slsaBuild}`);
  for (const attestation of verdict.attestations) writeAttestation(page, attestation);
}

const timeText = {
  log: "transparency log",
  tsa: "timestamp authority",
  unsigned: "the registry's unsigned word",
} as const;

function claimText({ name, status, code, expected, actual }: Claim): string {
  const reason = code === undefined ? "" : ` (${code})`;
  const found = actual === undefined ? "" : `, found ${visible(actual)}`;
  const wanted = expected === undefined || status === "pass" ? "" : `: expected ${visible(expected)}${found}`;
  return `${name} ${status}${reason}${wanted}`;
}

function writeAttestation(page: Page, attestation: ReportedAttestation): void {
  const { index, outcome, code, detail, predicateType, subject, keyid, logIndex, logTime, identity } =
    attestation;
  const why = code === null ? "" : ` (${code}${detail === null ? "" : `: ${visible(detail)}`})`;
  page.row("attestation", `${index + 1}: ${outcome}${why}, ${visible(predicateType ?? "no predicate type")}`);
  if (subject !== null) page.row("  subject", visible(subject));
  if (keyid !== null) page.row("  key", visible(keyid));
  if (logIndex !== null || logTime !== null) {
    page.row("  log", `index ${visible(logIndex ?? "unknown")}, ${logTime ?? "no time"}`);
  }
  if (identity !== null)
    for (const [label, value] of identityRows(identity)) page.row(`  ${label}`, visible(value));
}

function identityRows(identity: Identity): [string, string][] {
  const withId = (name: string | null, id: string | null): string | null =>
    name === null ? id && `id ${id}` : id === null ? name : `${name} (id ${id})`;
  const rows: [string, string | null][] = [
    ["issuer", identity.issuerName === null ? `${identity.issuer} (unknown)` : identity.issuer],
    ["repository", withId(identity.repository ?? identity.repositoryUri, identity.repositoryId)],
    ["owner", withId(identity.owner, identity.ownerId)],
    [
      "workflow",
      identity.workflow === null
        ? null
        : identity.workflow + (identity.workflowFrom === "san" ? " (from the SAN)" : ""),
    ],
    ["signer", identity.signer],
    ["ref", identity.ref],
    ["commit", identity.commit],
    ["event", identity.event],
    ["runner", identity.runner],
    ["run", identity.runUrl],
    ["email", identity.email],
    ["SAN", identity.san],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

function writeDependants(page: Page, { chain, dependants }: Explanation): void {
  const through = chain === null ? null : chainText(chain);
  if (through !== null) page.row("through", visible(through));
  if (dependants.length === 0) {
    page.row(
      "required by",
      chain === null ? "nothing that a root of the lockfile reaches" : "the project itself",
    );
    return;
  }
  const shown = page.options.verbose ? dependants : dependants.slice(0, shownDependants);
  const names = shown.map(({ purl, as }) => `${visible(shortName(purl))} as ${visible(as)}`);
  const more =
    dependants.length > shown.length ? `, and ${dependants.length - shown.length} more (--verbose)` : "";
  page.row("required by", `${plural(dependants.length, "package")}: ${names.join(", ")}${more}`);
}

function sourceText(source: Source): string {
  switch (source.kind) {
    case "registry":
      return source.registry === null
        ? `the configured ${source.ecosystem} registry`
        : visible(source.registry);
    case "url":
      return visible(source.url);
    case "git":
      return `git ${visible(source.url)} at ${visible(source.commit)}`;
    case "path":
      return `${source.workspace ? "workspace" : "path"} ${visible(source.path)}`;
    case "bundled":
      return `bundled in ${visible(source.in)}`;
  }
}
