import { builtInPolicy, defaultBudget, type Finding, type Policy, type TrustRoot } from "@countersign/core";
import type { DiscoveredLockfile } from "../manager/manager.ts";
import { readGoverningPolicy } from "../policy/mode.ts";
import { findLockfiles } from "../project/discovery.ts";
import { readLockfileBytes } from "../project/locked-project.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import { openSealChecker, type CheckedSeals, type SealChecker } from "./check-seals.ts";

/** What came of the seals of each lockfile, whether the policy demands any or not. */
export type SealsVerified = {
  /** Absolute path of the directory with `.countersign`. */
  home: string;
  policy: Policy;
  root: TrustRoot | null;
  lockfiles: readonly (CheckedSeals & { file: DiscoveredLockfile })[];
  /** Of the project, its policy and its trust store. */
  findings: readonly Finding[];
  checker: SealChecker;
};

/** Checks seals and nothing else: no lockfile is parsed, and no evidence is looked at. */
export async function verifySeals(request: VerifyRequest, environment: Environment): Promise<SealsVerified> {
  const { directory, lockfiles, findings } = await findLockfiles(request.directory, request.lockfiles);
  const { home, sources, stated, ...read } = await readGoverningPolicy(directory, request, environment);
  // Somebody asks for the seals, whatever an install would do about them.
  const policy = { ...(stated ?? builtInPolicy([])), mode: "strict" } as const;
  const checker = await openSealChecker({
    request,
    environment,
    directory,
    origin: directory,
    home,
    policy,
    sources,
  });
  const contents = await readLockfileBytes(directory, lockfiles, defaultBudget);
  const checked: SealsVerified["lockfiles"][number][] = [];
  for (const { file, bytes } of contents.found) checked.push({ file, ...(await checker.check(file, bytes)) });
  return {
    home,
    policy,
    root: checker.root,
    checker,
    lockfiles: checked,
    findings: [
      ...findings.filter(({ effect }) => effect === "block"),
      ...read.findings,
      ...contents.refused.flatMap((refused) => refused.findings),
      ...checker.store,
    ],
  };
}
