import {
  attachRootSignature,
  formatRootDocument,
  nextRoot,
  renewRoot,
  rootBytes,
  visible,
  type EditResult,
  type RootMetadata,
  type TrustRoot,
} from "@countersign/core";
import {
  readOwnTrust,
  recallChain,
  rememberOwn,
  rootName,
  trustFolder,
  trustHome,
  type OpenedSigner,
} from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import type { Host } from "./host.ts";
import { applyChanges, FilePlan } from "./init/file-change.ts";
import { changesOf, fingerprintOf, missingLines } from "./trust-changes.ts";
import { openRootKeys } from "./trust-keys.ts";

/** Options of every command that writes a version of the trust store. */
export type EditOptions = {
  /** Private root keys that sign at once. */
  key: readonly string[];
  /** Days. */
  expires?: string;
  passphraseFd?: string;
  yes?: boolean;
};

export type Opened = { directory: string; last: RootMetadata | null; pending: RootMetadata | null };

const day = 24 * 60 * 60 * 1000;
const usualDays = 365;

/** The trust store of the project here, to be edited. */
export async function openTrust(host: Host): Promise<Opened & { chain: readonly RootMetadata[] }> {
  const directory = trustHome(host.directory);
  const own = await readOwnTrust(directory);
  if (own.state === "none")
    throw new CommandError(
      "this project has no trust store",
      "countersign trust init --root-key root.pem --signer ID=PUBLIC-KEY-FILE",
    );
  if (own.state === "unusable")
    throw new CommandError(`${own.finding.at.path}: ${own.finding.why}`, own.finding.fix);
  return { directory, last: own.chain.at(-1) ?? null, pending: own.pending, chain: own.chain };
}

/**
 * Before a key signs what follows a chain, the chain has to be one that this machine knows, or that a person has looked
 * at as a whole: a change could have put another one there.
 */
export async function vouchedFor(
  host: Host,
  { directory, chain, last }: Awaited<ReturnType<typeof openTrust>>,
  { key, yes }: Pick<EditOptions, "key" | "yes">,
): Promise<void> {
  if (key.length === 0) return;
  const recalled = await recallChain(directory, host, chain);
  if (recalled === "known") return;
  if (recalled !== "unknown") throw new CommandError(`${recalled.at.path}: ${recalled.why}`, recalled.fix);
  // A first version is shown as a whole anyway.
  if (last === null) return;
  showVersion(host, null, last.root, ", which this machine has not seen before");
  if (yes !== true) await agreed(host, "Is this the trust store that you know?");
}

/** Makes the next version, or changes the one that waits for signatures, and signs it where a key is at hand. */
export async function editTrust(
  host: Host,
  options: EditOptions,
  edit: (root: RootMetadata) => EditResult,
): Promise<number> {
  const opened = await openTrust(host);
  await vouchedFor(host, opened, options);
  const { directory, last, pending } = opened;
  const start = pending ?? taken(last === null ? null : nextRoot(last, expiryOf(host, options)));
  const renewed =
    pending === null || options.expires === undefined
      ? start
      : taken(renewRoot(pending, expiryOf(host, options)));
  const draft = taken(edit(renewed));
  const dropped = pending?.document.signatures.length ?? 0;
  if (pending !== null)
    host.terminal.err(
      `countersign: version ${pending.root.version} is not signed by enough keys yet, so it is changed${dropped === 0 ? "" : `; its ${dropped === 1 ? "signature is" : `${dropped} signatures are`} dropped`}\n`,
    );
  // What somebody else has put into a pending version is not signed unseen.
  const ask = pending !== null && options.key.length > 0;
  const signers = await openRootKeys(host, options.key, options.passphraseFd);
  return writeSigned(host, { directory, last, draft, signers, ask: ask && options.yes !== true });
}

export type SignedWrite = {
  directory: string;
  last: RootMetadata | null;
  draft: RootMetadata;
  signers: readonly OpenedSigner[];
  /** Whether a person has to see what is signed and say yes. */
  ask: boolean;
};

