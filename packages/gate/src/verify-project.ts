import {
  buildReport,
  builtInPolicy,
  decide,
  defaultBudget,
  demandedLevel,
  mergePolicy,
  tightenMode,
  verifyPackage,
  type DecidedLockfile,
  type DecisionContext,
  type Finding,
  type LockedPackage,
  type PackageSet,
  type Policy,
  type Report,
} from "@countersign/core";
import { collectEvidence, type Collected } from "./evidence/collect.ts";
import { needsOf } from "./evidence/needs.ts";
import { offersOf } from "./evidence/offers.ts";
import { originOf, type Origin, type OriginRules } from "./evidence/origin.ts";
import type { ManagerConfiguration } from "./manager/manager.ts";
import { readManager } from "./manager/read-manager.ts";
import { readPolicySources } from "./policy/layers.ts";
import { discoverLockfiles, namedLockfiles, type Discovery } from "./project/discovery.ts";
import { configurationDirectory, readBaseline, readLockfiles, type ReadLockfiles } from "./project/locked-project.ts";
import { couldInstall } from "./project/platform.ts";
import { accessOf } from "./registry/access.ts";
import { normaliseRegistry } from "./registry/address.ts";
import { createClient } from "./registry/http-client.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import type { SigstoreRoot } from "./sigstore/root.ts";
import { openEvidenceStore } from "./store/evidence-store.ts";
import { readGiven } from "./trust/given.ts";
import { loadTrust } from "./trust/load-trust.ts";
import { keyEnds, trustMaterial } from "./trust/trust.ts";

/** Everything that a run found out, for the report and for `explain`. */
export type Verification = {
  report: Report;
  /** 0 allowed, 1 blocked, 2 could not complete. */
  exitCode: 0 | 1 | 2;
  directory: string;
  policy: Policy;
  lockfiles: readonly (DecidedLockfile & { origins: (pkg: LockedPackage) => Origin | null })[];
};

/**
 * The whole flow, from lockfile bytes to the decision: read the policy, find and read the lockfiles, collect what
 * the policy needs, verify, decide. Nothing of the project is run, and nothing is written but the caches.
 */
export async function verifyProject(request: VerifyRequest, environment: Environment): Promise<Verification> {
  const budget = defaultBudget;
  const discovery = await discover(request);
  const { directory } = discovery;
  const sources = await readPolicySources({
    directory,
    managed: request.managedPolicy,
    base: request.base,
    platform: environment.platform,
    variables: environment.variables,
  });
  const layers = sources.sources.map(({ layer }) => layer);
  const stated = layers.length === 0 ? null : withMode(mergePolicy(layers, environment.now), request);
  if (stated?.mode === "disabled" && sources.findings.length === 0) {
    return conclude({ request, environment, directory, policy: stated });
  }
  const findings: Finding[] = [...sources.findings, ...discovery.findings];
  const lockfiles = await readLockfiles(directory, discovery.lockfiles, budget);
  const configurations = await configure(directory, lockfiles, stated, environment);
  findings.push(...configurations.flatMap(({ findings: found }) => found));
  const given = await readGiven(request, stated, sources.sources[0], directory, findings);
  const client = createClient(
    accessOf(configurations, stated, lockfiles.read.map(({ set }) => set), [`${environment.repository().url}/`]),
    environment.signal,
  );
  const store = await openEvidenceStore(environment.storeDirectory, environment.now);
  try {
    const trust = await loadTrust({ request, environment, client, given, policy: stated, configurations, sources: sources.sources, budget });
    findings.push(...trust.findings);
    const policy = stated ?? withMode(builtInPolicy([...trust.keys.keys()]), request);
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
        client: request.offline ? null : client,
        store,
        budget,
        now: environment.now,
        originOf: origins,
        needsOf: (pkg) => {
          const voice = origins(pkg)?.voice ?? null;
          const npm = pkg.source.kind === "registry" && pkg.source.ecosystem === "npm";
          return needsOf(demandedLevel(policy, pkg, voice), npm, policy.age !== null);
        },
        keyEnds: (registry, keyid) => keyEnds(trust.keys, registry, keyid),
        progress: (done, total) => environment.progress(`collecting evidence for ${file.file.path}: ${done} of ${total}`),
      });
      environment.progress(`verifying ${file.file.path}`);
      const verdicts = file.set.packages.flatMap((pkg, at) => verifyPackage(pkg, collection.evidence[at] ?? [], material, environment.now));
      const baseline = request.base === null ? null : await readBaseline(directory, file.file, request.base, budget);
      const context = contextOf({ request, environment, configuration, collection, baseline });
      const decision = decide(file.set, verdicts, policy, context, environment.now);
      decided.push({ set: file.set, verdicts, decision, origins });
      collected.push(collection);
    }
    store.close();
    findings.push(...store.notices());
    return conclude({ request, environment, directory, policy, findings, lockfiles, decided, collected, requests: client.requests, root: trust.root });
  } finally {
    environment.progress(null);
    store.close();
    await client.close();
  }
}

const discover = ({ directory, lockfiles }: VerifyRequest): Promise<Discovery> =>
  lockfiles.length > 0 ? namedLockfiles(directory, lockfiles) : discoverLockfiles(directory);

const withMode = (policy: Policy, { mode }: VerifyRequest): Policy => (mode === null ? policy : tightenMode(policy, mode, "--mode"));

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
};

function contextOf({ request, environment, configuration, collection, baseline }: Contextual): DecisionContext {
  return {
    registryOf: ({ name, source }) => {
      if (source.kind !== "registry") return { address: null, configured: false };
      const configured = configuration.registryOf(source.ecosystem, name);
      const address = source.registry === null ? configured : normaliseRegistry(source.registry);
      return { address, configured: address !== null && (address === configured || configuration.registries.includes(address)) };
    },
    filesOf: (registry) => {
      const hosts = collection.fileHosts.get(registry);
      return hosts === undefined ? null : [...hosts];
    },
    inScope: (pkg, artefact) =>
      request.platform === "all" || couldInstall(pkg, artefact, { os: environment.platform, cpu: environment.cpu }),
    inspected: () => false,
    baseline,
    findings: configuration.findings,
  };
}

type Conclusion = {
  request: VerifyRequest;
  environment: Environment;
  directory: string;
  policy: Policy;
  findings?: readonly Finding[];
  lockfiles?: ReadLockfiles;
  decided?: Verification["lockfiles"];
  collected?: readonly Collected[];
  requests?: number;
  root?: SigstoreRoot | null;
};

const exitCodes = { allow: 0, block: 1, incomplete: 2 } as const;

function conclude(conclusion: Conclusion): Verification {
  const { request, environment, directory, policy, decided = [], collected = [], root = null } = conclusion;
  const evidence = collected.map((collection) => collection.evidence);
  const report = buildReport({
    version: environment.version,
    now: environment.now,
    enforcement: request.enforcement,
    platform: request.platform,
    policy,
    lockfiles: decided,
    refused: conclusion.lockfiles?.refused ?? [],
    findings: conclusion.findings ?? [],
    registries: offersOf(decided.map(({ set }, index) => ({ set, evidence: evidence[index] ?? [] }))),
    evidence: evidence.flat(2),
    root: root === null ? null : { source: root.source, updated: root.asOf, stale: environment.now - root.asOf > policy.trust.maxAge },
    requests: conclusion.requests ?? 0,
  });
  return { report, exitCode: exitCodes[report.decision.outcome], directory, policy, lockfiles: decided };
}
