import { builtInPolicy, mergePolicy, type Policy } from "@countersign/core";
import { conclude, type Verification } from "./conclusion.ts";
import { readPolicySources } from "./policy/layers.ts";
import { governingDirectory, withMode } from "./policy/mode.ts";
import { projectOf } from "./project/discovery.ts";
import type { Environment, VerifyRequest } from "./run.ts";

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
  const sources = await readPolicySources({
    directory: await governingDirectory(origin, request.base),
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
  const { verifyLockfiles } = await import("./verify-lockfiles.ts");
  return verifyLockfiles(request, environment, {
    directory,
    origin,
    sources: sources.sources,
    stated,
    inMode,
  });
}
