import {
  builtInPolicy,
  decide,
  demandedLevel,
  verifyPackage,
  type Budget,
  type DecisionContext,
  type Finding,
  type Inspection,
  type LockedPackage,
  type PackageSet,
  type Policy,
  type SealJudgement,
  type TrustMaterial,
} from "@countersign/core";
import type { Verification } from "./conclusion.ts";
import { collectEvidence, type Collected } from "./evidence/collect.ts";
import { needsOf } from "./evidence/needs.ts";
import { originOf, registryOf, type Origin, type OriginRules } from "./evidence/origin.ts";
import type { DiscoveredLockfile, ManagerConfiguration } from "./manager/manager.ts";
import { couldInstall } from "./project/platform.ts";
import { accessOf } from "./registry/access.ts";
import type { Client } from "./registry/client.ts";
import { openClient } from "./registry/open-client.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import type { SigstoreRoot } from "./sigstore/root.ts";
import { openEvidenceStore, type EvidenceStore } from "./store/evidence-store.ts";
import { inspectBundled } from "./tarball/bundled.ts";
import { readGiven } from "./trust/given.ts";
import { loadTrust, type LoadedTrust } from "./trust/load-trust.ts";
import { keyEnds, trustMaterial } from "./trust/trust.ts";
import type { Governed } from "./verify-lockfiles.ts";

export type SessionOptions = {
  request: VerifyRequest;
  environment: Environment;
  governed: Governed;
  configurations: readonly ManagerConfiguration[];
  /** Package sets whose registries may be asked where there is no policy. */
  sets: readonly PackageSet[];
  budget: Budget;
};

export type Checking = {
  file: DiscoveredLockfile;
  set: PackageSet;
  configuration: ManagerConfiguration;
  baseline: PackageSet | null;
  seals: SealJudgement | null;
};

/** One run's client, evidence store and trust material: opened where evidence is looked at, and closed with it. */
export type EvidenceSession = {
  policy: Policy;
  root: SigstoreRoot | null;
  /** Of trust material. */
  findings: readonly Finding[];
  check(checking: Checking): Promise<{ decided: Verification["lockfiles"][number]; collected: Collected }>;
  readonly requests: number;
  /** Ends the session; what the store has to say of itself. */
  close(): Promise<readonly Finding[]>;
};

export async function openEvidenceSession(options: SessionOptions): Promise<EvidenceSession> {
  const { request, environment, governed, configurations, sets, budget } = options;
  const { stated, sources, inMode } = governed;
  const findings: Finding[] = [];
  const given = await readGiven(request, stated, sources[0], findings);
  const access = accessOf(configurations, stated, sets, [`${environment.repository().url}/`]);
  const client = openClient(access, environment.signal);
  const store = await openEvidenceStore(environment.storeDirectory, environment.now);
  const close = async (): Promise<readonly Finding[]> => {
    environment.progress(null);
    store.close();
    await client.close();
    return store.notices();
  };
  try {
    const trust = await loadTrust({
      request,
      environment,
      client,
      given,
      policy: stated,
      configurations,
      sources,
      budget,
    });
    const policy = stated ?? inMode(builtInPolicy([...trust.keys.keys()]));
    const material = trustMaterial(trust.root, trust.keys, policy);
    return {
      policy,
      root: trust.root,
      findings: [...findings, ...trust.findings],
      check: (checking) => check({ ...options, policy, trust, material, client, store }, checking),
      get requests() {
        return client.requests;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Opened = SessionOptions & {
  policy: Policy;
  trust: LoadedTrust;
  material: TrustMaterial;
  client: Client;
  store: EvidenceStore;
};

/** Collects what the policy needs of one lockfile, verifies it and decides. */
async function check(opened: Opened, checking: Checking): ReturnType<EvidenceSession["check"]> {
  const { request, environment, policy, trust, material, client, store, budget } = opened;
  const { file, set, configuration } = checking;
  const rules: OriginRules = {
    registries: policy.registries,
    configuration,
    publicRegistry: trust.publicRegistry,
    keyed: new Set(trust.keys.keys()),
  };
  const origins = (pkg: LockedPackage): Origin | null => originOf(pkg, rules);
  const collected = await collectEvidence(set, {
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
      const age = policy.age !== null || request.introduced?.(pkg.purl) === true;
      return needsOf(demandedLevel(policy, pkg, voice), npm, age);
    },
    keyEnds: (registry, keyid) => keyEnds(trust.keys, registry, keyid),
    progress: (done, total) =>
      environment.progress(`collecting evidence for ${file.path}: ${done} of ${total}`),
  });
  environment.progress(`verifying ${file.path}`);
  const verdicts = set.packages.flatMap((pkg, at) =>
    verifyPackage(pkg, collected.evidence[at] ?? [], material, environment.now),
  );
  const inspects = !request.offline && !policy.builtIn && policy.sources.bundled === "inspect";
  const registry = (pkg: LockedPackage): string | null => origins(pkg)?.registry ?? null;
  const bundled = inspects
    ? await inspectBundled(set, { client, budget, registryOf: registry })
    : nothingInspected;
  const context = contextOf(opened, checking, collected, bundled);
  const decision = decide(set, verdicts, policy, context, environment.now);
  return {
    decided: { set, verdicts, decision, origins, seals: checking.seals, claim: null },
    collected,
  };
}

const nothingInspected: ReadonlyMap<LockedPackage, Inspection> = new Map();

function contextOf(
  { request, environment, policy }: Opened,
  { configuration, baseline, seals }: Checking,
  collected: Collected,
  bundled: ReadonlyMap<LockedPackage, Inspection>,
): DecisionContext {
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
      const hosts = collected.fileHosts.get(registry);
      return hosts === undefined ? null : [...hosts];
    },
    inScope: (pkg, artefact) =>
      request.platform === "all" ||
      couldInstall(pkg, artefact, { os: environment.platform, cpu: environment.cpu }),
    inspected: (pkg) => bundled.get(pkg) ?? "unavailable",
    baseline,
    seals,
    findings: configuration.findings,
  };
}
