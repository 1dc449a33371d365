import {
  buildReport,
  builtInPolicy,
  decide,
  defaultBudget,
  demandedLevel,
  mergePolicy,
  verifyPackage,
  type DecidedLockfile,
  type DecisionContext,
  type Finding,
  type Inspection,
  type LockedPackage,
  type PackageSet,
  type Policy,
  type Report,
} from "@countersign/core";
import { collectEvidence, type Collected } from "./evidence/collect.ts";
import { needsOf } from "./evidence/needs.ts";
import { offersOf, silentRegistries } from "./evidence/offers.ts";
import { originOf, registryOf, type Origin, type OriginRules } from "./evidence/origin.ts";
import { vendoredFindings } from "./hook/vendored.ts";
import type { ManagerConfiguration } from "./manager/manager.ts";
import { readManager } from "./manager/read-manager.ts";
import { policyPath, readPolicySources } from "./policy/layers.ts";
import { withMode } from "./policy/mode.ts";
import { discoverLockfiles, namedLockfiles, projectOf, type Discovery } from "./project/discovery.ts";
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
import type { SigstoreRoot } from "./sigstore/root.ts";
import { openEvidenceStore } from "./store/evidence-store.ts";
import { inspectBundled } from "./tarball/bundled.ts";
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
  const directory = await projectOf(request.directory, request.lockfiles);
  const governing = request.policyDirectory ?? directory;
  const sources = await readPolicySources({
    directory: governing,
    managed: request.managedPolicy,
    base: request.base,
    platform: environment.platform,
  });
  const layers = sources.sources.map(({ layer }) => layer);
  const inMode = (policy: Policy): Policy => withMode(policy, request, sources.findings);
  const stated = layers.length === 0 ? null : inMode(mergePolicy(layers, environment.now));
  if (stated?.mode === "disabled" && sources.findings.length === 0) {
    return conclude({ request, environment, directory, policy: stated });
  }
  // What a policy that cannot be read demands is not known, so nothing is asked for it.
  if (sources.findings.length > 0) {
    return conclude({
      request,
      environment,
      directory,
      policy: stated ?? inMode(builtInPolicy([])),
      findings: sources.findings,
    });
  }
  const discovery = await discover(request);
  const findings: Finding[] = [...discovery.findings, ...(await vendoredFindings(governing))];
  if (request.base !== null) {
    const unlocked = discovery.findings.map(({ at }) => at.path).filter((path) => path.endsWith(".txt"));
    findings.push(...(await lostLocks(governing, unlocked, request.base)));
  }
  const lockfiles = await readLockfiles(directory, discovery.lockfiles, budget);
  const configurations = await configure(directory, lockfiles, stated, environment);
  findings.push(...configurations.flatMap(({ findings: found }) => found));
  const given = await readGiven(request, stated, sources.sources[0], findings);
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
      sources: sources.sources,
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
        progress: (done, total) =>
          environment.progress(`collecting evidence for ${file.file.path}: ${done} of ${total}`),
      });
      environment.progress(`verifying ${file.file.path}`);
      const verdicts = file.set.packages.flatMap((pkg, at) =>
        verifyPackage(pkg, collection.evidence[at] ?? [], material, environment.now),
      );
      const baseline =
        request.base === null ? noBaseline : await readBaseline(governing, file.file, request.base, budget);
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

const discover = ({ directory, lockfiles }: VerifyRequest): Promise<Discovery> =>
  lockfiles.length > 0 ? namedLockfiles(directory, lockfiles) : discoverLockfiles(directory);

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
  const offers = offersOf(decided.map(({ set }, index) => ({ set, evidence: evidence[index] ?? [] })));
  const report = buildReport({
    version: environment.version,
    now: environment.now,
    enforcement: request.enforcement,
    platform: request.platform,
    policy,
    lockfiles: decided,
    refused: conclusion.lockfiles?.refused ?? [],
    findings: [
      ...(conclusion.findings ?? []),
      ...silentRegistries(
        offers,
        policyPath,
        policy.builtIn ? (decided[0]?.set.lockfile.path ?? policyPath) : policyPath,
      ),
    ],
    registries: offers,
    evidence: evidence.flat(2),
    root:
      root === null
        ? null
        : {
            source: root.source,
            updated: root.asOf,
            stale: environment.now - root.asOf > policy.trust.maxAge,
          },
    requests: conclusion.requests ?? 0,
  });
  return { report, exitCode: exitCodes[report.decision.outcome], directory, policy, lockfiles: decided };
}
