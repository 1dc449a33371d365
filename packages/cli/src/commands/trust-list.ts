import { resolve } from "node:path";
import {
  formatAllowedSigners,
  formatInstant,
  missingSignatures,
  visible,
  type Code,
  type RootMetadata,
  type TrustRoot,
} from "@countersign/core";
import { loadTrustStore, managedPolicyPath, type TrustStore } from "@countersign/gate";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import { renderMistakes } from "../mistakes.ts";
import { json } from "../render.ts";
import { describeSigner, fingerprintOf, missingLines } from "../trust-changes.ts";
import { openTrust } from "../trust-editing.ts";

export type TrustListOptions = {
  json?: boolean;
  allowedSigners?: boolean;
  base?: string;
  managedPolicy?: string;
  trustRoot?: string;
};

/** Shows the project's trust store, its fingerprint to compare, and what pins it on this machine. */
export async function listTrust(host: Host, options: TrustListOptions): Promise<number> {
  if (options.json === true && options.allowedSigners === true)
    throw new CommandError("--json and --allowed-signers are two formats", "leave one of them out");
  const { directory, chain, pending, last } = await openTrust(host);
  const shown = (last ?? pending)?.root;
  if (shown === undefined) return 2;
  const { terminal } = host;
  if (options.allowedSigners === true) {
    const allowed = formatAllowedSigners(shown);
    terminal.out(allowed);
    if (allowed === "") terminal.err("countersign: no signer has an SSH key that counts\n");
    return 0;
  }
  const store = await loadTrustStore({
    directory,
    managedPolicy: managedPolicyPath({
      managed: options.managedPolicy === undefined ? null : resolve(host.directory, options.managedPolicy),
      platform: host.platform,
    }),
    trustRoot: options.trustRoot === undefined ? null : resolve(host.directory, options.trustRoot),
    base: options.base ?? null,
    environment: { now: host.now(), home: host.home, variables: host.variables, platform: host.platform },
    mode: "strict",
  });
  if (options.json === true) {
    terminal.out(json(asJson(shown, chain, pending, store)));
    return exitCodeOf(store, options, last);
  }
  const lines = [
    ...chain.map(({ root }) => `version ${root.version}: ${fingerprintOf(root)}`),
    ...(pending === null
      ? []
      : [`version ${pending.root.version}: ${fingerprintOf(pending.root)}, waits for signatures`]),
    ...(pending === null ? [] : missingLines(pending, last).map((line) => `  still to sign: ${line}`)),
    pinLine(store),
    `repository: ${shown.repository ?? "any"}`,
    `expires: ${formatInstant(shown.expires)}`,
    `root keys: ${shown.root.threshold} of ${shown.root.keyids.join(" ")}`,
    ...shown.signers.map((signer) => `signer ${signer.id}: ${describeSigner(signer)}`),
    ...shown.revoked.map(
      ({ keyid, signer, since, reason }) =>
        `revoked ${keyid ?? signer}: ${reason} since ${formatInstant(since)}`,
    ),
    ...[...shown.notBefore].map(([path, at]) => `seals of ${path} count from ${formatInstant(at)}`),
  ];
  terminal.out(`${lines.map((line) => visible(line, 4000)).join("\n")}\n`);
  terminal.err(renderMistakes(store.findings));
  return exitCodeOf(store, options, last);
}

/** That nothing pins the store yet is what a person comes here to change; a pin that was named has to hold. */
function exitCodeOf(
  { findings }: TrustStore,
  { base, trustRoot }: TrustListOptions,
  last: RootMetadata | null,
): 0 | 1 | 2 {
  const blocking = findings.filter(({ effect }) => effect === "block").map(({ code }) => code);
  if (blocking.includes("trust/root-unavailable")) return 2;
  if (base !== undefined || trustRoot !== undefined) return blocking.length === 0 ? 0 : 1;
  const yet = (code: Code): boolean =>
    code === "trust/unpinned" || (code === "trust/threshold" && last === null);
  return blocking.every(yet) ? 0 : 1;
}

function pinLine(store: TrustStore): string {
  if (store.state !== "available") return "pin: none; the fingerprint above is what to compare";
  const by = {
    managed: "the managed policy",
    flag: "--trust-root",
    base: "the base commit",
    memory: "this machine's memory",
  };
  return `pin: ${by[store.pinnedBy]}, up to version ${store.root.version}`;
}

function asJson(
  shown: TrustRoot,
  chain: readonly RootMetadata[],
  pending: RootMetadata | null,
  store: TrustStore,
): object {
  return {
    schema: "countersign/trust/1",
    fingerprint: fingerprintOf(shown),
    version: shown.version,
    versions: chain.map(({ root }) => ({ version: root.version, fingerprint: fingerprintOf(root) })),
    pending:
      pending === null
        ? null
        : {
            version: pending.root.version,
            fingerprint: fingerprintOf(pending.root),
            needs: missingSignatures(pending, chain.at(-1) ?? null).needs,
          },
    pin: { state: store.state, by: store.state === "available" ? store.pinnedBy : null },
    repository: shown.repository,
    expires: formatInstant(shown.expires),
    root: shown.root,
    signers: shown.signers.map((signer) => ({
      ...signer,
      keys: signer.keys.map(({ keyid, algorithm }) => ({ keyid, algorithm })),
      validFrom: signer.validFrom === null ? null : formatInstant(signer.validFrom),
      validTo: signer.validTo === null ? null : formatInstant(signer.validTo),
    })),
    revoked: shown.revoked.map((revocation) => ({ ...revocation, since: formatInstant(revocation.since) })),
    notBefore: Object.fromEntries([...shown.notBefore].map(([path, at]) => [path, formatInstant(at)])),
    findings: store.findings.map(({ code, effect, at, why, fix }) => ({ code, effect, at, why, fix })),
  };
}
