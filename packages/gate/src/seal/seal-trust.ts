import {
  readSealDocument,
  verifySeal,
  type BundleVerifier,
  type SealContext,
  type SealTrust,
  type SealVerdict,
  type TrustRoot,
} from "@countersign/core";
import type { Environment } from "../run.ts";
import type { SealFiles } from "./seal-files.ts";

/** What gives the parts of a seal's trust that the trust store does not hold. */
export type TrustGivers = {
  environment: Pick<Environment, "variables">;
  /** Made when the first keyless seal asks for it; null where there is no sigstore root. */
  bundles: () => Promise<BundleVerifier | null>;
};

/** Sigstore's library and root are loaded only where a seal has a certificate, or where a trusted time could save one. */
export async function sealTrustFor(
  { bundles, environment }: TrustGivers,
  root: TrustRoot,
  { files }: SealFiles,
): Promise<SealTrust> {
  const secrets = new Map<string, Uint8Array>();
  for (const key of root.signers.flatMap(({ keys }) => keys)) {
    if (key.algorithm !== "hmac-sha256") continue;
    const value = environment.variables[key.variable];
    if (value !== undefined) secrets.set(key.variable, Buffer.from(value));
  }
  const timely = root.revoked.some(({ reason }) => reason === "superseded");
  const kinds = files.flatMap(({ bytes }) => {
    const read = bytes === null ? null : readSealDocument(bytes);
    return read?.ok === true ? [read.value.kind] : [];
  });
  const needed = kinds.some((kind) => kind === "sigstore-certificate" || (timely && kind === "sigstore-key"));
  return { root, secrets, bundles: needed ? await bundles() : null };
}

/** One verdict for each seal; what could not be read counts as empty. */
export const verdictsOf = ({ files }: SealFiles, context: SealContext, trust: SealTrust): SealVerdict[] =>
  files.map(({ path, bytes }) => verifySeal(path, bytes ?? new Uint8Array(), context, trust));
