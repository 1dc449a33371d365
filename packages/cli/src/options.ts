import { InvalidArgumentError, Option, type Command } from "commander";
import { laterFormats } from "./later.ts";

export type Format = "human" | "json" | "markdown";
export const formats: readonly Format[] = ["human", "json", "markdown"];

/** Options that every command takes which looks at a project. Paths are relative to the working directory. */
export type ProjectOptions = {
  lockfile: readonly string[];
  mode?: "warn" | "strict" | "disabled";
  offline?: boolean;
  base?: string;
  platform?: "current" | "all";
  managedPolicy?: string;
  trustedRoot: readonly string[];
  npmKeys: readonly string[];
  trustRoot?: string;
  ref?: string;
};

const collect = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

/** An option that may be given several times; [] without it. */
export const repeated = (flags: string, description: string): Option =>
  new Option(flags, description).default([], "none").argParser(collect);

export const lockfiles = (): Option =>
  repeated("--lockfile <path>", "verify this lockfile (repeatable); else all that are found");
export const trustedRoots = (): Option =>
  repeated(
    "--trusted-root <file>",
    "Sigstore trusted_root.json to use instead of the usual one (repeatable: united)",
  );
export const npmKeys = (): Option =>
  repeated("--npm-keys <file>", "keys.json of npm registries (repeatable)");
export const trustRoot = (): Option =>
  new Option("--trust-root <file>", "root of the trust store of seal signers to start from");
export const ref = (): Option =>
  new Option("--ref <ref>", "full name of the branch or tag that seals must be for");
export const jsonFlag = (): Option => new Option("--json", "print JSON");

/** Adds what says where the project is, which policy holds and what is trusted. */
export function withProject(command: Command): Command {
  return withPolicy(command.addOption(lockfiles()))
    .addOption(new Option("--offline", "ask no server: use the evidence store only"))
    .addOption(trustedRoots())
    .addOption(npmKeys())
    .addOption(trustRoot())
    .addOption(ref());
}

/** Adds what says which policy layers there are besides the project's own. */
export function withPolicy(command: Command): Command {
  return command
    .addOption(new Option("--base <rev>", "trusted commit, for its policy and its lockfile"))
    .addOption(
      new Option(
        "--managed-policy <file>",
        "policy of highest authority, instead of the system's place for it",
      ),
    );
}

export const mode = (): Option =>
  new Option("--mode <mode>", "tighten the policy's mode").choices(["disabled", "warn", "strict"]);

/** `--format`, which refuses by name what comes later. */
export const format = (): Option =>
  new Option("--format <format>", `one of ${formats.join(", ")}`).argParser((value: string): Format => {
    const known = formats.find((each) => each === value);
    if (known !== undefined) return known;
    if (laterFormats.includes(value))
      throw new InvalidArgumentError(`${value} comes later; use json or markdown.`);
    throw new InvalidArgumentError(`Allowed choices are ${formats.join(", ")}.`);
  });
