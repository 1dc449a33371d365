import {
  builtInPolicy,
  decideSealed,
  defaultBudget,
  sha256Of,
  type Budget,
  type Finding,
  type LockfileClaim,
  type PackageSet,
  type Policy,
} from "@countersign/core";
import { conclude, type Verification } from "./conclusion.ts";
import type { Collected } from "./evidence/collect.ts";
import type { EvidenceSession } from "./evidence-session.ts";
import { vendoredFindings } from "./hook/vendored.ts";
import type { DiscoveredLockfile, ManagerConfiguration } from "./manager/manager.ts";
import { readManager } from "./manager/read-manager.ts";
import type { PolicySources } from "./policy/layers.ts";
import { findLockfiles, type Discovery } from "./project/discovery.ts";
import {
  configurationDirectory,
  lostLocks,
  parseLockfiles,
  readBaseline,
  readLockfileBytes,
  type Baseline,
  type LockfileBytes,
  type ReadLockfiles,
} from "./project/locked-project.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import type { CheckedSeals, SealChecker } from "./seal/check-seals.ts";

/** What {@link verifyLockfiles} goes on from: a policy that was read and is not `disabled`. */
export type Governed = {
  /** Absolute path of the project. */
  directory: string;
  /** Absolute path of the project whose policy and repository hold. */
  origin: string;
  /** Absolute path of the directory with that project's `.countersign`. */
  home: string;
  sources: PolicySources["sources"];
  /** null where there is no policy at all. */
  stated: Policy | null;
  inMode: (policy: Policy) => Policy;
};

/**
 * Finds the lockfiles, checks their seals over the bytes, parses them, collects what the policy needs, verifies and
 * decides. Where a summary counts, evidence is neither read nor asked for, and the code that would is not loaded. In a
 * module of its own: mode `disabled` loads none of it.
 */
export async function verifyLockfiles(
  request: VerifyRequest,
  environment: Environment,
  governed: Governed,
): Promise<Verification> {
  const { directory, origin } = governed;
  const budget = defaultBudget;
  // Each waits for git, so they wait together.
  const [{ discovery, contents, configurations }, vendored, seals] = await Promise.all([
    readContents(request, environment, governed, budget),
    vendoredFindings(origin),
    openSeals(request, environment, governed),
  ]);
  const findings: Finding[] = [...discovery.findings, ...vendored];
  if (request.base !== null) {
    const unlocked = discovery.findings.map(({ at }) => at.path).filter((path) => path.endsWith(".txt"));
    findings.push(...(await lostLocks(origin, unlocked, request.base)));
  }
  findings.push(...configurations.flatMap(({ findings: found }) => found), ...(seals?.findings ?? []));
  // Without a policy nothing demands seals, and the lockfiles say which registries may be asked.
  const early = governed.stated === null ? await parseEach(contents.found, budget) : null;
  let session: EvidenceSession | null = null;
  const open = async (): Promise<EvidenceSession> => {
    const { openEvidenceSession } = await import("./evidence-session.ts");
    const sets = [...(early?.values() ?? [])].flatMap(({ read }) => read.map(({ set }) => set));
    return (session ??= await openEvidenceSession({
      request,
      environment,
      governed,
      configurations,
      sets,
      budget,
    }));
  };
  try {
    const decided: Verification["lockfiles"][number][] = [];
    const collected: Collected[] = [];
    const refused = [...contents.refused];
    for (const [index, content] of contents.found.entries()) {
      const { file } = content;
      const { findings: settings } = configurations[index] as ManagerConfiguration;
      const checked = seals === null ? null : await seals.check(file, content.bytes);
      const stated = request.tarballs === undefined && request.saves !== "nothing" ? claimOf(checked) : null;
      const parses = stated === null || request.saves !== "parsing" || request.base !== null;
      const parsed = parses ? (early?.get(content) ?? (await parseLockfiles([content], budget))) : null;
      refused.push(...(parsed?.refused ?? []));
      const set = parsed === null ? claimedSet(content, stated) : (parsed.read[0]?.set ?? null);
      if (set === null) continue;
      // Whoever reads the packages anyway sees whether the summary is about them.
      const claim = stated?.setDigest.hex === set.setDigest.hex ? stated : null;
      const base = await baselineOf(governed, file, request.base, budget);
      findings.push(...base.findings);
      const judgement = checked?.judgement ?? null;
      if (claim !== null) {
        const context = { findings: settings, seals: judgement, baseline: base.set };
        const decision = decideSealed(set, claim, policyOf(governed), context, environment.now);
        decided.push({ set, verdicts: [], decision, origins: () => null, seals: judgement, claim });
        continue;
      }
      const outcome = await (
        await open()
      ).check({
        file,
        set,
        configuration: configurations[index] as ManagerConfiguration,
        baseline: base.set,
        seals: checked === null || seals === null ? null : await seals.explain(file, set, checked),
      });
      decided.push(outcome.decided);
      collected.push(outcome.collected);
    }
    const looked = decided.length === 0 || collected.length > 0 ? await open() : null;
    const policy = looked?.policy ?? policyOf(governed);
    const notices = (await looked?.close()) ?? [];
    session = null;
    return conclude({
      request,
      environment,
      directory,
      policy,
      findings: [...findings, ...(looked?.findings ?? []), ...notices],
      refused,
      decided,
      collected,
      requests: looked?.requests ?? 0,
      root: looked?.root ?? null,
    });
  } finally {
    await (session as EvidenceSession | null)?.close();
  }
}

