import { kindOf } from "../codes.ts";
import { formatDigest, type Digest } from "../digest.ts";
import type { Effect, Finding } from "../finding.ts";
import type { Instant } from "../instant.ts";
import type { Artefact, LockedPackage, PackageSet } from "../lockfile/package-set.ts";
import { startOf } from "../position.ts";
import { shellWord } from "../report/escape.ts";
import type { LockfileClaim } from "../seal/claim.ts";
import type { SealJudgement } from "../seal/verdict.ts";
import { levels, type Level, type Outcome, type Verdict } from "../verify/verdict.ts";
import { compareBaseline } from "./baseline.ts";
import { builtInPath } from "./built-in.ts";
import { checkAge, checkRefused, checkRequirement, checkWithdrawn } from "./check-requirement.ts";
import { checkSource, label } from "./check-source.ts";
import type { DecisionContext } from "./context.ts";
import type { Decision, DecisionOutcome } from "./decision.ts";
import { ExceptionIndex } from "./exception-index.ts";
import { compareFindings, FindingList, type Candidate } from "./finding-list.ts";
import { highestPath, policyPath, type FixContext } from "./fixes.ts";
import { matchNames } from "./glob.ts";
import { driftKinds, type Policy, type Requirement } from "./policy.ts";

/**
 * Folds one lockfile's packages and verdicts into the decision of a policy. Pure and total; neither the order of
 * packages and verdicts nor that of rules changes the outcome.
 *
 * A package passes when all of its artefacts in scope pass; every matching rule applies, and a package that no rule
 * of the highest layer matches is blocked. An artefact in scope without a verdict counts as not asked.
 * @param verdicts any number per package, found by purl, digest and file
 * @returns in `warn` the outcome is `allow` unless a policy layer loosens another; `strict` is what strict decides
 */
export function decide(
  set: PackageSet,
  verdicts: readonly Verdict[],
  policy: Policy,
  context: DecisionContext,
  now: Instant,
): Decision {
  const counts = { byLevel: noLevels(), byOutcome: noOutcomes() };
  if (policy.mode === "disabled") {
    return { mode: "disabled", outcome: "allow", strict: "allow", findings: [], counts };
  }
  const list = new FindingList();
  const fix: FixContext = { policy, now };
  const judged = byArtefact(verdicts);
  const matching = new RuleIndex(policy);
  for (const finding of [
    ...policy.problems,
    ...context.findings,
    ...policyFindings(policy, set),
    ...sealFindings(policy, set.lockfile.path, context.seals),
  ])
    list.add(finding);
  for (const problem of readerProblems(set, policy)) list.add(problem);
  for (const pkg of set.packages) {
    const scoped = pkg.artefacts.filter((artefact) => context.inScope(pkg, artefact));
    const found = scoped.flatMap(
      (artefact) =>
        judged.get(verdictKey(pkg.purl, artefact.digest, artefact.file)) ?? [unasked(pkg, artefact)],
    );
    for (const candidate of checkSource(pkg, context, fix)) list.add(candidate);
    for (const candidate of found.flatMap((verdict) => checkRefused(verdict, fix))) list.add(candidate);
    if (pkg.source.kind === "registry") {
      for (const candidate of checkPackage(pkg, found, matching, context, fix)) list.add(candidate);
    }
    if (found.length > 0) {
      counts.byLevel[
        worst(
          found.map(({ level }) => level),
          levels,
        )
      ] += 1;
      counts.byOutcome[
        worst(
          found.map(({ outcome }) => outcome),
          outcomes,
        )
      ] += 1;
    }
  }
  if (context.baseline !== null) for (const note of compareBaseline(set, context.baseline)) list.add(note);
  return concluded(list.settle(new ExceptionIndex(policy.exceptions, now)), policy, counts);
}

/**
 * The decision where a summary replaces the evidence: a trusted verifier found that these bytes pass this policy, so
 * what is left to decide is what no summary speaks of: the project's own findings, the approvals, and what is new
 * since the base.
 * @param set its packages are empty where nobody parsed them
 * @param claim of the summary that counts
 */
export function decideSealed(
  set: PackageSet,
  claim: LockfileClaim,
  policy: Policy,
  context: Pick<DecisionContext, "findings" | "seals" | "baseline">,
  now: Instant,
): Decision {
  const list = new FindingList();
  for (const finding of [
    ...policy.problems,
    ...context.findings,
    ...sealFindings(policy, set.lockfile.path, context.seals),
    ...(context.baseline === null ? [] : compareBaseline(set, context.baseline)),
  ])
    list.add(finding);
  const verified = levels.reduce((total, level) => total + claim.levels[level], 0);
  const counts = { byLevel: { ...claim.levels }, byOutcome: { ...noOutcomes(), verified } };
  return concluded(list.settle(new ExceptionIndex([], now)), policy, counts);
}

