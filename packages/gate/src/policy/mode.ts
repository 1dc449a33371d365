import {
  builtInPolicy,
  mergePolicy,
  tightenMode,
  type Finding,
  type Mode,
  type Policy,
} from "@countersign/core";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Environment, VerifyRequest } from "../run.ts";
import { fileAt } from "../project/git.ts";
import { withinRepository } from "../project/repository.ts";
import { policyPath, readPolicySources, type PolicySources } from "./layers.ts";

/** A policy that is there and cannot be read may have said strict, so a slip in it does not open the gate. */
export function withMode(
  policy: Policy,
  { mode, modeFrom }: Pick<VerifyRequest, "mode" | "modeFrom">,
  unread: readonly Finding[],
): Policy {
  const asked = mode === null ? policy : tightenMode(policy, mode, modeFrom);
  return unread.length === 0 ? asked : tightenMode(asked, "strict", "an unread policy");
}

export type GoverningPolicy = PolicySources & {
  /** Absolute path of the directory with `.countersign`. */
  home: string;
  /** All layers merged, whatever mode was asked for; null where there is no policy at all. */
  stated: Policy | null;
};

/** The policy that holds for a project, from every layer that there is. */
export async function readGoverningPolicy(
  project: string,
  { base, managedPolicy }: Pick<VerifyRequest, "base" | "managedPolicy">,
  { now, platform }: Pick<Environment, "now" | "platform">,
): Promise<GoverningPolicy> {
  const home = await governingDirectory(project, base);
  const { sources, findings } = await readPolicySources({
    directory: home,
    managed: managedPolicy,
    base,
    platform,
  });
  const layers = sources.map(({ layer }) => layer);
  return { home, sources, findings, stated: layers.length === 0 ? null : mergePolicy(layers, now) };
}

/** The mode that holds for a request, by its policy alone: no lockfile is read and nothing is asked. */
export async function modeOf(
  request: Pick<
    VerifyRequest,
    "directory" | "policyDirectory" | "managedPolicy" | "base" | "mode" | "modeFrom"
  >,
  environment: Pick<Environment, "now" | "platform">,
): Promise<Mode> {
  const project = request.policyDirectory ?? request.directory;
  const { stated, findings } = await readGoverningPolicy(project, request, environment);
  return withMode(stated ?? builtInPolicy([]), request, findings).mode;
}

/**
 * The directory whose policy holds for a project: the nearest one at or above it where the trusted base has a policy,
 * so that a change cannot put another one before or around it; else the nearest with a policy now.
 * @param project absolute path
 */
export async function governingDirectory(project: string, base: string | null): Promise<string> {
  if (base !== null) {
    for (const directory of withinRepository(project)) {
      const found = await fileAt(directory, base, policyPath);
      if (found.ok && found.bytes !== null) return directory;
    }
  }
  return policyHome(project);
}

/**
 * The nearest directory at or above `start` with a policy, not above its repository; `start` where there is none.
 * @param start absolute path
 */
export function policyHome(start: string): string {
  return (
    withinRepository(start).find((directory) => existsSync(join(directory, policyPath))) ?? resolve(start)
  );
}
