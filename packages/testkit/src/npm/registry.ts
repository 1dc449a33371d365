import type { RequestLog } from "../http/request-log.ts";
import type { Faults } from "../http/fault.ts";
import { startServer } from "../http/server.ts";
import type { TlsIdentity } from "../http/tls.ts";
import type { Sigstore } from "../sigstore/sigstore.ts";
import {
  mintProvenance,
  mintPublishAttestation,
  type Attestation,
  type AttestationOptions,
  type ProvenanceOptions,
} from "./attestation.ts";
import { answerNpm } from "./endpoints.ts";
import { digestsOf, mintNpmPackage, type NpmPackage, type NpmPackageOptions } from "./package.ts";
import {
  createRegistryKey,
  registrySignature,
  toTargetKeys,
  type KeysTarget,
  type RegistryKey,
  type SignatureDefect,
} from "./registry-key.ts";
import { storedVersion, storeVersion, tarballPath, type NpmStore, type StoredVersion } from "./store.ts";

export type NpmRegistryOptions = {
  /** Name in the request log. */
  name?: string;
  /** Path below which the registry lives, for example `/repository/npm`. */
  prefix?: string;
  /** Bearer token without which every request is answered 401. */
  token?: string;
  /** Further keys of this registry's document, as where real signatures are served. */
  alsoKeys?: KeysTarget;
  /** Shares the packages of another registry: a mirror. */
  mirrorOf?: NpmRegistry;
  /** What the registry drops, as mirrors do: from packuments and manifests, and at its own endpoints. */
  strip?: readonly ("signatures" | "attestations" | "keys" | "manifests" | "time")[];
};

export type SignatureOptions = { key?: RegistryKey; defects?: readonly SignatureDefect[]; copies?: number };

export type PublishOptions = NpmPackageOptions & {
  /** Time of the packument and of the attestations; null: the packument gives none. */
  publishedAt?: number | null;
  /** false: unsigned. */
  signature?: false | SignatureOptions;
  provenance?: boolean | ProvenanceOptions;
  /** By default wherever there is provenance. */
  publishAttestation?: boolean | (AttestationOptions & { key?: RegistryKey });
  /** Exactly these; an empty list is served as such. */
  attestations?: readonly Attestation[];
  /** Members of `dist` that lie. */
  dist?: Readonly<Record<string, unknown>>;
};

/** A package with what its registry says of it. */
export type PublishedPackage = NpmPackage & {
  /** Where the tarball lies at the registry it was published to. */
  tarballUrl: string;
  signatures: readonly { keyid: string; sig: string }[];
  attestations: readonly Attestation[];
};

export type NpmRegistry = {
  /** With prefix, and a slash at the end. */
  url: string;
  host: string;
  faults: Faults;
  keys: {
    current: RegistryKey;
    /** Ended on 2025-01-29, still in the document: most of what was ever published carries such a key. */
    expired: RegistryKey;
    /** In the document of `registry.other.example` alone. */
    foreign: RegistryKey;
  };
  /** Name of the TUF target with this registry's keys: host and path. */
  keysTargetName: string;
  keysTarget(): KeysTarget;
  publish(options: PublishOptions): PublishedPackage;
  /** Serves other bytes for a version than those it was signed and listed for. */
  replaceTarball(name: string, version: string, bytes: Buffer): { integrity: string; shasum: string };
  /** Lists a version of which only the digest is known (no tarball is served). */
  list(version: Omit<StoredVersion, "tarball" | "distOverride">): void;
  /** Serves real documents: every version of a full packument, tarball addresses moved here. */
  addPackument(document: {
    name: string;
    versions: Record<string, unknown>;
    time?: Record<string, string>;
  }): void;
  setAttestations(name: string, version: string, attestations: readonly unknown[] | null): void;
  sign(
    subject: { name: string; version: string; integrity: string },
    options?: SignatureOptions,
  ): { keyid: string; sig: string }[];
  store: NpmStore;
  close(): Promise<void>;
};

