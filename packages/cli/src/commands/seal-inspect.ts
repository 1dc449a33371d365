import {
  decodeSealStatement,
  formatDigest,
  formatInstant,
  readSealDocument,
  visible,
  sealFileBytes,
  sha256Of,
} from "@countersign/core";
import { CommandError } from "../command-error.ts";
import { readNamed } from "../files.ts";
import type { Host } from "../host.ts";
import { count, json } from "../render.ts";
import { findSealFiles } from "../seal-files.ts";

export type InspectOptions = { lockfile: readonly string[]; json?: boolean };

/**
 * Shows what seals say, without a word on whether it is true: signer, algorithm, time and signature as the seal has
 * them. `countersign seal verify` tells whether they count.
 */
export async function inspectSeals(
  host: Host,
  files: readonly string[],
  options: InspectOptions,
): Promise<number> {
  const paths = files.length > 0 ? files : await findSealFiles(host, options.lockfile);
  if (paths.length === 0 && options.json !== true)
    throw new CommandError("no lockfile here has a seal", "countersign sign --approve --key FILE", 1);
  const seals = await Promise.all(
    paths.map(async (path) => inspect(path, await readNamed(host, path, sealFileBytes))),
  );
  if (options.json === true) host.terminal.out(json(documentOf(seals)));
  else for (const seal of seals) host.terminal.out(`${describe(seal)}\n`);
  return seals.length === 0 || seals.some(({ error }) => error !== null) ? 1 : 0;
}

type Inspected = {
  file: string;
  signerId: string | null;
  algorithm: string | null;
  timestamp: string | null;
  signature: string | null;
  kind: string | null;
  subject: string | null;
  digest: string | null;
  repository: string | null;
  ref: string | null;
  packages: number | null;
  policy: string | null;
  expires: string | null;
  payloadDigest: string | null;
  error: string | null;
};

const documentOf = (seals: readonly Inspected[]): unknown => ({
  schema: "countersign/seals/1",
  verified: false,
  seals,
});

const unread = (file: string, error: string): Inspected => ({
  file,
  signerId: null,
  algorithm: null,
  timestamp: null,
  signature: null,
  kind: null,
  subject: null,
  digest: null,
  repository: null,
  ref: null,
  packages: null,
  policy: null,
  expires: null,
  payloadDigest: null,
  error,
});

function inspect(file: string, bytes: Uint8Array): Inspected {
  const document = readSealDocument(bytes);
  if (!document.ok) return unread(file, `${document.detail} (${document.code})`);
  const { payload, signature } = document.value;
  const read = decodeSealStatement(payload);
  if (!read.ok) return unread(file, `${read.detail} (${read.code})`);
  const { kind, subject, claim } = read.value;
  return {
    file,
    signerId: claim.signer.id,
    algorithm: claim.signer.algorithm,
    timestamp: formatInstant(claim.issuedAt),
    signature: signature.toString("base64"),
    kind,
    subject: subject.path,
    digest: formatDigest(subject.digest),
    repository: claim.repository,
    ref: claim.ref,
    packages: claim.packages,
    policy: formatDigest(claim.policy),
    expires: claim.expires === null ? null : formatInstant(claim.expires),
    payloadDigest: formatDigest(sha256Of(payload)),
    error: null,
  };
}

function describe(seal: Inspected): string {
  if (seal.error !== null) return `${visible(seal.file)}\n  unreadable: ${visible(seal.error)}`;
  const rows: readonly (readonly [string, string])[] = [
    ["claim", `${seal.kind} of ${seal.subject}`],
    ["signer", `${seal.signerId} (${seal.algorithm}), by its own word`],
    ["issued", `${seal.timestamp}${seal.expires === null ? "" : `, expires ${seal.expires}`}`],
    ["lockfile", `${seal.digest}, ${count(seal.packages ?? 0, "package")}`],
    ["repository", `${seal.repository ?? "any"}${seal.ref === null ? "" : ` at ${seal.ref}`}`],
    ["policy", seal.policy ?? ""],
  ];
  return [visible(seal.file), ...rows.map(([name, text]) => `  ${name.padEnd(11)}${visible(text)}`)].join(
    "\n",
  );
}
