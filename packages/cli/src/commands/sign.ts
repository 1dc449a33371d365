import {
  formatInstant,
  renderIntroduced,
  shellWord,
  SignerError,
  visible,
  type SealKind,
} from "@countersign/core";
import {
  changesText,
  resourcesText,
  openSigner,
  prepareSeals,
  sealLockfile,
  signerOf,
  type PreparedSeal,
  type Preparation,
  type SealedLockfile,
} from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import { fullRefOf } from "../full-ref.ts";
import { environmentOf } from "../environment.ts";
import type { Host } from "../host.ts";
import { MistakesError, mistakesOf } from "../mistakes.ts";
import type { ProjectOptions } from "../options.ts";
import { count, json, layoutOf, renderReport } from "../render.ts";
import { requestOf } from "../request.ts";
import { signerChoice, type SignerOptions } from "../signer-choice.ts";
import { signerContextOf } from "../signer-context.ts";

export type SignOptions = ProjectOptions &
  SignerOptions & {
    approve?: boolean;
    summary?: boolean;
    as?: string;
    expires?: string;
    yes?: boolean;
    json?: boolean;
  };

const day = 86_400_000;
const defaultLifetime = 30 * day;

/**
 * Seals every lockfile of the project: runs the policy first and refuses where it does not pass, shows what has
 * changed since the last sealed state, asks, signs.
 */
export async function sign(host: Host, options: SignOptions): Promise<number> {
  if (options.approve === true && options.summary === true)
    throw new CommandError("--approve and --summary are two claims", "sign twice, or leave one out");
  const kind: SealKind = options.summary === true ? "summary" : "approval";
  const choice = signerChoice(options);
  const lifetime = lifetimeOf(options, kind);
  if (options.ref?.startsWith("refs/") === false)
    throw new CommandError(
      `--ref ${options.ref} is no full name of a ref`,
      `--ref ${shellWord(fullRefOf(options.ref))}`,
    );
  const environment = environmentOf(host);
  const prepared = await prepareSeals(requestOf(host, options), environment);
  if (prepared.state === "refused") throw refusal(host, prepared);
  const sealed: SealedLockfile[] = [];
  try {
    const signer = await openSigner(choice, signerContextOf(host, options.passphraseFd));
    // Whoever may not sign is told before the question.
    signerOf(prepared.root, signer, await signer.keyid(), options.as ?? null);
    for (const seal of prepared.seals) showChange(host, prepared, seal);
    if (!(await agreed(host, options, kind, prepared.seals)))
      throw new CommandError("nothing was signed", "");
    for (const seal of prepared.seals) {
      sealed.push(
        await sealLockfile(prepared, seal, signer, {
          kind,
          as: options.as ?? null,
          ref: options.ref ?? null,
          now: environment.now,
          lifetime: lifetime ?? prepared.policy.seal.summary?.maxAge ?? defaultLifetime,
        }),
      );
    }
  } catch (error) {
    if (error instanceof SignerError) throw new CommandError(error.why, error.fix);
    throw error;
  }
  if (options.json === true) host.terminal.out(json(documentOf(sealed, prepared.seals)));
  for (const [index, { path, claim }] of sealed.entries()) {
    const { file } = prepared.seals[index] as PreparedSeal;
    const until = untilText(claim, prepared.policy.seal.summary?.maxAge ?? Infinity);
    say(host, `${file.path}: ${kind} by ${claim.signer.id} (${claim.signer.algorithm}) in ${path}${until}`);
  }
  return 0;
}

/** Why there is nothing to sign, or nothing that may be signed. */
function refusal(host: Host, { verification, findings }: Extract<Preparation, { state: "refused" }>): Error {
  const { report, exitCode } = verification;
  const refusing = exitCode === 0 ? 1 : exitCode;
  const mistakes = mistakesOf(verification);
  if (mistakes.length > 0) return new MistakesError(mistakes, refusing);
  if (report.decision.mode === "disabled")
    return new CommandError("the policy is disabled, so there is nothing that a seal could say", "", 1);
  const blocking = report.findings.filter(
    ({ effect, code }) => effect === "block" && code !== "seal/approval-missing",
  );
  if (blocking.length > 0) {
    const said = renderReport(report, "human", layoutOf(host, "err", false));
    const conclusion =
      "countersign: nothing was signed: what does not pass the policy in strict is not sealed\n";
    return new MistakesError(blocking, refusing, `${said}${conclusion}`);
  }
  if (findings.length > 0) return new MistakesError(findings, refusing);
  return new CommandError(
    "there is no trust store, so nobody could tell whose seal this is",
    "countersign trust init --signer ID=PUBLIC-KEY-FILE --root-key FILE",
  );
}

