import { builtInPolicy, startOf, type Finding, type Policy } from "@countersign/core";
import { conclude, type Verification } from "./conclusion.ts";
import { readGoverningPolicy, withMode } from "./policy/mode.ts";
import { projectOf } from "./project/discovery.ts";
import { commitOf, fetchHistory } from "./project/git.ts";
import type { Environment, VerifyRequest } from "./run.ts";
import { trustFolder } from "./seal/root-folder.ts";

export type { Verification } from "./conclusion.ts";

/**
 * The whole flow, from lockfile bytes to the decision: read the policy, find and read the lockfiles, collect what
 * the policy needs, verify, decide. Nothing of the project is run, and nothing is written but the caches.
 */
export async function verifyProject(request: VerifyRequest, environment: Environment): Promise<Verification> {
  const { pending } = request;
  const directory =
    pending === undefined ? await projectOf(request.directory, request.lockfiles) : request.directory;
  const origin = request.policyDirectory ?? directory;
  const { home, sources, findings, ...governing } = await readGoverningPolicy(origin, request, environment);
  const inMode = (policy: Policy): Policy => withMode(policy, request, findings);
  const stated = governing.stated === null ? null : inMode(governing.stated);
  if (stated?.mode === "disabled" && findings.length === 0) {
    return conclude({ request, environment, directory, policy: stated });
  }
  // What a policy that cannot be read demands is not known, so nothing is asked for it.
  if (findings.length > 0) {
    return conclude({
      request,
      environment,
      directory,
      policy: stated ?? inMode(builtInPolicy([])),
      findings: [...findings, ...(await withoutBase(home, request.base))],
    });
  }
  const { verifyLockfiles } = await import("./verify-lockfiles.ts");
  return verifyLockfiles(request, environment, {
    directory,
    origin,
    home,
    sources,
    stated,
    inMode,
  });
}

/** A base that is not there pins nothing either: a shallow clone must not look like a project without a trust store. */
async function withoutBase(home: string, base: string | null): Promise<Finding[]> {
  const commit = base === null ? null : await commitOf(home, base);
  if (base === null || commit === null || commit.ok) return [];
  return [
    {
      code: "trust/root-unavailable",
      effect: "block",
      at: startOf(trustFolder),
      why: `Nobody can tell whose seals to trust: ${commit.detail}.`,
      fix: fetchHistory(base),
    },
  ];
}
