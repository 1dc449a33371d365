import { githubBuild, type Build } from "../sigstore/build.ts";
import type { BundleRequest, SigstoreBundle } from "../sigstore/bundle.ts";
import type { Defect } from "../sigstore/defect.ts";
import type { Sigstore } from "../sigstore/sigstore.ts";
import {
  npmPublishStatement,
  npmSubjectName,
  provenanceStatement,
  spoilStatement,
  type Statement,
  type Subject,
} from "../sigstore/statement.ts";
import type { RegistryKey } from "./registry-key.ts";

/** One entry of `/-/npm/v1/attestations/name@version`. */
export type Attestation = { predicateType: string; bundle: SigstoreBundle };

export type AttestedPackage = { name: string; version: string; sha512: string };

export type AttestationOptions = Pick<BundleRequest, "log" | "entry" | "version" | "proof" | "timestamp"> & {
  /** When it was signed and logged, where not at the time of publishing. */
  at?: number;
  defects?: readonly Defect[];
  /** Attests another package: replay. */
  subject?: Partial<AttestedPackage>;
};

export type ProvenanceOptions = AttestationOptions & {
  build?: Build;
  /** Predicate version; GitLab's tools write 0.2. */
  slsa?: "1" | "0.2";
  builderId?: string;
  buildType?: string;
};

const subjectOf = (
  attested: AttestedPackage,
  options: AttestationOptions,
): { of: AttestedPackage; subject: Subject } => {
  const of = { ...attested, ...options.subject };
  return { of, subject: { name: npmSubjectName(of.name, of.version), digest: { sha512: of.sha512 } } };
};

/** Keyless provenance by a build. */
export function mintProvenance(
  sigstore: Sigstore,
  attested: AttestedPackage,
  at: number,
  options: ProvenanceOptions = {},
): Attestation {
  const build = options.build ?? githubBuild();
  const { subject } = subjectOf(attested, options);
  const statement = provenanceStatement(
    build,
    subject,
    options.slsa ?? (build.kind === "gitlab" ? "0.2" : "1"),
    options,
  );
  return attest(sigstore, statement, build, at, options);
}

/** Publish attestation, signed with the registry's key. */
export function mintPublishAttestation(
  sigstore: Sigstore,
  key: RegistryKey,
  registry: string,
  attested: AttestedPackage,
  at: number,
  options: AttestationOptions = {},
): Attestation {
  const { of, subject } = subjectOf(attested, options);
  const statement = npmPublishStatement(of.name, of.version, registry, subject);
  return attest(sigstore, statement, { key, hint: key.keyid }, at, { version: "0.2", ...options });
}

function attest(
  sigstore: Sigstore,
  statement: Statement,
  signer: BundleRequest["signer"],
  at: number,
  { at: override, log, entry, version, proof, timestamp, defects = [] }: AttestationOptions,
): Attestation {
  const payload = JSON.stringify(spoilStatement(statement, defects));
  const choices = Object.entries({ log, entry, version, proof, timestamp }).filter(
    ([, choice]) => choice !== undefined,
  );
  const request: BundleRequest = {
    content: { payload },
    signer,
    at: override ?? at,
    defects,
    ...Object.fromEntries(choices),
  };
  return { predicateType: statement.predicateType, bundle: sigstore.mint(request) };
}
