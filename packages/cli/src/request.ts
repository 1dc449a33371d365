import { resolve } from "node:path";
import { modes, type Mode } from "@countersign/core";
import { isCi, type VerifyRequest } from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import type { Host } from "./host.ts";
import type { ProjectOptions } from "./options.ts";

/** What a person asked gate's flow for, by flags and variables. */
export function requestOf(host: Host, options: ProjectOptions): VerifyRequest {
  return {
    directory: host.directory,
    policyDirectory: null,
    lockfiles: options.lockfile,
    ...modeOf(options.mode ?? null, modeVariable(host)),
    offline: options.offline ?? false,
    base: options.base ?? null,
    platform: options.platform ?? "all",
    managedPolicy:
      options.managedPolicy === undefined ? null : resolve(host.directory, options.managedPolicy),
    trustedRoots: options.trustedRoot,
    npmKeys: options.npmKeys,
    enforcement: isCi(host.variables) ? "ci" : "command",
    trustRoot: options.trustRoot === undefined ? null : resolve(host.directory, options.trustRoot),
    ref: options.ref ?? null,
  };
}

function modeVariable({ variables }: Host): Mode | null {
  const value = variables["COUNTERSIGN_MODE"] ?? "";
  if (value === "") return null;
  const known = modes.find((mode) => mode === value);
  if (known === undefined) {
    throw new CommandError(
      `COUNTERSIGN_MODE is ${JSON.stringify(value)}, which is no mode`,
      `set it to one of ${modes.join(", ")}, or unset it`,
    );
  }
  return known;
}

/** The stricter of the two, with what asked for it. */
function modeOf(flag: Mode | null, variable: Mode | null): Pick<VerifyRequest, "mode" | "modeFrom"> {
  const byVariable = variable !== null && (flag === null || modes.indexOf(variable) > modes.indexOf(flag));
  return byVariable ? { mode: variable, modeFrom: "COUNTERSIGN_MODE" } : { mode: flag, modeFrom: "--mode" };
}
