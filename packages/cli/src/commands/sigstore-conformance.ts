import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  defaultBudget,
  keyHintOf,
  readAttestationDocument,
  verifyAttestations,
  visible,
  type AttestationVerdict,
  type Digest,
  type RegistryKey,
} from "@countersign/core";
import { parseDigest, targetOf } from "../attestation-target.ts";
import { attestationTrust } from "../attestation-trust.ts";
import { CommandError } from "../command-error.ts";
import { hashNamed, readNamed } from "../files.ts";
import type { Host } from "../host.ts";

export type VerifyBundleOptions = {
  bundle: string;
  certificateIdentity?: string;
  certificateOidcIssuer?: string;
  key?: string;
  trustedRoot?: string;
  staging?: boolean;
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
