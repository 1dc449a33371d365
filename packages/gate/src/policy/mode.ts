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
    directory: request.policyDirectory ?? request.directory,
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
 * The nearest directory at or above `start` with a policy, not above its repository; `start` where there is none.
 * @param start absolute path
 */
export function policyHome(start: string): string {
  for (let directory = resolve(start); ; directory = dirname(directory)) {
    if (existsSync(join(directory, policyPath))) return directory;
    if (existsSync(join(directory, ".git")) || dirname(directory) === directory) return resolve(start);
  }
}