function concluded(findings: readonly Finding[], { mode }: Policy, counts: Decision["counts"]): Decision {
  const strict = outcomeOf(findings);
  const loosened = findings.some(({ code, effect }) => code === "policy/loosens" && effect === "block");
  const outcome = mode === "strict" ? strict : loosened ? "block" : "allow";
  return { mode, outcome, strict, findings, counts };
}

/** Seals that nobody looked at approve nothing. */
function sealFindings(policy: Policy, path: string, seals: SealJudgement | null): readonly Finding[] {
  if (seals !== null) return seals.findings;
  if (policy.seal.approval === null) return [];
  return [
    {
      code: "seal/approval-missing",
      effect: "block",
      at: startOf(path),
      why: "The policy demands that the lockfile be approved, and its seals were not checked.",
      fix: `countersign sign --approve --key FILE --lockfile ${shellWord(path)}`,
      requiredBy: label(policy, "seal.approval"),
    },
  ];
}

/** Several lockfiles of one run: blocked outweighs incomplete. An exception is unused when no lockfile needed it. */
export function foldDecisions(first: Decision, ...rest: readonly Decision[]): Decision {
  return rest.reduce((left, right) => {
    const unused = (decision: Decision): Set<string> =>
      new Set(decision.findings.filter(isUnused).map(findingKey));
    const [inLeft, inRight] = [unused(left), unused(right)];
    const both = new Map(
      [...left.findings, ...right.findings].map((finding) => [findingKey(finding), finding]),
    );
    const findings = [...both.values()]
      .filter(
        (finding) =>
          !isUnused(finding) || (inLeft.has(findingKey(finding)) && inRight.has(findingKey(finding))),
      )
      .toSorted(compareFindings);
    return {
      mode: worst([left.mode, right.mode], ["strict", "warn", "disabled"]),
      outcome: worst([left.outcome, right.outcome], decisionOutcomes),
      strict: worst([left.strict, right.strict], decisionOutcomes),
      findings,
      counts: {
        byLevel: sum(left.counts.byLevel, right.counts.byLevel),
        byOutcome: sum(left.counts.byOutcome, right.counts.byOutcome),
      },
    };
  }, first);
}

/** Worst first. */
const outcomes: readonly Outcome[] = ["refused", "unknown", "unverified", "verified"];
const decisionOutcomes: readonly DecisionOutcome[] = ["block", "incomplete", "allow"];

/** What could not be had makes a decision incomplete; everything else that blocks, blocks. */
function outcomeOf(findings: readonly Finding[]): DecisionOutcome {
  const blocking = findings.filter(({ effect }) => effect === "block");
  if (blocking.some(({ code }) => kindOf(code) !== "unknown")) return "block";
  return blocking.length > 0 ? "incomplete" : "allow";
}

function checkPackage(
  pkg: LockedPackage,
  verdicts: readonly Verdict[],
  rules: RuleIndex,
  context: DecisionContext,
  fix: FixContext,
): Candidate[] {
  const { policy } = fix;
  const { matching, allowed } = rules.of(pkg);
  const candidates: Candidate[] = allowed ? [] : [noRule(pkg, matching, policy)];
  if (pkg.artefacts.length === 0) candidates.push(withoutArtefact(pkg));
  const { address } = context.registryOf(pkg);
  for (const verdict of verdicts) {
    for (const rule of matching) {
      const registry = verdict.registry ?? address;
      if (rule.registries !== null && (registry === null || !rule.registries.includes(registry))) continue;
      candidates.push(...checkRequirement(verdict, rule, fix));
    }
    candidates.push(...checkWithdrawn(verdict));
    if (policy.age !== null) candidates.push(...checkAge(verdict, policy.age, fix));
  }
  return candidates;
}

/** Which rules are about a package. A lower layer's rule adds demands; it cannot let in what the highest leaves out. */
class RuleIndex {
  readonly #rules: readonly Requirement[];
  readonly #highest: ReadonlySet<Requirement>;

  constructor(policy: Policy) {
    this.#rules = policy.require;
    const { kind, path } = policy.layers[0] ?? { kind: "managed", path: builtInPath };
    this.#highest = new Set(policy.require.filter(({ layer, at }) => layer === kind && at.path === path));
  }

