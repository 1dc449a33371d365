import { githubBuild, type Build } from "../sigstore/build.ts";
import type { BundleRequest, SigstoreBundle } from "../sigstore/bundle.ts";
import type { Defect } from "../sigstore/defect.ts";
import type { Sigstore } from "../sigstore/sigstore.ts";
import {
  provenanceStatement,
  publisherOf,
  pypiPublishStatement,
  spoilStatement,
  type Subject,
} from "../sigstore/statement.ts";
import type { LogEntry } from "../sigstore/transparency-log.ts";

/** A PEP 740 attestation object. */
export type Pep740Attestation = {
  version: number;
  verification_material: { certificate: string; transparency_entries: LogEntry[]; timestamps?: string[] };
  envelope: { statement: string; signature: string };
};

/** A PEP 740 provenance object: what the Integrity API serves for one file. */
export type Pep740Provenance = {
  version: number;
  attestation_bundles: { publisher: Record<string, unknown>; attestations: Pep740Attestation[] }[];
};

export type Pep740Options = Pick<BundleRequest, "log" | "timestamp"> & {
  build?: Build;
  /** Which attestations, in order. */
  predicates?: readonly ("publish" | "slsa")[];
  /** Replaces members of the unsigned publisher block. */
  publisher?: Readonly<Record<string, unknown>>;
  at?: number;
  defects?: readonly Defect[];
  /** Attests another file: replay. */
  subject?: { filename?: string; sha256?: string };
};

export type AttestedFile = { filename: string; sha256: string };

export function mintPep740Provenance(
  sigstore: Sigstore,
  file: AttestedFile,
  at: number,
  options: Pep740Options = {},
): Pep740Provenance {
  const build = options.build ?? githubBuild();
  const attestations = (options.predicates ?? ["publish"]).map((predicate) =>
    mintPep740Attestation(sigstore, file, at, predicate, { ...options, build }),
  );
  return {
    version: 1,
    attestation_bundles: [{ publisher: { ...publisherOf(build), ...options.publisher }, attestations }],
  };
}

export function mintPep740Attestation(
  sigstore: Sigstore,
  file: AttestedFile,
  at: number,
  predicate: "publish" | "slsa",
  options: Pep740Options = {},
): Pep740Attestation {
  const { build = githubBuild(), defects = [], log = "rekor-v1" } = options;
  const attested = { ...file, ...options.subject };
  const subject: Subject = { name: attested.filename, digest: { sha256: attested.sha256 } };
  const statement =
    predicate === "publish" ? pypiPublishStatement(subject) : provenanceStatement(build, subject, "1");
  const timestamp = options.timestamp === undefined ? {} : { timestamp: options.timestamp };
  const payload = JSON.stringify(spoilStatement(statement, defects));
  return toPep740Attestation(
    sigstore.mint({ content: { payload }, signer: build, at: options.at ?? at, log, defects, ...timestamp }),
  );
}

/** The same material in PEP 740's container; bundles with a certificate only. */
export function toPep740Attestation(bundle: SigstoreBundle): Pep740Attestation {
  const { certificate, tlogEntries, timestampVerificationData } = bundle.verificationMaterial;
  const timestamps = (timestampVerificationData?.rfc3161Timestamps ?? []).map(
    ({ signedTimestamp }) => signedTimestamp,
  );
  return {
    version: 1,
    verification_material: {
      certificate: certificate?.rawBytes ?? "",
      transparency_entries: tlogEntries,
      ...(timestamps.length === 0 ? {} : { timestamps }),
    },
    envelope: {
      statement: bundle.dsseEnvelope?.payload ?? "",
      signature: bundle.dsseEnvelope?.signatures[0]?.sig ?? "",
    },
  };
}