/** The lockfiles as bytes, with what their managers are configured to do. */
async function readContents(
  request: VerifyRequest,
  environment: Environment,
  governed: Governed,
  budget: Budget,
): Promise<{
  discovery: Discovery;
  contents: Awaited<ReturnType<typeof readLockfileBytes>>;
  configurations: ManagerConfiguration[];
}> {
  const discovery = await discover(request);
  const contents = await readLockfileBytes(governed.directory, discovery.lockfiles, budget, request.pending);
  return { discovery, contents, configurations: await configure(contents.found, governed, environment) };
}

async function parseEach(
  contents: readonly LockfileBytes[],
  budget: Budget,
): Promise<ReadonlyMap<LockfileBytes, ReadLockfiles>> {
  const parsed = new Map<LockfileBytes, ReadLockfiles>();
  for (const content of contents) parsed.set(content, await parseLockfiles([content], budget));
  return parsed;
}

const policyOf = ({ stated, inMode }: Governed): Policy => stated ?? inMode(builtInPolicy([]));

/** Loaded where a policy says anything that seals decide. */
async function openSeals(
  request: VerifyRequest,
  environment: Environment,
  { directory, origin, home, sources, stated }: Governed,
): Promise<SealChecker | null> {
  if (stated === null || (stated.seal.approval === null && stated.seal.summary === null)) return null;
  const { openSealChecker } = await import("./seal/check-seals.ts");
  return openSealChecker({
    request,
    environment,
    directory,
    origin,
    home,
    policy: stated,
    sources,
  });
}

const claimOf = (checked: CheckedSeals | null): LockfileClaim | null =>
  checked?.judgement.summary?.statement?.claim ?? null;

/** A package set of which only a summary speaks: nobody parsed it. */
function claimedSet({ file, bytes }: LockfileBytes, claim: LockfileClaim | null): PackageSet | null {
  if (claim === null) return null;
  const { path, format } = file;
  const lockfile = { path, format, formatVersion: claim.formatVersion, digest: sha256Of(bytes) };
  return { lockfile, setDigest: claim.setDigest, packages: [], problems: [] };
}

async function discover({ directory, lockfiles, pending }: VerifyRequest): Promise<Discovery> {
  if (pending !== undefined) return { directory, lockfiles: [pending], findings: [] };
  return findLockfiles(directory, lockfiles);
}

/** One configuration for each lockfile, in their order. */
async function configure(
  contents: readonly LockfileBytes[],
  { directory, stated }: Governed,
  { home, variables, platform }: Environment,
): Promise<ManagerConfiguration[]> {
  return Promise.all(
    contents.map(({ file }) =>
      readManager(file.manager, {
        directory: configurationDirectory(directory, file),
        home,
        environment: variables,
        platform,
        registries: stated?.registries ?? null,
      }),
    ),
  );
}

const baselineOf = (
  { origin }: Governed,
  file: DiscoveredLockfile,
  base: string | null,
  budget: Budget,
): Promise<Baseline> | Baseline =>
  base === null ? { set: null, findings: [] } : readBaseline(origin, file, base, budget);
