import {
  builtInPolicy,
  decide,
  defaultBudget,
  demandedLevel,
  verifyPackage,
  type DecisionContext,
  type Finding,
  type Inspection,
  type LockedPackage,
  type PackageSet,
  type Policy,
} from "@countersign/core";
import { conclude, type Verification } from "./conclusion.ts";
import { collectEvidence, type Collected } from "./evidence/collect.ts";
import { needsOf } from "./evidence/needs.ts";
import { originOf, registryOf, type Origin, type OriginRules } from "./evidence/origin.ts";
import { vendoredFindings } from "./hook/vendored.ts";
import type { ManagerConfiguration } from "./manager/manager.ts";
import { readManager } from "./manager/read-manager.ts";
import type { PolicySources } from "./policy/layers.ts";
import { discoverLockfiles, namedLockfiles, type Discovery } from "./project/discovery.ts";
import {
  configurationDirectory,
  lostLocks,
  readBaseline,
  readLockfiles,
  type Baseline,
  type ReadLockfiles,
} from "./project/locked-project.ts";
import { couldInstall } from "./project/platform.ts";
import { accessOf } from "./registry/access.ts";
import { openClient } from "./registry/open-client.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import { openEvidenceStore } from "./store/evidence-store.ts";
import { inspectBundled } from "./tarball/bundled.ts";
import { readGiven } from "./trust/given.ts";
import { loadTrust } from "./trust/load-trust.ts";
import { keyEnds, trustMaterial } from "./trust/trust.ts";

/** What {@link verifyLockfiles} goes on from: a policy that was read and is not `disabled`. */
export type Governed = {
  /** Absolute path of the project. */
  directory: string;
  /** Absolute path of the project whose policy and repository hold. */
  origin: string;
  sources: PolicySources["sources"];
  /** null where there is no policy at all. */
  stated: Policy | null;
  inMode: (policy: Policy) => Policy;
};

/**
 * Finds and reads the lockfiles, collects what the policy needs, verifies and decides. In a module of its own, with
 * everything that verifies: mode `disabled` loads none of it.
 */
export async function verifyLockfiles(
  request: VerifyRequest,
  environment: Environment,
  { directory, origin, sources, stated, inMode }: Governed,
): Promise<Verification> {
  const budget = defaultBudget;
  const { pending } = request;
  const discovery = await discover(request);
  const findings: Finding[] = [...discovery.findings, ...(await vendoredFindings(origin))];
  if (request.base !== null) {
    const unlocked = discovery.findings.map(({ at }) => at.path).filter((path) => path.endsWith(".txt"));
    findings.push(...(await lostLocks(origin, unlocked, request.base)));
  }
  const lockfiles = await readLockfiles(directory, discovery.lockfiles, budget, pending);
  const configurations = await configure(directory, lockfiles, stated, environment);
  findings.push(...configurations.flatMap(({ findings: found }) => found));
  const given = await readGiven(request, stated, sources[0], findings);
  const client = openClient(
    accessOf(
      configurations,
      stated,
      lockfiles.read.map(({ set }) => set),
      [`${environment.repository().url}/`],
    ),
    environment.signal,
  );
  const store = await openEvidenceStore(environment.storeDirectory, environment.now);
  try {
    const trust = await loadTrust({
      request,
      environment,
      client,
      given,
      policy: stated,
      configurations,
      sources: sources,
      budget,
    });
    findings.push(...trust.findings);
    const policy = stated ?? inMode(builtInPolicy([...trust.keys.keys()]));
    const material = trustMaterial(trust.root, trust.keys, policy);
    const decided: Verification["lockfiles"][number][] = [];
    const collected: Collected[] = [];
    for (const [index, file] of lockfiles.read.entries()) {
      const configuration = configurations[index] as ManagerConfiguration;
      const rules: OriginRules = {
        registries: policy.registries,
        configuration,
        publicRegistry: trust.publicRegistry,
        keyed: new Set(trust.keys.keys()),
      };
      const origins = (pkg: LockedPackage): Origin | null => originOf(pkg, rules);
      const collection = await collectEvidence(file.set, {
        bind: !policy.builtIn,
        tarballs: request.tarballs ?? null,
        client: request.offline ? null : client,
        store,
        budget,
        now: environment.now,
        originOf: origins,
        needsOf: (pkg) => {
          const voice = origins(pkg)?.voice ?? null;
          const npm = pkg.source.kind === "registry" && pkg.source.ecosystem === "npm";
          return needsOf(
            demandedLevel(policy, pkg, voice),
            npm,
            policy.age !== null || request.introduced?.(pkg.purl) === true,
          );
        },
        keyEnds: (registry, keyid) => keyEnds(trust.keys, registry, keyid),
        progress: (done, total) =>
          environment.progress(`collecting evidence for ${file.file.path}: ${done} of ${total}`),
      });
      environment.progress(`verifying ${file.file.path}`);
      const verdicts = file.set.packages.flatMap((pkg, at) =>
        verifyPackage(pkg, collection.evidence[at] ?? [], material, environment.now),
      );
      const baseline =
        request.base === null ? noBaseline : await readBaseline(origin, file.file, request.base, budget);
      findings.push(...baseline.findings);
      const bundled =
        request.offline || policy.builtIn || policy.sources.bundled !== "inspect"
          ? nothingInspected
          : await inspectBundled(file.set, {
              client,
              budget,
              registryOf: (pkg) => origins(pkg)?.registry ?? null,
            });
      const context = contextOf({
        request,
        environment,
        configuration,
        collection,
        baseline: baseline.set,
        bundled,
        policy,
      });
      const decision = decide(file.set, verdicts, policy, context, environment.now);
      decided.push({ set: file.set, verdicts, decision, origins });
      collected.push(collection);
    }
    store.close();
    findings.push(...store.notices());
    return conclude({
      request,
      environment,
      directory,
      policy,
      findings,
      lockfiles,
      decided,
      collected,
      requests: client.requests,
      root: trust.root,
    });
  } finally {
    environment.progress(null);
    store.close();
    await client.close();
  }
}

