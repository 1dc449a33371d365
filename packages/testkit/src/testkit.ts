import { join } from "node:path";
import type { Faults } from "./http/fault.ts";
import { createRequestLog, type RequestLog } from "./http/request-log.ts";
import { notFound, startServer, type LoopbackServer } from "./http/server.ts";
import { createTlsIdentity } from "./http/tls.ts";
import { writeFiles } from "./lockfiles/project.ts";
import { createRegistryKey, toTargetKeys, type KeysTarget } from "./npm/registry-key.ts";
import { startNpmRegistry, type NpmRegistry, type NpmRegistryOptions } from "./npm/registry.ts";
import { startPackageIndex, type PackageIndex, type PackageIndexOptions } from "./pypi/package-index.ts";
import { createSigstore, uniteRoots, type Sigstore, type TrustedRoot } from "./sigstore/sigstore.ts";
import { answerSigstore } from "./sigstore/services.ts";
import { createTufRepository, type TufRepository } from "./sigstore/tuf-repository.ts";

export type TestkitOptions = {
  npm?: NpmRegistryOptions;
  pypi?: PackageIndexOptions;
  /** HTTPS on every server; `hosts` are names besides 127.0.0.1 and localhost for the certificate. */
  tls?: { hosts?: readonly string[] };
  /** Also trusted: roots and npm keys of other instances (real vectors beside minted ones). */
  alsoTrust?: { root?: TrustedRoot; npmKeys?: KeysTarget };
};

/** The trust of a kit as files, for `--trusted-root`, `--npm-keys`, TUF clients and `NODE_EXTRA_CA_CERTS`. */
export type TrustFiles = {
  trustedRoot: string;
  npmKeys: string;
  tufRoot: string;
  tlsAuthority: string | null;
};

export type SigstoreServer = Sigstore & {
  url: string;
  /** Mirror address for `@sigstore/tuf`; start it from {@link SigstoreServer.tufRoot}. */
  tufUrl: string;
  /** `root.json` of the TUF repository. */
  tufRoot: string;
  tuf: TufRepository;
  /** Of this instance and of whatever else the kit was told to trust: what the TUF repository serves. */
  trustedRoot: TrustedRoot;
  faults: Faults;
};