export async function startNpmRegistry(
  context: {
    sigstore: Sigstore;
    log: RequestLog;
    tls: TlsIdentity | null;
    mintedAt: number;
    foreignKey: RegistryKey;
  },
  options: NpmRegistryOptions = {},
): Promise<NpmRegistry> {
  const { sigstore, mintedAt } = context;
  const store: NpmStore = options.mirrorOf?.store ?? new Map();
  const keys = options.mirrorOf?.keys ?? {
    current: createRegistryKey(Date.UTC(2020, 0, 1), null),
    expired: createRegistryKey(Date.UTC(2018, 0, 1), Date.UTC(2025, 0, 29)),
    foreign: context.foreignKey,
  };
  const target: KeysTarget = {
    keys: [...toTargetKeys(keys.expired), ...toTargetKeys(keys.current), ...(options.alsoKeys?.keys ?? [])],
  };
  const prefix = (options.prefix ?? "").replace(/\/$/, "");
  const server = await startServer({
    name: options.name ?? "npm",
    log: context.log,
    tls: context.tls,
    answer: (request) =>
      answerNpm(request, {
        url,
        prefix,
        store,
        keysTarget: target,
        token: options.token ?? null,
        strip: new Set(options.strip),
      }),
  });
  const url = `${server.url}${prefix}/`;

  const sign: NpmRegistry["sign"] = (subject, { key = keys.current, defects = [], copies = 1 } = {}) =>
    Array.from({ length: copies }, () => registrySignature(key, subject, defects));

  const attestationsOf = (
    minted: NpmPackage,
    publish: PublishOptions,
    at: number,
  ): readonly Attestation[] | null => {
    if (publish.attestations !== undefined) return publish.attestations;
    const { provenance = false, publishAttestation = provenance !== false } = publish;
    const attestations: Attestation[] = [];
    if (publishAttestation !== false) {
      const { key = keys.current, ...rest } = publishAttestation === true ? {} : publishAttestation;
      attestations.push(mintPublishAttestation(sigstore, key, url, minted, at, rest));
    }
    if (provenance !== false)
      attestations.push(mintProvenance(sigstore, minted, at, provenance === true ? {} : provenance));
    return attestations.length === 0 ? null : attestations;
  };

  return {
    url,
    host: server.host,
    faults: server.faults,
    keys,
    keysTargetName: `${server.host}${prefix}/keys.json`,
    keysTarget: () => target,
    store,
    sign,
    publish(publish) {
      const minted = mintNpmPackage(publish);
      const signatures = publish.signature === false ? [] : sign(minted, publish.signature);
      const attestations = attestationsOf(minted, publish, publish.publishedAt ?? mintedAt);
      storeVersion(store, {
        name: minted.name,
        version: minted.version,
        manifest: minted.manifest,
        dist: {
          integrity: minted.integrity,
          shasum: minted.shasum,
          ...(signatures.length === 0 ? {} : { signatures }),
        },
        distOverride: { ...publish.dist },
        tarball: minted.tarball,
        attestations,
        publishedAt: publish.publishedAt === undefined ? mintedAt : publish.publishedAt,
      });
      const tarballUrl = `${url}${tarballPath(minted.name, minted.version)}`;
      return { ...minted, tarballUrl, signatures, attestations: attestations ?? [] };
    },
    replaceTarball(name, version, bytes) {
      const stored = storedVersion(store, name, version);
      if (stored === null) throw new Error(`${name}@${version} is not published`);
      stored.tarball = bytes;
      return digestsOf(bytes);
    },
    list: (version) => storeVersion(store, { ...version, tarball: null, distOverride: {} }),
    addPackument(document) {
      for (const [version, entry] of Object.entries(document.versions)) {
        const { dist = {}, ...manifest } = entry as { dist?: Record<string, unknown> };
        const { tarball: _, attestations: __, ...rest } = dist;
        const time = document.time?.[version];
        storeVersion(store, {
          name: document.name,
          version,
          manifest,
          dist: rest,
          distOverride: {},
          tarball: null,
          attestations: null,
          publishedAt: time === undefined ? null : Date.parse(time),
        });
      }
    },
    setAttestations(name, version, attestations) {
      const stored = storedVersion(store, name, version);
      if (stored === null) throw new Error(`${name}@${version} is not published`);
      stored.attestations = attestations;
    },
    close: () => server.close(),
  };
}