async function discover({ directory, lockfiles, pending }: VerifyRequest): Promise<Discovery> {
  if (pending !== undefined) return { directory, lockfiles: [pending], findings: [] };
  return lockfiles.length > 0 ? namedLockfiles(directory, lockfiles) : discoverLockfiles(directory);
}

/** One configuration for each lockfile that was read, in their order. */
async function configure(
  directory: string,
  { read }: ReadLockfiles,
  policy: Policy | null,
  { home, variables, platform }: Environment,
): Promise<ManagerConfiguration[]> {
  return Promise.all(
    read.map(({ file }) =>
      readManager(file.manager, {
        directory: configurationDirectory(directory, file),
        home,
        environment: variables,
        platform,
        registries: policy?.registries ?? null,
      }),
    ),
  );
}

type Contextual = {
  request: VerifyRequest;
  environment: Environment;
  configuration: ManagerConfiguration;
  collection: Collected;
  baseline: PackageSet | null;
  bundled: ReadonlyMap<LockedPackage, Inspection>;
  policy: Policy;
};

const noBaseline: Baseline = { set: null, findings: [] };
const nothingInspected: Contextual["bundled"] = new Map();

function contextOf({
  request,
  environment,
  configuration,
  collection,
  baseline,
  bundled,
  policy,
}: Contextual): DecisionContext {
  return {
    registryOf: (pkg) => {
      const { name, source } = pkg;
      if (source.kind !== "registry") return { address: null, configured: false };
      const address = registryOf(pkg, source, { registries: policy.registries, configuration });
      const configured = configuration.registryOf(source.ecosystem, name);
      return {
        address,
        configured:
          address !== null && (address === configured || configuration.registries.includes(address)),
      };
    },
    filesOf: (registry) => {
      const hosts = collection.fileHosts.get(registry);
      return hosts === undefined ? null : [...hosts];
    },
    inScope: (pkg, artefact) =>
      request.platform === "all" ||
      couldInstall(pkg, artefact, { os: environment.platform, cpu: environment.cpu }),
    inspected: (pkg) => bundled.get(pkg) ?? "unavailable",
    baseline,
    findings: configuration.findings,
  };
}