  of(pkg: LockedPackage): { matching: readonly Requirement[]; allowed: boolean } {
    const ecosystem = pkg.source.kind === "registry" ? pkg.source.ecosystem : null;
    if (ecosystem === null) return { matching: [], allowed: false };
    const matching = this.#rules.filter(
      (rule) =>
        (rule.ecosystem === null || rule.ecosystem === ecosystem) &&
        matchNames(rule.names, pkg.name, ecosystem),
    );
    return { matching, allowed: matching.some((rule) => this.#highest.has(rule)) };
  }
}

function noRule(pkg: LockedPackage, matching: readonly Requirement[], policy: Policy): Candidate {
  const ecosystem = pkg.source.kind === "registry" ? pkg.source.ecosystem : "npm";
  const line = `- { ecosystem: ${ecosystem}, names: [${JSON.stringify(pkg.name)}], level: ${ecosystem === "npm" ? "signed" : "locked"} }`;
  const lower =
    matching.length > 0
      ? `; ${matching
          .map((rule) => rule.label)
          .toSorted()
          .join(", ")} cannot let it in`
      : "";
  return {
    code: "policy/no-rule",
    effect: "block",
    purl: pkg.purl,
    at: pkg.at,
    why: `No rule of ${highestPath(policy)} matches ${pkg.name}, so nothing says what it must prove${lower}.`,
    fix: `Add under require in ${highestPath(policy)}: ${line}`,
  };
}

const withoutArtefact = (pkg: LockedPackage): Candidate => ({
  code: "artefact/digest-missing",
  effect: "block",
  purl: pkg.purl,
  at: pkg.at,
  why: `${pkg.name} has no artefact with a digest, so whatever the registry serves would be installed.`,
  fix: "Regenerate the lockfile with a manager that records sha512 or sha256 digests.",
});

/** Of the reader's problems two are the policy's to judge: links out of the project and bundled packages. */
function readerProblems(set: PackageSet, { sources }: Policy): Finding[] {
  const bundled = new Set(set.packages.flatMap((pkg) => (pkg.source.kind === "bundled" ? [pkg.purl] : [])));
  return set.problems.flatMap((problem): Finding[] => {
    if (problem.code === "lockfile/bundled-uninspected" && bundled.has(problem.purl ?? "")) return [];
    const isAllowed = problem.code === "lockfile/link-outside" && sources.path === "allow";
    return [isAllowed ? { ...problem, effect: "note" } : problem];
  });
}

/** What the policy demands of the whole, and what it is. */
function policyFindings(policy: Policy, set: PackageSet): Finding[] {
  const at = startOf(set.lockfile.path);
  const findings: Finding[] = [];
  if (policy.builtIn) {
    const does =
      policy.mode === "strict"
        ? "decides, in strict as was asked"
        : "reports what strict would do and blocks nothing";
    const why = `There is no policy file, so the built-in policy ${does}.`;
    findings.push({
      code: "policy/built-in",
      effect: "note",
      at,
      why,
      fix: `Run \`countersign policy init\` to write ${policyPath}.`,
    });
  }
  // The built-in policy looks for drift once there is something to compare with; nobody demanded it.
  if (policy.drift !== null && !policy.builtIn) {
    const { drift } = policy;
    const effect = worst(
      driftKinds.map((kind) => drift[kind]),
      ["block", "warn", "note"] as readonly Effect[],
    );
    const why =
      "The policy demands a check for drift; this version has no pins to compare with, so drift cannot be decided.";
    const fix = `Take drift out of ${highestPath(policy)} until pins are there.`;
    findings.push({ code: "drift/undecided", effect, at, why, fix, requiredBy: label(policy, "drift") });
  }
  return findings;
}

function byArtefact(verdicts: readonly Verdict[]): Map<string, Verdict[]> {
  const found = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const key = verdictKey(verdict.purl, verdict.artefact, verdict.file);
    const known = found.get(key);
    if (known === undefined) found.set(key, [verdict]);
    else known.push(verdict);
  }
  return found;
}

const verdictKey = (purl: string, digest: Digest | null, file: string | null): string =>
  JSON.stringify([purl, digest === null ? null : formatDigest(digest), file]);

const unasked = (pkg: LockedPackage, artefact: Artefact): Verdict => ({
  purl: pkg.purl,
  artefact: artefact.digest,
  file: artefact.file,
  at: artefact.at,
  registry: null,
  outcome: "unknown",
  level: "unlocked",
  identity: null,
  slsaBuild: 0,
  time: "none",
  published: null,
  claims: [],
  attestations: [],
});

/** The first of an order that occurs; there is always one. */
const worst = <T>(found: readonly T[], order: readonly T[]): T =>
  order.find((item) => found.includes(item)) as T;

const isUnused = ({ code }: Finding): boolean => code === "policy/exception-unused";
const findingKey = ({ code, purl, digest, at, why }: Finding): string =>
  JSON.stringify([code, purl, digest, at.path, at.line, at.column, why]);

const noLevels = (): Record<Level, number> => ({ unlocked: 0, locked: 0, signed: 0, provenance: 0 });
const noOutcomes = (): Record<Outcome, number> => ({ verified: 0, unverified: 0, refused: 0, unknown: 0 });

function sum<K extends string>(
  a: Readonly<Record<K, number>>,
  b: Readonly<Record<K, number>>,
): Record<K, number> {
  return Object.fromEntries(
    Object.entries<number>(a).map(([key, value]) => [key, value + b[key as K]]),
  ) as Record<K, number>;
}
