import {
  builtInPolicy,
  mergePolicy,
  tightenMode,
  type Finding,
  type Mode,
  type Policy,
} from "@countersign/core";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Environment, VerifyRequest } from "../run.ts";
import { fileAt } from "../project/git.ts";
import { policyPath, readPolicySources } from "./layers.ts";

/** A policy that is there and cannot be read may have said strict, so a slip in it does not open the gate. */
export function withMode(
  policy: Policy,
  { mode, modeFrom }: Pick<VerifyRequest, "mode" | "modeFrom">,
  unread: readonly Finding[],
): Policy {
  const asked = mode === null ? policy : tightenMode(policy, mode, modeFrom);
  return unread.length === 0 ? asked : tightenMode(asked, "strict", "an unread policy");
}

/** The mode that holds for a request, by its policy alone: no lockfile is read and nothing is asked. */
export async function modeOf(
  request: Pick<
    VerifyRequest,
    "directory" | "policyDirectory" | "managedPolicy" | "base" | "mode" | "modeFrom"
  >,
  { now, platform }: Pick<Environment, "now" | "platform">,
): Promise<Mode> {
  const { sources, findings } = await readPolicySources({
    directory: await governingDirectory(request.policyDirectory ?? request.directory, request.base),
    managed: request.managedPolicy,
    base: request.base,
    platform,
  });
  const policy =
    sources.length === 0
      ? builtInPolicy([])
      : mergePolicy(
          sources.map(({ layer }) => layer),
          now,
        );
  return withMode(policy, request, findings).mode;
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

/** A directory and those above it, up to its repository; the directory alone where there is none. */
function withinRepository(start: string): string[] {
  const directories: string[] = [];
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    directories.push(directory);
    if (existsSync(join(directory, ".git"))) return directories;
    if (dirname(directory) === directory) return [resolve(start)];
  }
}
