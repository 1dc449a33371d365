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
import { trustDirectory } from "../seal/trust-directory.ts";
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
  environment: Pick<Environment, "now" | "platform" | "home" | "variables">,
): Promise<GoverningPolicy> {
  const governing = await governingDirectory(project, base);
  const home = governing ?? (await trustDirectory(project, base, environment));
  return { home, ...(await readLayers(home, { base, managedPolicy }, environment)) };
}

async function readLayers(
  directory: string,
  { base, managedPolicy }: Pick<VerifyRequest, "base" | "managedPolicy">,
  { now, platform }: Pick<Environment, "now" | "platform">,
): Promise<Omit<GoverningPolicy, "home">> {
  const search = { directory, managed: managedPolicy, base, platform };
  const { sources, findings } = await readPolicySources(search);
  const layers = sources.map(({ layer }) => layer);
  return { sources, findings, stated: layers.length === 0 ? null : mergePolicy(layers, now) };
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
  const directory = (await governingDirectory(project, request.base)) ?? project;
  const { stated, findings } = await readLayers(directory, request, environment);
  return withMode(stated ?? builtInPolicy([]), request, findings).mode;
}

/**
 * The directory whose policy holds for a project: the nearest one at or above it where the trusted base has a policy,
 * so that a change cannot put another one before or around it; else the nearest with a policy now; else null.
 * @param project absolute path
 */
async function governingDirectory(project: string, base: string | null): Promise<string | null> {
  if (base !== null) {
    for (const directory of withinRepository(project)) {
      const found = await fileAt(directory, base, policyPath);
      if (found.ok && found.bytes !== null) return directory;
    }
  }
  return nearestPolicy(project);
}

/**
 * The nearest directory at or above `start` with a policy, not above its repository; `start` where there is none.
 * @param start absolute path
 */
export const policyHome = (start: string): string => nearestPolicy(start) ?? resolve(start);

/** The same, null where there is none. */
export const nearestPolicy = (start: string): string | null =>
  withinRepository(start).find((directory) => existsSync(join(directory, policyPath))) ?? null;
