import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  defaultBudget,
  keyHintOf,
  readAttestationDocument,
  sealTypes,
  SignerError,
  verifyAttestations,
  visible,
  type AttestationVerdict,
  type Digest,
  type RegistryKey,
  sha256Of,
} from "@countersign/core";
import { signKeyless } from "@countersign/gate";
import { parseDigest, targetOf } from "../attestation-target.ts";
import { attestationTrust } from "../attestation-trust.ts";
import { CommandError } from "../command-error.ts";
import { hashNamed, readNamed, writeNamed } from "../files.ts";
import type { Host } from "../host.ts";
import { signerContextOf } from "../signer-context.ts";

export type VerifyBundleOptions = {
  bundle: string;
  certificateIdentity?: string;
  certificateOidcIssuer?: string;
  key?: string;
  trustedRoot?: string;
  staging?: boolean;
};

export type SignBundleOptions = {
  identityToken: string;
  bundle: string;
  trustedRoot?: string;
  signingConfig?: string;
  staging?: boolean;
  inToto?: boolean;
};

/** Who must have signed. */
type Signer = { kind: "certificate"; san: string; issuer: string } | { kind: "key"; key: KeyObject };

/** `verify-bundle` of the Sigstore conformance protocol: 0 if the bundle verifies, else 1; the reason is on stderr. */
export async function verifyBundle(
  host: Host,
  artefact: string,
  options: VerifyBundleOptions,
): Promise<number> {
  if (options.staging === true && options.trustedRoot === undefined) {
    throw new CommandError("no root of the staging instance is embedded", "name it with --trusted-root");
  }
  const signer = await signerOf(host, options);
  const text = new TextDecoder().decode(await readNamed(host, options.bundle, defaultBudget.documentBytes));
  const digests = await digestsOf(host, artefact);
  const roots = options.trustedRoot === undefined ? [] : [options.trustedRoot];
  const context = await attestationTrust(host, { roots, keys: [] }, () => {});
  const read = readAttestationDocument(text, defaultBudget);
  if (read.state !== "found")
    return refused(
      host,
      read.state === "absent"
        ? "attestation/absent: the file holds no bundle"
        : `${read.code}: ${read.detail}`,
    );
  const [attestation, ...more] = read.document.attestations;
  if (attestation === undefined || more.length > 0 || read.document.format !== "bundle")
    return refused(host, "attestation/malformed: the file is not one bundle");
  const hint = attestation.state === "read" ? keyHintOf(attestation.bundle) : null;
  const keys = signer.kind === "key" && hint !== null ? [managedKey(hint, signer.key)] : [];
  const [verdict] = verifyAttestations(read.document, targetOf(null, digests), { ...context, keys });
  if (verdict === undefined || verdict.outcome !== "verified")
    return refused(host, `${verdict?.code ?? ""}: ${verdict?.detail ?? ""}`);
  const problem = signerProblem(verdict, signer);
  return problem === null ? 0 : refused(host, problem);
}

/**
 * `sign-bundle` of the Sigstore conformance protocol: a keyless signature of a file, or of an in-toto statement as the
 * payload of an envelope. Where a root is given, only a bundle that verifies under it is written.
 */
export async function signBundle(host: Host, artefact: string, options: SignBundleOptions): Promise<number> {
  const { signingConfig = null, trustedRoot, staging, inToto } = options;
  if (staging === true && signingConfig === null)
    throw new CommandError(
      "no addresses of the staging instance are built in",
      "name them with --signing-config",
    );
  const bytes = await readNamed(host, artefact, defaultBudget.documentBytes);
  const services = { signingConfig, fulcioUrl: null, rekorUrl: null, tsaUrl: null };
  const bundle = await signKeyless(
    inToto === true ? { kind: "dsse", type: sealTypes.payload, bytes } : { kind: "message", bytes },
    options.identityToken,
    { ...services, identityTokenFile: null, oidcIssuer: null },
    signerContextOf(host, undefined),
  ).catch((error: unknown) => {
    throw error instanceof SignerError ? new CommandError(error.why, error.fix, 1) : error;
  });
  if (trustedRoot !== undefined) {
    const { bundles } = await attestationTrust(host, { roots: [trustedRoot], keys: [] }, () => {});
    const verified =
      bundles.state === "available"
        ? bundles.value.verify(bundle, { keys: [], digests: [sha256Of(bytes)] })
        : bundles;
    if (!("ok" in verified) || !verified.ok)
      return refused(host, `what was signed does not verify: ${verified.code}: ${verified.detail}`);
  }
  await writeNamed(host, options.bundle, `${JSON.stringify(bundle)}\n`);
  return 0;
}

async function signerOf(
  host: Host,
  { certificateIdentity, certificateOidcIssuer, key }: VerifyBundleOptions,
): Promise<Signer> {
  if (key !== undefined && certificateIdentity === undefined && certificateOidcIssuer === undefined) {
    const pem = await readNamed(host, key, 1024 * 1024);
    try {
      return { kind: "key", key: createPublicKey(pem) };
    } catch {
      throw new CommandError(`${key} is no public key in PEM`, "name a PEM file with one public key");
    }
  }
  if (key === undefined && certificateIdentity !== undefined && certificateOidcIssuer !== undefined) {
    return { kind: "certificate", san: certificateIdentity, issuer: certificateOidcIssuer };
  }
  throw new CommandError(
    "who must have signed is not clear",
    "give --certificate-identity with --certificate-oidc-issuer, or --key alone",
  );
}

async function digestsOf(host: Host, artefact: string): Promise<Digest[]> {
  const named = /^sha(?:256|384|512):/i.test(artefact) && !existsSync(resolve(host.directory, artefact));
  return named ? [parseDigest(artefact)] : hashNamed(host, artefact);
}

/** The key as the bundle's hint asks for it: a bare key has no period to hold. */
const managedKey = (keyid: string, key: KeyObject): RegistryKey => ({
  keyid,
  usage: "npm:attestations",
  key,
  validFrom: 0,
  validTo: null,
});

function signerProblem({ identity, keyid }: AttestationVerdict, signer: Signer): string | null {
  if (signer.kind === "key") return keyid === null ? "signed by a certificate, not by the key" : null;
  if (identity === null) return "signed by a key, not by a certificate";
  if (identity.san !== signer.san) return `the certificate is of ${identity.san}`;
  return identity.issuer === signer.issuer ? null : `the issuer is ${identity.issuer}`;
}

function refused({ terminal }: Host, why: string): number {
  terminal.err(`countersign: refused: ${visible(why)}\n`);
  return 1;
}
