import {
  defaultBudget,
  foldOutcome,
  formatInstant,
  readAttestationDocument,
  verifyAttestations,
  visible,
  type AttestationVerdict,
  type Outcome,
  type Palette,
} from "@countersign/core";
import { parseDigest, targetOf, uniteDigests } from "../attestation-target.ts";
import { attestationTrust } from "../attestation-trust.ts";
import { hashNamed, readNamed } from "../files.ts";
import type { Host } from "../host.ts";
import { demandIdentity, readIdentityDemand } from "../identity-demand.ts";
import { count, json } from "../render.ts";

export type VerifyAttestationOptions = {
  bundle: string;
  digest?: string;
  subject?: string;
  trustedRoot: readonly string[];
  npmKeys: readonly string[];
  identity: readonly string[];
  json?: boolean;
};

/** One attestation as plain JSON; a check that had nothing to compare is `skipped`. */
type ReportedVerdict = Pick<
  AttestationVerdict,
  | "index"
  | "predicateType"
  | "subject"
  | "outcome"
  | "code"
  | "detail"
  | "identity"
  | "keyid"
  | "slsaBuild"
  | "logIndex"
  | "checks"
> & {
  /** RFC 3339. */
  logTime: string | null;
};

/**
 * Verifies every attestation of a file. 0 when at least one is verified and none refused or unknown; 2 when the
 * worst is that something could not be had; else 1.
 */
export async function verifyAttestation(
  host: Host,
  artefact: string | undefined,
  options: VerifyAttestationOptions,
): Promise<number> {
  const { terminal } = host;
  const demand = readIdentityDemand(options.identity);
  const named = options.digest === undefined ? null : parseDigest(options.digest);
  const own = artefact === undefined ? [] : await hashNamed(host, artefact);
  const target = targetOf(options.subject ?? null, uniteDigests(own, named));
  const text = new TextDecoder().decode(await readNamed(host, options.bundle, defaultBudget.documentBytes));
  const context = await attestationTrust(
    host,
    { roots: options.trustedRoot, keys: options.npmKeys },
    (warning) => terminal.err(`countersign: ${visible(warning)}\n`),
  );
  const document = readAttestationDocument(text, defaultBudget);
  const verified =
    document.state === "found"
      ? verifyAttestations(document.document, target, context)
      : document.state === "absent"
        ? []
        : [unreadable(document)];
  const verdicts = demand === null ? verified : demandIdentity(verified, demand);
  const outcome = foldOutcome(verdicts);
  if (options.json === true)
    terminal.out(
      json({ schema: "countersign/attestations/1", outcome, attestations: verdicts.map(reportVerdict) }),
    );
  else terminal.out(render(verdicts, outcome, terminal.palette("out")));
  return exitCodeOf(verdicts);
}

/** A document that cannot be read counts as one refused attestation: nobody knows how many it was meant to hold. */
const unreadable = ({ code, detail }: Pick<AttestationVerdict, "code" | "detail">): AttestationVerdict => ({
  index: 0,
  predicateType: null,
  subject: null,
  outcome: "refused",
  code,
  detail,
  role: "other",
  identity: null,
  keyid: null,
  slsaBuild: 0,
  logTime: null,
  logIndex: null,
  time: "none",
  checks: [],
});

function exitCodeOf(verdicts: readonly AttestationVerdict[]): number {
  const outcomes = new Set(verdicts.map(({ outcome }) => outcome));
  if (outcomes.has("refused")) return 1;
  if (outcomes.has("unknown")) return 2;
  return outcomes.has("verified") ? 0 : 1;
}

const reportVerdict = ({
  index,
  predicateType,
  subject,
  outcome,
  code,
  detail,
  identity,
  keyid,
  slsaBuild,
  logTime,
  logIndex,
  checks,
}: AttestationVerdict): ReportedVerdict => ({
  index,
  predicateType,
  subject,
  outcome,
  code,
  detail,
  identity,
  keyid,
  slsaBuild,
  logTime: logTime === null ? null : formatInstant(logTime),
  logIndex,
  checks,
});

function render(verdicts: readonly AttestationVerdict[], outcome: Outcome, palette: Palette): string {
  const colours: Readonly<Record<Outcome, (text: string) => string>> = {
    verified: palette.green,
    unverified: palette.yellow,
    unknown: palette.yellow,
    refused: palette.red,
  };
  const good = verdicts.filter((verdict) => verdict.outcome === "verified").length;
  const head =
    verdicts.length === 0
      ? "unverified: the file holds no attestation"
      : `${outcome}: ${good} of ${count(verdicts.length, "attestation")} verified`;
  const lines = [colours[outcome](head)];
  for (const verdict of verdicts) {
    lines.push(
      "",
      `${verdict.index + 1}. ${colours[verdict.outcome](verdict.outcome)} ${visible(verdict.predicateType ?? "no predicate type")}`,
    );
    for (const [label, value] of rowsOf(verdict))
      if (value !== null) lines.push(`   ${label.padEnd(12)}${visible(value)}`);
  }
  return `${lines.join("\n")}\n`;
}

function rowsOf({
  code,
  detail,
  subject,
  identity,
  keyid,
  slsaBuild,
  logTime,
  logIndex,
  checks,
}: AttestationVerdict): [string, string | null][] {
  const skipped = checks
    .filter(({ name, status }) => status === "skipped" && (name === "subject" || name === "digest"))
    .map(({ name }) => name);
  return [
    ["why", code === null ? null : `${code}${detail === null ? "" : `: ${detail}`}`],
    ["subject", subject],
    ["repository", identity === null ? null : (identity.repository ?? identity.repositoryUri)],
    ["workflow", identity === null ? null : (identity.workflow ?? identity.san)],
    ["ref", identity?.ref ?? null],
    ["commit", identity?.commit ?? null],
    ["run", identity?.runUrl ?? null],
    ["issuer", identity?.issuer ?? null],
    ["key", keyid],
    ["SLSA build", slsaBuild === 0 ? null : `level ${slsaBuild}`],
    ["log", logTime === null ? null : `${formatInstant(logTime)}, index ${logIndex ?? "unknown"}`],
    ["skipped", skipped.length === 0 ? null : `${skipped.join(", ")}: nothing given to compare with`],
  ];
}
