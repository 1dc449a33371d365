import {
  parseDay,
  parseInstant,
  putSigner,
  readAllowedSigners,
  sealKinds,
  shellWord,
  trustLimits,
  visible,
  type EditResult,
  type KeylessIdentity,
  type RootMetadata,
  type SealKind,
  type SignerEdit,
} from "@countersign/core";
import { CommandError } from "../command-error.ts";
import { fullRefOf } from "../full-ref.ts";
import { readNamed } from "../files.ts";
import type { Host } from "../host.ts";
import { editTrust, type EditOptions } from "../trust-editing.ts";
import { readHmacKey, readPublicKey } from "../trust-keys.ts";

export type TrustAddOptions = EditOptions & {
  publicKey: readonly string[];
  sshKey: readonly string[];
  hmac?: string;
  identity: readonly string[];
  predicates?: string;
  paths: readonly string[];
  refs: readonly string[];
  validFrom?: string;
  validTo?: string;
  verifierId?: string;
  allowedSigners?: string;
};

/** Adds a signer, or gives the one of that id another key, identity or scope; or those of an allowed_signers file. */
export async function addSigner(
  host: Host,
  id: string | undefined,
  options: TrustAddOptions,
): Promise<number> {
  const edits =
    options.allowedSigners === undefined
      ? [await oneSigner(host, id, options)]
      : await imported(host, id, options);
  return editTrust(host, options, (root) => putAll(root, edits));
}

function putAll(start: RootMetadata, edits: readonly SignerEdit[]): EditResult {
  let root = start;
  for (const edit of edits) {
    const { id, keys, identities } = edit;
    if (keys.length + identities.length === 0 && !root.root.signers.some((signer) => signer.id === id))
      throw new CommandError(
        `no key or identity of ${id} is given`,
        `countersign trust add ${shellWord(id)} --public-key FILE`,
      );
    const put = putSigner(root, edit);
    if (!put.ok) throw new CommandError(put.detail, "countersign trust add --help\ncountersign trust list");
    root = put.value;
  }
  return { ok: true, value: root };
}

async function oneSigner(host: Host, id: string | undefined, options: TrustAddOptions): Promise<SignerEdit> {
  if (id === undefined)
    throw new CommandError("whom to add is not said", "countersign trust add ID --public-key FILE");
  const files = [...options.publicKey, ...options.sshKey];
  const keys = await Promise.all(files.map((path) => readPublicKey(host, path)));
  if (options.hmac !== undefined) keys.push(readHmacKey(host, options.hmac));
  return { id, keys, identities: options.identity.map(identityOf), ...scopeOf(options) };
}

function scopeOf(options: TrustAddOptions): Omit<SignerEdit, "id" | "keys" | "identities"> {
  const { predicates, paths, refs, validFrom, validTo, verifierId } = options;
  return {
    predicates: predicates === undefined ? null : predicates.split(",").map(kindOf),
    paths: paths.length === 0 ? null : paths,
    refs: refs.length === 0 ? null : refs.map(fullRef),
    validFrom: validFrom === undefined ? null : instantOf("--valid-from", validFrom),
    validTo: validTo === undefined ? null : instantOf("--valid-to", validTo),
    verifierId: verifierId ?? null,
  };
}

async function imported(host: Host, id: string | undefined, options: TrustAddOptions): Promise<SignerEdit[]> {
  const file = options.allowedSigners ?? "";
  if (id !== undefined || options.publicKey.length + options.sshKey.length + options.identity.length > 0)
    throw new CommandError("--allowed-signers names signers and keys itself", "leave ID and keys out");
  const read = readAllowedSigners((await readNamed(host, file, trustLimits.bytes)).toString("utf8"));
  if (!read.ok)
    throw new CommandError(`${file}: ${read.detail}`, "correct that line, or add signers one by one");
  for (const { line, why } of read.skipped)
    host.terminal.err(`countersign: ${visible(file)}:${line} is left out: ${visible(why)}\n`);
  if (read.signers.length === 0)
    throw new CommandError(`${file} has no signer for lockfiles`, "name the right file");
  const given = scopeOf(options);
  return read.signers.map((signer) => ({
    ...signer,
    ...given,
    validFrom: given.validFrom ?? signer.validFrom,
    validTo: given.validTo ?? signer.validTo,
  }));
}

const identityFields = ["issuer", "san", "repositoryId", "ownerId"];

/** `issuer=…,san=…[,repositoryId=…][,ownerId=…]`; a comma belongs to a value unless a name and `=` follow it. */
function identityOf(text: string): KeylessIdentity {
  const fields = new Map<string, string>();
  for (const part of text.split(/,(?=[^,=/:@?]*=)/)) {
    const [name = "", ...value] = part.split("=");
    if (!identityFields.includes(name))
      throw new CommandError(
        `--identity has the field ${JSON.stringify(name)}; there are ${identityFields.join(", ")}`,
        identityExample,
      );
    if (fields.has(name)) throw new CommandError(`--identity has ${name} twice`, identityExample);
    fields.set(name, value.join("="));
  }
  const issuer = fields.get("issuer");
  const san = fields.get("san");
  if (issuer === undefined || san === undefined)
    throw new CommandError(`--identity ${text} lacks issuer or san`, identityExample);
  return {
    issuer,
    san,
    repositoryId: fields.get("repositoryId") ?? null,
    ownerId: fields.get("ownerId") ?? null,
  };
}

const identityExample =
  "write --identity issuer=https://issuer.example,san=https://forge.example/acme/app/release.yml@refs/heads/main";

/** Seals name refs in full, so a short one would let the signer seal for none. */
function fullRef(glob: string): string {
  const not = glob.startsWith("!") ? "!" : "";
  const ref = glob.slice(not.length);
  if (/^(?:refs|\*\*?)\//.test(ref) || ref === "**") return glob;
  throw new CommandError(
    `--refs ${glob} is no full name of a ref`,
    `write --refs ${shellWord(`${not}${fullRefOf(ref)}`)}`,
  );
}

function kindOf(text: string): SealKind {
  const kind = sealKinds.find((each) => each === text.trim());
  if (kind !== undefined) return kind;
  throw new CommandError(`${text} is no predicate`, `write --predicates ${sealKinds.join(",")}`);
}

/** A date-time, or a day as its first moment in UTC. */
export function instantOf(option: string, text: string): number {
  const instant = parseInstant(text) ?? parseDay(text);
  if (instant !== null) return instant;
  throw new CommandError(
    `${option} ${text} is no date or date-time`,
    `write ${option} 2027-06-30 or 2027-06-30T12:00:00Z`,
  );
}
