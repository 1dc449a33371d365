import { isStopping, reportSeal, visible, type Finding, type SealVerdict } from "@countersign/core";
import { verifySeals, type SealsVerified } from "@countersign/gate";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import { renderMistakes } from "../mistakes.ts";
import type { ProjectOptions } from "../options.ts";
import { count, json } from "../render.ts";
import { requestOf } from "../request.ts";

export type SealVerifyOptions = ProjectOptions & { json?: boolean };

/**
 * Verifies the seals of every lockfile and says of each why it counts or not. Ends 0 where every lockfile has what the
 * policy demands, and at least one seal that counts; 2 where lockfile or policy cannot be had.
 */
export async function verifySealsCommand(host: Host, options: SealVerifyOptions): Promise<number> {
  const verified = await verifySeals(requestOf(host, options), environmentOf(host));
  const valid = isValid(verified);
  if (options.json === true) host.terminal.out(json(documentOf(verified, valid)));
  host.terminal[options.json === true ? "err" : "out"](verified.lockfiles.map(describe).join(""));
  const blocking = [
    ...verified.findings,
    ...verified.lockfiles.flatMap(({ judgement }) => judgement.findings),
  ].filter(({ effect }) => effect === "block");
  host.terminal.err(renderMistakes(blocking));
  if (verified.root === null && blocking.length === 0) {
    host.terminal.err(
      "countersign: there is no trust store, so nobody can tell whose seals these are\n  fix: countersign trust init --signer ID=PUBLIC-KEY-FILE --root-key FILE\n",
    );
  }
  if (blocking.some(({ code }) => isStopping(code))) return 2;
  return valid ? 0 : 1;
}

function isValid({ lockfiles, findings }: SealsVerified): boolean {
  const blocks = ({ effect }: Finding): boolean => effect === "block";
  return (
    lockfiles.length > 0 &&
    !findings.some(blocks) &&
    lockfiles.every(
      ({ judgement }) =>
        !judgement.findings.some(blocks) && judgement.verdicts.some(({ outcome }) => outcome === "verified"),
    )
  );
}

const documentOf = ({ lockfiles, root, findings }: SealsVerified, valid: boolean): unknown => ({
  schema: "countersign/seal-verification/1",
  valid,
  trustRoot: root === null ? null : { version: root.version, digest: `sha256:${root.digest.hex}` },
  lockfiles: lockfiles.map(({ file, subject, judgement, unjudged }) => ({
    path: file.path,
    subject: subject?.path ?? null,
    computedDigest: subject === null ? null : `sha256:${subject.digest.hex}`,
    approvals: judgement.approvals,
    summary: judgement.summary?.file ?? null,
    unjudged,
    seals: judgement.verdicts.map((verdict) => ({ ...reportSeal(verdict), ...standalone(verdict) })),
    findings: judgement.findings,
  })),
  findings,
});

/** What a program asks of one signature: whether it is valid, over what, by whom, and why not. */
const standalone = ({ outcome, code, detail, statement, signer }: SealVerdict): object => ({
  valid: outcome === "verified",
  expectedDigest: statement === null ? null : `sha256:${statement.subject.digest.hex}`,
  signerName: signer?.id ?? null,
  error: code === null ? null : `${code}: ${detail ?? "failed"}`,
});

function describe({ file, judgement, unjudged }: SealsVerified["lockfiles"][number]): string {
  const lines = judgement.verdicts.map((verdict) => {
    const who =
      verdict.signer === null ? "unknown signer" : `${verdict.signer.id} (${verdict.signer.algorithm})`;
    const name = verdict.file.slice(verdict.file.lastIndexOf("/") + 1, -".json".length).slice(0, 12);
    return verdict.outcome === "verified"
      ? `  counts         ${verdict.kind} by ${visible(who)} ${name}`
      : `  does not count ${verdict.kind ?? "seal"} by ${visible(who)} ${name}: ${visible(verdict.detail ?? "")} (${verdict.code})`;
  });
  const many = judgement.findings.find(({ code }) => code === "seal/too-many");
  const unread = unjudged === 0 ? "no seals" : `${count(unjudged, "seal")}, not judged`;
  const none = many === undefined ? unread : `${visible(many.why)} fix: ${visible(many.fix)}`;
  return `${[visible(file.path), ...(lines.length === 0 ? [`  ${none}`] : lines)].join("\n")}\n`;
}
