import {
  buildReport,
  type DecidedLockfile,
  type Finding,
  type LockedPackage,
  type Policy,
  type RefusedLockfile,
  type Report,
} from "@countersign/core";
import type { Collected } from "./evidence/collect.ts";
import { offersOf, silentRegistries } from "./evidence/offers.ts";
import type { Origin } from "./evidence/origin.ts";
import { policyPath } from "./policy/layers.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import type { SigstoreRoot } from "./sigstore/root.ts";

/** Everything that a run found out, for the report and for `explain`. */
export type Verification = {
  report: Report;
  /** 0 allowed, 1 blocked, 2 could not complete. */
  exitCode: 0 | 1 | 2;
  directory: string;
  policy: Policy;
  lockfiles: readonly (DecidedLockfile & { origins: (pkg: LockedPackage) => Origin | null })[];
};

export type Conclusion = {
  request: VerifyRequest;
  environment: Environment;
  directory: string;
  policy: Policy;
  findings?: readonly Finding[];
  refused?: readonly RefusedLockfile[];
  decided?: Verification["lockfiles"];
  collected?: readonly Collected[];
  requests?: number;
  root?: SigstoreRoot | null;
};

const exitCodes = { allow: 0, block: 1, incomplete: 2 } as const;

/** Folds what a run found out into its report and exit code. */
export function conclude(conclusion: Conclusion): Verification {
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
    refused: conclusion.refused ?? [],
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