export type Testkit = {
  npm: NpmRegistry;
  pypi: PackageIndex;
  sigstore: SigstoreServer;
  /** A host of its own that answers 200 to everything: nobody should ever be sent there, let alone a credential. */
  elsewhere: LoopbackServer;
  requests: RequestLog;
  /** Keys of the npm registry, as in the TUF target and in `--npm-keys` files. */
  npmKeysDocument: KeysTarget;
  /** Default time of everything minted: thirty days ago, older than any minimum age of a manager or policy. */
  mintedAt: number;
  /** PEM of the authority that clients must trust; null over plain HTTP. */
  tlsAuthority: string | null;
  addNpmRegistry(options: NpmRegistryOptions): Promise<NpmRegistry>;
  addPackageIndex(options: PackageIndexOptions): Promise<PackageIndex>;
  /** Writes the trust of this kit into a directory. */
  writeTrust(directory: string): TrustFiles;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Name under which the key of another registry stands in the TUF repository. */
export const otherRegistry = "registry.other.example";

/**
 * Starts everything on loopback: npm registry, Python index and its file host, Sigstore, and a foreign host.
 *
 * ```ts
 * await using kit = await startTestkit();
 * const good = kit.npm.publish({ name: "@acme/widget", provenance: true });
 * const fork = kit.npm.publish({ name: "forked", provenance: { build: githubBuild({ repository: "evil/fork" }) } });
 * writeProject(directory, { lock: "package-lock.json", packages: [good, fork], registry: kit.npm.url });
 * kit.npm.faults.add({ path: "/forked", times: 2, fault: { kind: "status", status: 503 } });
 * ```
 *
 * Minting happens in the process and asks nobody; `requests` holds whatever came in from outside.
 */
export async function startTestkit(options: TestkitOptions = {}): Promise<Testkit> {
  const now = Date.now();
  const mintedAt = Math.floor(now / 1000) * 1000 - 30 * 24 * 3600e3;
  const requests = createRequestLog();
  const tls = options.tls === undefined ? null : createTlsIdentity(options.tls.hosts ?? [], now);
  const tuf = createTufRepository(now);
  const foreignKey = createRegistryKey(Date.UTC(2020, 0, 1), null);

  // The log's name in checkpoints is its host, which is known only once the server listens.
  let instance: Sigstore | null = null;
  const sigstoreServer = await startServer({
    name: "sigstore",
    log: requests,
    tls,
    answer: (request) => (instance === null ? notFound : answerSigstore(request, instance, tuf, Date.now)),
  });
  const sigstore = (instance = createSigstore(sigstoreServer.url));
  const trustedRoot =
    options.alsoTrust?.root === undefined
      ? sigstore.trustedRoot
      : uniteRoots(sigstore.trustedRoot, options.alsoTrust.root);

  const servers: { close(): Promise<void> }[] = [sigstoreServer];
  const context = { sigstore, log: requests, tls, mintedAt, foreignKey };
  const addNpmRegistry: Testkit["addNpmRegistry"] = async (registryOptions) => {
    const registry = await startNpmRegistry(context, registryOptions);
    if (registryOptions.mirrorOf === undefined)
      tuf.publish(registry.keysTargetName, JSON.stringify(registry.keysTarget()));
    servers.push(registry);
    return registry;
  };
  const addPackageIndex: Testkit["addPackageIndex"] = async (indexOptions) => {
    const index = await startPackageIndex(context, indexOptions);
    servers.push(index);
    return index;
  };
  const [npm, pypi, elsewhere] = await Promise.all([
    addNpmRegistry({
      ...(options.alsoTrust?.npmKeys === undefined ? {} : { alsoKeys: options.alsoTrust.npmKeys }),
      ...options.npm,
    }),
    addPackageIndex(options.pypi ?? {}),
    startServer({
      name: "elsewhere",
      log: requests,
      tls,
      answer: () => ({ status: 200, headers: { "content-type": "application/json" }, body: "{}" }),
    }),
  ]);
  servers.push(elsewhere);
  tuf.publish(`${otherRegistry}/keys.json`, JSON.stringify({ keys: toTargetKeys(foreignKey) }));
  tuf.publish("trusted_root.json", JSON.stringify(trustedRoot));

  const close = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.close())));
  return {
    npm,
    pypi,
    sigstore: {
      ...sigstore,
      trustedRoot,
      url: sigstoreServer.url,
      tufUrl: `${sigstoreServer.url}/tuf`,
      tufRoot: tuf.root,
      tuf,
      faults: sigstoreServer.faults,
    },
    elsewhere,
    requests,
    npmKeysDocument: npm.keysTarget(),
    mintedAt,
    tlsAuthority: tls?.authority ?? null,
    addNpmRegistry,
    addPackageIndex,
    writeTrust: (directory) => {
      const files = {
        trustedRoot: "trusted_root.json",
        npmKeys: "npm-keys.json",
        tufRoot: "root.json",
        tlsAuthority: "authority.pem",
      };
      writeFiles(directory, {
        [files.trustedRoot]: JSON.stringify(trustedRoot),
        [files.npmKeys]: JSON.stringify(npm.keysTarget()),
        [files.tufRoot]: tuf.root,
        ...(tls === null ? {} : { [files.tlsAuthority]: tls.authority }),
      });
      const at = (name: string): string => join(directory, name);
      return {
        trustedRoot: at(files.trustedRoot),
        npmKeys: at(files.npmKeys),
        tufRoot: at(files.tufRoot),
        tlsAuthority: tls === null ? null : at(files.tlsAuthority),
      };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