function showChange(
  host: Host,
  { verification }: Extract<Preparation, { state: "ready" }>,
  seal: PreparedSeal,
): void {
  const { file, since, set, claim } = seal;
  say(host, `${file.path}: ${count(set.packages.length, "package")}; ${sealedBy(seal)}`);
  if (since !== null) say(host, `  ${sinceText(since, seal.counting.length > 0)}`);
  const { provenance, signed, locked, unlocked } = claim.levels;
  const local = set.packages.filter(({ artefacts }) => artefacts.length === 0).length;
  say(
    host,
    `  ${provenance} provenance, ${signed} signed, ${locked} locked, ${unlocked} unlocked${local === 0 ? "" : `, ${local} local`}`,
  );
  say(host, `  ${closureText(seal)}`);
  if (since === null || since.changes === null) return;
  const fresh = new Set(
    [
      ...since.changes.added,
      ...since.changes.updated.map(({ to }) => to),
      ...since.changes.altered.map(({ to }) => to),
    ].map(({ purl }) => purl),
  );
  const before = new Set(set.packages.map(({ purl }) => purl).filter((purl) => !fresh.has(purl)));
  const own = {
    ...verification.report,
    lockfiles: verification.report.lockfiles.filter(({ path }) => path === file.path),
  };
  host.terminal.err(renderIntroduced(before, own, environmentOf(host).now, layoutOf(host, "err", false)));
}

function sealedBy({ counting }: PreparedSeal): string {
  const signers = [...new Set(counting.map(({ signer }) => signer?.id ?? ""))].toSorted();
  return signers.length === 0 ? "no seal of it counts yet" : `sealed already by ${signers.join(", ")}`;
}

/** An approval is over these files too: one that nobody was shown could run anything. */
function closureText({ closure, claim: { resources } }: PreparedSeal): string {
  if (closure !== null)
    return `closure since the last seal (${closure.signer}): ${resourcesText(closure.changes)}`;
  return `closure: ${resources.map(({ name }) => name).join(", ") || "no file"}`;
}

function sinceText(
  { what, statement, changes }: NonNullable<PreparedSeal["since"]>,
  isSealed: boolean,
): string {
  const seal = isSealed ? "the last seal of other bytes" : "the last seal";
  const since = what === "seal" ? `${seal} (${statement?.claim.signer.id ?? ""})` : "the base";
  if (changes !== null) return `since ${since}: ${changesText(changes)}`;
  return what === "seal"
    ? "the lockfile that was sealed last is not in the history"
    : "the base has no such lockfile";
}

async function agreed(
  { terminal }: Host,
  options: SignOptions,
  kind: SealKind,
  seals: readonly PreparedSeal[],
): Promise<boolean> {
  if (options.yes === true) return true;
  if (terminal.confirm === null)
    throw new CommandError(
      "nothing was signed: there is no terminal to ask on",
      "look at the change, then add --yes",
    );
  const what = kind === "approval" ? "Approve" : "Sign a summary of";
  const files = seals.map(({ file }) => visible(file.path)).join(", ");
  return terminal.confirm(`${what} ${files}?`);
}

function lifetimeOf({ expires }: SignOptions, kind: SealKind): number | null {
  if (expires === undefined) return null;
  const days = /^[1-9][0-9]{0,3}$/.test(expires) ? Number(expires) : null;
  if (days === null) throw new CommandError(`--expires ${expires} is no number of days`, "--expires 30");
  if (kind === "approval")
    throw new CommandError(
      "an approval does not expire",
      "leave --expires out; revoke a key to take approvals back",
    );
  return days * day;
}

/** When a summary stops counting here, in days as `--expires` counts them. */
function untilText({ issuedAt, expires }: SealedLockfile["claim"], maxAge: number): string {
  if (expires === null) return "";
  const dayOf = (instant: number): string => formatInstant(instant).slice(0, 10);
  return expires <= issuedAt + maxAge
    ? `, valid until ${dayOf(expires)}`
    : `, valid until ${dayOf(issuedAt + maxAge)} by the policy's maxAge, though --expires says ${dayOf(expires)}`;
}

/** The flat block of each seal, with where it lies. */
const documentOf = (sealed: readonly SealedLockfile[], seals: readonly PreparedSeal[]): unknown => ({
  schema: "countersign/signed/1",
  seals: sealed.map(({ path, mediaType, claim, verdict }, index) => ({
    lockfile: seals[index]?.file.path,
    subject: seals[index]?.subject.path,
    subjectDigest: `sha256:${seals[index]?.subject.digest.hex}`,
    storageKey: path,
    bundleMediaType: mediaType,
    kind: verdict.kind,
    signerId: claim.signer.id,
    keyid: claim.signer.keyid,
    algorithm: claim.signer.algorithm,
    expires: claim.expires === null ? null : new Date(claim.expires).toISOString(),
  })),
});

function say({ terminal }: Host, text: string): void {
  terminal.err(`countersign: ${visible(text)}\n`);
}
