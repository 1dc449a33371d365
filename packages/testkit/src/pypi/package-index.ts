import { sha256 } from "../encoding/hash.ts";
import type { Faults } from "../http/fault.ts";
import type { RequestLog } from "../http/request-log.ts";
import { cached, notFound, startServer } from "../http/server.ts";
import type { TlsIdentity } from "../http/tls.ts";
import type { Sigstore } from "../sigstore/sigstore.ts";
import { mintDistribution, type Distribution, type DistributionOptions } from "./distribution.ts";
import { answerIndex, filePath, type IndexView } from "./index-endpoints.ts";
import { mintPep740Provenance, type Pep740Options, type Pep740Provenance } from "./provenance.ts";

/** One file as the index holds it. */
export type StoredFile = {
  project: string;
  version: string;
  filename: string;
  /** What the index lists, hex. */
  sha256: string;
  size: number;
  requiresPython: string | null;
  uploadedAt: number | null;
  yanked: string | null;
  metadata: string | null;
  metadataSha256: string | null;
  provenance: unknown;
  /** null: below the index's own file host. */
  url: string | null;
  bytes: Buffer | null;
  /** Members of the JSON file entry that lie. */
  override: Readonly<Record<string, unknown>>;
};

export type PackageIndexOptions = {
  /** Name in the request log; the file host is `<name>-files`. */
  name?: string;
  prefix?: string;
  /** Password (basic) or bearer token of every request to the index; files need none. */
  token?: string;
  apiVersion?: "1.0" | "1.1" | "1.3" | "1.4";
  /** false: HTML only, whatever is asked for. */
  jsonApi?: boolean;
  /** `disabled`: 403; `missing`: 404 for every file, and no provenance in the JSON. */
  integrityApi?: "served" | "disabled" | "missing";
  /** Shares the files of another index. */
  mirrorOf?: PackageIndex;
};

export type PublishFileOptions = DistributionOptions & {
  /** Time of upload and of the attestations; null: the index gives none. */
  uploadedAt?: number | null;
  provenance?: boolean | Pep740Options;
  /** Served as it is, for example `{version: 1, attestation_bundles: []}`. */
  provenanceDocument?: unknown;
  yanked?: string;
  /** Members of the JSON file entry that lie. */
  listing?: Readonly<Record<string, unknown>>;
};

export type PublishedDistribution = Distribution & {
  url: string;
  uploadedAt: number | null;
  provenance: Pep740Provenance | null;
};

export type PackageIndex = {
  /** With prefix, and a slash at the end; the simple index is at `simple/`. */
  url: string;
  simpleUrl: string;
  host: string;
  /** Where the files lie: another host, as on large indexes. With a slash at the end. */
  filesUrl: string;
  faults: Faults;
  fileFaults: Faults;
  publish(options: PublishFileOptions): PublishedDistribution;
  /** Serves other bytes for a file than those listed. */
  replaceFile(project: string, filename: string, bytes: Buffer): { sha256: string };
  /** Lists a file of which only the digest is known, at this address or the index's own (nothing is served there). */
  list(file: Pick<StoredFile, "project" | "version" | "filename" | "sha256"> & Partial<StoredFile>): void;
  setProvenance(project: string, filename: string, provenance: unknown): void;
  files: Map<string, Map<string, StoredFile>>;
  close(): Promise<void>;
};

export async function startPackageIndex(
  context: { sigstore: Sigstore; log: RequestLog; tls: TlsIdentity | null; mintedAt: number },
  options: PackageIndexOptions = {},
): Promise<PackageIndex> {
  const {
    name = "pypi",
    apiVersion = "1.3",
    jsonApi = true,
    integrityApi = "served",
    token = null,
  } = options;
  const projects = options.mirrorOf?.files ?? new Map<string, Map<string, StoredFile>>();
  const prefix = (options.prefix ?? "").replace(/\/$/, "");
  const shared = { log: context.log, tls: context.tls };
  const [files, index] = await Promise.all([
    startServer({
      ...shared,
      name: `${name}-files`,
      answer: (request) => {
        const served = fileAt(projects, decodeURIComponent(request.path.slice(1)));
        return served === null
          ? notFound
          : cached(request, served, { "content-type": "application/octet-stream" });
      },
    }),
    startServer({ ...shared, name, answer: (request) => answerIndex(request, view) }),
  ]);
  const url = `${index.url}${prefix}/`;
  const filesUrl = `${files.url}/`;
  const view: IndexView = { url, filesUrl, prefix, apiVersion, jsonApi, integrityApi, token, projects };

  const store = (file: StoredFile): void => {
    const project = projects.get(file.project) ?? new Map<string, StoredFile>();
    projects.set(file.project, project.set(file.filename, file));
  };
  const stored = (project: string, filename: string): StoredFile => {
    const file = projects.get(project)?.get(filename);
    if (file === undefined) throw new Error(`${filename} is not published`);
    return file;
  };

  return {
    url,
    simpleUrl: `${url}simple/`,
    host: index.host,
    filesUrl,
    faults: index.faults,
    fileFaults: files.faults,
    files: projects,
    publish(publish) {
      const minted = mintDistribution(publish);
      const uploadedAt = publish.uploadedAt === undefined ? context.mintedAt : publish.uploadedAt;
      const { provenance = false } = publish;
      const document =
        provenance === false
          ? null
          : mintPep740Provenance(
              context.sigstore,
              minted,
              uploadedAt ?? context.mintedAt,
              provenance === true ? {} : provenance,
            );
      store({
        ...minted,
        uploadedAt,
        yanked: publish.yanked ?? null,
        metadataSha256: sha256(Buffer.from(minted.metadata)).toString("hex"),
        metadata: minted.kind === "wheel" ? minted.metadata : null,
        provenance: publish.provenanceDocument ?? document,
        url: null,
        override: { ...publish.listing },
      });
      return { ...minted, uploadedAt, url: `${filesUrl}${filePath(minted)}`, provenance: document };
    },
    replaceFile(project, filename, bytes) {
      stored(project, filename).bytes = bytes;
      return { sha256: sha256(bytes).toString("hex") };
    },
    list: (file) =>
      store({
        size: 1,
        requiresPython: null,
        uploadedAt: null,
        yanked: null,
        metadata: null,
        metadataSha256: null,
        provenance: null,
        url: null,
        bytes: null,
        override: {},
        ...file,
      }),
    setProvenance(project, filename, provenance) {
      stored(project, filename).provenance = provenance;
    },
    close: async () => void (await Promise.all([index.close(), files.close()])),
  };
}

function fileAt(projects: ReadonlyMap<string, ReadonlyMap<string, StoredFile>>, path: string): Buffer | null {
  const metadata = path.endsWith(".metadata");
  const filename = path.slice(path.lastIndexOf("/") + 1, metadata ? -".metadata".length : undefined);
  for (const files of projects.values()) {
    const file = files.get(filename);
    if (file === undefined || !path.startsWith(filePath(file))) continue;
    return metadata ? (file.metadata === null ? null : Buffer.from(file.metadata)) : file.bytes;
  }
  return null;
}
