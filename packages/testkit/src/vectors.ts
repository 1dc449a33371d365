import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KeysTarget } from "./npm/registry-key.ts";
import type { NpmRegistry } from "./npm/registry.ts";
import type { PackageIndex } from "./pypi/package-index.ts";
import type { TrustedRoot } from "./sigstore/sigstore.ts";

/** Real evidence from a directory of vectors, arranged by what it speaks of. */
export type Vectors = {
  /** Production root and npm keys: for `startTestkit({alsoTrust: vectors.trust})`. */
  trust: { root: TrustedRoot; npmKeys: KeysTarget };
  /** By `name@version integrity`. */
  signatures: ReadonlyMap<
    string,
    { published: string | null; signatures: readonly { keyid: string; sig: string }[] }
  >;
  /** Whole attestation documents all of whose bundles verify, by `name@version sha512-hex`. */
  attestations: ReadonlyMap<string, readonly unknown[]>;
  /** Full packuments. */
  packuments: readonly Packument[];
  /** PEP 740 provenance that verifies, by `filename sha256-hex`. */
  provenance: ReadonlyMap<string, unknown>;
};

/** null where the directory does not exist. */
export function readVectors(directory: string): Vectors | null {
  if (!existsSync(join(directory, "npm/registry-signatures.json"))) return null;
  const read = (...parts: string[]): unknown => JSON.parse(readFileSync(join(directory, ...parts), "utf8"));
  const signed = (read("npm/registry-signatures.json") as SignatureVector[]).filter(
    ({ outcome }) => outcome === "verified",
  );
  return {
    trust: {
      root: read("trust/production-trusted_root.json") as TrustedRoot,
      npmKeys: read("trust/npm-keys.json") as KeysTarget,
    },
    signatures: new Map(
      signed.map((vector) => [`${vector.name}@${vector.version} ${vector.integrity}`, pickSignature(vector)]),
    ),
    attestations: new Map(
      (read("npm/attestations/cases.json") as NpmCase[])
        .filter(
          (one) =>
            one.format === "npm-attestations" &&
            one.trustRoot === "production" &&
            one.bundles.every(({ outcome }) => outcome === "verified"),
        )
        .flatMap(({ file }) => {
          const { attestations } = read("npm/attestations", file) as { attestations: NpmAttestation[] };
          const key = subjectKey(attestations);
          return key === null ? [] : [[key, attestations] as const];
        }),
    ),
    packuments: readdirSync(join(directory, "npm/packuments"))
      .map((file) => read("npm/packuments", file) as Packument)
      .filter(({ versions, time }) => versions !== undefined && time !== undefined),
    provenance: new Map(
      (read("pypi/cases.json") as PypiCase[])
        .filter(
          (one) =>
            one.format === "provenance" && one.trustRoot === "production" && one.outcome === "verified",
        )
        .map(({ file, distribution }) => [`${distribution.name} ${distribution.sha256}`, read("pypi", file)]),
    ),
  };
}

export type Packument = Parameters<NpmRegistry["addPackument"]>[0];
type SignatureVector = {
  name: string;
  version: string;
  integrity: string;
  published: string | null;
  outcome: string;
  signatures: { keyid: string; sig: string }[];
};
type NpmCase = { file: string; format: string; trustRoot: string; bundles: { outcome: string }[] };
type NpmAttestation = { bundle: { dsseEnvelope: { payload: string } } };
type PypiCase = {
  file: string;
  format: string;
  trustRoot: string;
  outcome: string;
  distribution: { name: string; sha256: string };
};

const pickSignature = ({ published, signatures }: SignatureVector) => ({
  published,
  signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig })),
});

/** `name@version sha512` when every statement of the document is about one and the same artefact. */
function subjectKey(attestations: readonly NpmAttestation[]): string | null {
  const keys = new Set(
    attestations.map(({ bundle }) => {
      const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString()) as {
        subject: { name: string; digest: { sha512: string } }[];
      };
      const [subject] = statement.subject;
      return `${decodeURIComponent(subject?.name.replace(/^pkg:npm\//, "") ?? "")} ${subject?.digest.sha512}`;
    }),
  );
  return keys.size === 1 ? ([...keys][0] as string) : null;
}

export type LockedVersion = { name: string; version: string; integrity: string };
export type Served = { real: readonly string[]; minted: readonly string[] };

/** Before the end of the old public key, and after: what a registry's unsigned time would say of the real signatures. */
const timeOfRealKey = { expired: Date.UTC(2024, 0, 1), current: Date.UTC(2025, 5, 1) };
const expiredRealKey = "SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA";

/**
 * Lists exactly these versions with exactly these digests: real signatures and attestations where the vectors have
 * them for this digest, the registry's own signature elsewhere. No tarballs.
 * @returns `name@version` of either kind; real attestations count as real
 */
export function serveNpmLock(
  registry: NpmRegistry,
  locked: readonly LockedVersion[],
  vectors: Vectors | null,
): Served {
  const real: string[] = [];
  const minted: string[] = [];
  for (const { name, version, integrity } of locked) {
    const signed = vectors?.signatures.get(`${name}@${version} ${integrity}`);
    const attestations = vectors?.attestations.get(`${name}@${version} ${hexOf(integrity)}`) ?? null;
    const unsignedTime =
      signed?.signatures.some(({ keyid }) => keyid === expiredRealKey) === true
        ? timeOfRealKey.expired
        : timeOfRealKey.current;
    (signed === undefined && attestations === null ? minted : real).push(`${name}@${version}`);
    registry.list({
      name,
      version,
      manifest: { name, version },
      dist: { integrity, signatures: signed?.signatures ?? registry.sign({ name, version, integrity }) },
      attestations,
      publishedAt: typeof signed?.published === "string" ? Date.parse(signed.published) : unsignedTime,
    });
  }
  return { real, minted };
}

/** Serves the real packuments whole, with the real attestations of their versions. */
export function servePackuments(registry: NpmRegistry, vectors: Vectors): void {
  for (const packument of vectors.packuments) {
    registry.addPackument(packument);
    for (const [version, { dist }] of Object.entries(
      packument.versions as Record<string, { dist?: { integrity?: string } }>,
    )) {
      const attestations = vectors.attestations.get(
        `${packument.name}@${version} ${hexOf(dist?.integrity ?? "")}`,
      );
      if (attestations !== undefined) registry.setAttestations(packument.name, version, attestations);
    }
  }
}

const hexOf = (integrity: string): string =>
  Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");

/** A lockfile of the vectors with its neutral hosts replaced by those of a kit; digests stay as they are. */
export const moveLockfile = (text: string, kit: { npm: NpmRegistry; pypi: PackageIndex }): string =>
  text
    .replaceAll("https://registry.example/", kit.npm.url)
    .replaceAll("https://index.example/", kit.pypi.url)
    .replaceAll("https://files.index.example/", kit.pypi.filesUrl);

export type LockedFile = { project: string; version: string; filename: string; sha256: string; url?: string };

/** Lists exactly these files with exactly these digests, with real provenance where the vectors have it. */
export function servePypiLock(
  index: PackageIndex,
  locked: readonly LockedFile[],
  vectors: Vectors | null,
): Served {
  const real: string[] = [];
  const listed: string[] = [];
  for (const { url, ...file } of locked) {
    const provenance = vectors?.provenance.get(`${file.filename} ${file.sha256}`) ?? null;
    (provenance === null ? listed : real).push(file.filename);
    index.list({ ...file, provenance, url: url ?? null });
  }
  return { real, minted: listed };
}