/** Shows what a version changes, signs it, writes it and says who is still missing. */
export async function writeSigned(
  host: Host,
  { directory, last, draft, signers, ask }: SignedWrite,
): Promise<number> {
  const { terminal } = host;
  const path = `${trustFolder}/${rootName(draft.root.version)}`;
  showVersion(host, last?.root ?? null, draft.root);
  if (ask) await agreed(host, `Sign version ${draft.root.version} of the trust store?`);
  let metadata = draft;
  for (const signer of signers) metadata = await withSignature(metadata, last, signer);
  const plan = new FilePlan(directory);
  await plan.write(path, formatRootDocument(metadata.document));
  await applyChanges(directory, plan.changes());
  const missing = missingLines(metadata, last);
  if (missing.length > 0) {
    terminal.out(`${missing.map((line) => visible(`still to sign: ${line}`)).join("\n")}\n`);
    terminal.err(
      "countersign: next: commit it, and have each of them run countersign trust sign --key FILE\n",
    );
    return 0;
  }
  terminal.out("signed by enough keys\n");
  if (last === null) await rememberFirst(host, directory, metadata);
  return 0;
}

function showVersion({ terminal }: Host, before: TrustRoot | null, root: TrustRoot, which = ""): void {
  const lines = [
    `${trustFolder}/${rootName(root.version)}: version ${root.version}${which}`,
    ...changesOf(before, root).map((line) => `  ${line}`),
    `fingerprint: ${fingerprintOf(root)}`,
  ];
  terminal.out(lines.map((line) => `${visible(line, 4000)}\n`).join(""));
}

/** Whoever makes a trust store, or signs its first version, knows that it is the right one. */
async function rememberFirst(host: Host, directory: string, metadata: RootMetadata): Promise<void> {
  const problem = await rememberOwn(directory, host, metadata);
  host.terminal.err(
    problem === null
      ? "countersign: this machine remembers it; elsewhere it is trusted from the base branch, or by its fingerprint\n"
      : `countersign: this machine could not remember it: ${visible(problem)}\n`,
  );
}

async function withSignature(
  metadata: RootMetadata,
  last: RootMetadata | null,
  signer: OpenedSigner,
): Promise<RootMetadata> {
  const bytes = rootBytes(metadata.document.signed);
  if (bytes === null) throw new Error("a root that was read has no canonical form");
  const { signature } = await signer.sign(bytes, { type: "application/vnd.tuf+json", bytes });
  const attached = attachRootSignature(metadata, last, await signer.keyid(), signature);
  if (attached.ok) return attached.value;
  const { version } = metadata.root;
  throw new CommandError(
    `${signer.name} cannot sign version ${version}: ${attached.detail}`,
    `countersign trust list shows whose keys sign version ${version}`,
  );
}

async function agreed({ terminal }: Host, question: string): Promise<void> {
  if (terminal.confirm === null)
    throw new CommandError("nobody sits at a terminal to say yes", "look at what is signed, and give --yes");
  if (!(await terminal.confirm(question))) throw new CommandError("nothing was signed or written", "");
}

/** An edit's outcome, or what the person asked for in vain. */
function taken(result: EditResult | null): RootMetadata {
  if (result?.ok === true) return result.value;
  throw new CommandError(
    result === null ? "version 1 is gone" : result.detail,
    "countersign trust list shows what there is",
  );
}

/** Days from now as an instant; a root that nobody renews is to stop counting. */
export function expiryOf(host: Host, { expires }: Pick<EditOptions, "expires">): number {
  const days = expires === undefined ? usualDays : Number(expires);
  if (!Number.isSafeInteger(days) || days < 1 || days > 3650)
    throw new CommandError(`--expires ${expires} is no number of days from 1 to 3650`, "write --expires 365");
  return Math.floor(host.now() / 1000) * 1000 + days * day;
}
