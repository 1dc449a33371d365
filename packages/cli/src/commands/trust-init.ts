import { createRoot, repositoryAddress, visible, type SealSigner } from "@countersign/core";
import { originUrl, readOwnTrust, trustHome } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { expiryOf, writeSigned } from "../trust-editing.ts";
import { readPublicKey, readRootKeys } from "../trust-keys.ts";

export type TrustInitOptions = {
  signer: readonly string[];
  rootKey: readonly string[];
  threshold?: string;
  expires?: string;
  repository?: string;
  passphraseFd?: string;
};

/** Makes version 1 of a trust store, signed with the root keys whose private half is given. Never overwrites. */
export async function initTrust(host: Host, options: TrustInitOptions): Promise<number> {
  const directory = trustHome(host.directory);
  const own = await readOwnTrust(directory);
  if (own.state === "unusable")
    throw new CommandError(`${own.finding.at.path}: ${own.finding.why}`, own.finding.fix);
  if (own.state === "found")
    throw new CommandError(
      "this project has a trust store already, and it is left as it is",
      "countersign trust list shows it; trust add and trust rotate change it",
    );
  if (options.rootKey.length === 0)
    throw new CommandError(
      "no root key is given, and whoever has one decides who may sign",
      "openssl genpkey -algorithm ed25519 -out root.pem && chmod 600 root.pem\ncountersign trust init --root-key root.pem --signer ID=PUBLIC-KEY-FILE",
    );
  const repository = await repositoryOf(directory, options.repository);
  const rootKeys = await readRootKeys(host, options.rootKey, options.passphraseFd);
  const signers = await Promise.all(options.signer.map((text) => signerOf(host, text)));
  const made = createRoot({
    rootKeys: rootKeys.map(({ key }) => key),
    threshold: thresholdOf(options.threshold) ?? 1,
    expires: expiryOf(host, options),
    repository,
    signers,
  });
  if (!made.ok) throw new CommandError(made.detail, "countersign trust init --help");
  if (repository === null) {
    const origin =
      (await originUrl(directory)) === null
        ? "no remote origin"
        : "the remote origin is no address of a forge";
    host.terminal.err(
      `countersign: ${origin}, so seals are bound to no repository; --repository URL binds them\n`,
    );
  }
  const holders = rootKeys.flatMap(({ signer }) => (signer === null ? [] : [signer]));
  return writeSigned(host, { directory, last: null, draft: made.value, signers: holders, ask: false });
}

export function thresholdOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new CommandError(`--threshold ${text} is no number from 1`, "write --threshold 2");
}

async function repositoryOf(directory: string, given: string | undefined): Promise<string | null> {
  if (given === undefined) return repositoryAddress((await originUrl(directory)) ?? "");
  const address = repositoryAddress(given);
  if (address !== null) return address;
  throw new CommandError(
    `${given} is no address of a repository`,
    "write --repository https://forge.example/acme/app",
  );
}

async function signerOf(host: Host, text: string): Promise<SealSigner> {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new CommandError(`${visible(text)} is not ID=PUBLIC-KEY`, "write --signer alice=alice.pub");
  const id = text.slice(0, equals);
  return {
    id,
    keys: [await readPublicKey(host, text.slice(equals + 1))],
    identities: [],
    predicates: ["approval"],
    paths: ["**"],
    refs: [],
    validFrom: null,
    validTo: null,
    verifierId: null,
  };
}
