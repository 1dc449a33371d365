import type { Environment, ToolRun } from "@countersign/gate";
import { argumentOf, optionOf, type Option } from "./options.ts";

/**
 * Keeps npm's process from starting any program but git. To learn what a dependency at a git host asks for, npm 10 and
 * 11 pack it, and run its `prepare` script for that, with `--ignore-scripts` too.
 */
const noPrograms = `data:text/javascript,${encodeURIComponent(`import children from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]) {
  const start = children[name];
  children[name] = (command, ...rest) => {
    if (/^(?:.*[\\\\/])?git(?:\\.exe)?$/i.test(command)) return start(command, ...rest);
    throw new Error("countersign: nothing is run before it is verified: " + command);
  };
}
syncBuiltinESMExports();`)}`;

/** Options that say what to do with the outcome, which is ours to say while a lockfile is resolved. */
const ours = new Set([
  "prefix",
  "global",
  "location",
  "package-lock-only",
  "ignore-scripts",
  "loglevel",
  "json",
]);

/** npm changing a lockfile and nothing else: no tarball of a registry is fetched, nothing is unpacked or run. */
export function resolutionRun(
  environment: Environment,
  command: string,
  args: readonly string[],
  options: readonly Option[],
): ToolRun {
  const kept = options.filter(({ name }) => !ours.has(name)).map(argumentOf);
  const fixed = ["--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const inherited = environment.variables["NODE_OPTIONS"] ?? "";
  return {
    args: [command, ...fixed, ...project, ...kept, "--", ...args],
    variables: {
      npm_config_ignore_scripts: "true",
      NODE_OPTIONS: `${inherited} --import=${noPrograms}`.trimStart(),
    },
  };
}

/** A project's own settings could turn an install into one of everything, or of another machine's packages. */
const project = ["--no-global", "--location=project"];

/**
 * Options of a frozen install besides the user's: what was verified is what this machine installs, and a tarball with
 * a wrong digest is not asked for again for two minutes.
 */
export function frozenArguments({ platform, cpu }: Environment, options: readonly Option[]): string[] {
  const defaults: Option[] = [
    { name: "force", value: false },
    { name: "os", value: platform },
    { name: "cpu", value: cpu },
    { name: "fetch-retry-mintimeout", value: "100" },
    { name: "fetch-retry-maxtimeout", value: "1000" },
  ];
  const missing = defaults.filter(({ name }) => optionOf({ options }, name) === undefined);
  return [...project, ...[...missing, ...options].map(argumentOf)];
}
