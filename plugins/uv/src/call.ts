import { resolve } from "node:path";
import type { Refusal, ToolRun, WrapperHost } from "@countersign/gate";
import { valuesOf, writeOptions, type CommandLine } from "./command-line.ts";
import { environmentOf, isPythonVersion, leftOut, strictVariables, type Step } from "./environment.ts";
import { Ledger } from "./ledger.ts";
import type { OptionKind } from "./options.ts";
import type { Plan } from "./plan.ts";
import { pinnedPython, type Project } from "./project.ts";

/** One command line of uv's on its way through a flow. */
export type Call = { host: WrapperHost; tool: "uv" | "uvx"; plan: Plan; ledger: Ledger };

export const openCall = (host: WrapperHost, tool: "uv" | "uvx", plan: Plan): Call => ({
  host,
  tool,
  plan,
  ledger: new Ledger(host.environment.cacheDirectory),
});

/** The user's own command, as typed. */
export const userRun = ({ host }: Call): ToolRun => ({ args: host.args });
export const runUnchanged = (call: Call): Promise<number> => call.host.run(call.tool, userRun(call));

/** Nothing is built from a source archive, whatever a configuration says: the hidden flag outranks `no-binary`. */
export const wheelsOnly: readonly string[] = ["--no-build", "--binary"];

/** Where uv would work: `--directory`, from where the user stands. */
export const workingDirectory = ({ host, plan }: Call): string =>
  resolve(host.directory, valuesOf(plan.line, "directory").at(-1) ?? ".");
/** Where uv would look for the project. */
export const projectStart = (call: Call): string =>
  resolve(workingDirectory(call), valuesOf(call.plan.line, "project").at(-1) ?? ".");

export function refuseAll({ host }: Call, refusals: readonly Refusal[]): number {
  for (const refusal of refusals) host.refuse(refusal);
  return 1;
}

/** The mode where uv would work. */
export const modeOf = (call: Call): ReturnType<WrapperHost["mode"]> => call.host.mode(workingDirectory(call));

/** One line on the variables that a strict run does not pass on. */
export function sayLeftOut({ host }: Call): void {
  const names = leftOut(host.environment.variables);
  if (names.length > 0) host.say(`strict mode leaves out ${names.join(", ")}`);
}

/** What a strict step changes in the environment. */
export const variablesFor = (
  { host }: Call,
  step: Step,
  project: string,
  environment: string | null,
): Record<string, string | undefined> => {
  const { variables, platform, cacheDirectory } = host.environment;
  return strictVariables({ variables, platform, cacheDirectory, project }, step, environment);
};

/** Options of some kinds, written out; `own` and `place` are said by the steps themselves. */
export const optionsOf = ({ options }: CommandLine, ...kinds: readonly OptionKind[]): string[] =>
  writeOptions(
    options.filter(({ kind, name }) => kind !== null && kinds.includes(kind) && name !== "python"),
  );
export const namedOptions = ({ options }: CommandLine, ...names: readonly string[]): string[] =>
  writeOptions(options.filter(({ name }) => names.includes(name)));
/** What every step takes of what the user typed. */
export const commonOptions = (line: CommandLine): string[] => optionsOf(line, "display", "network", "python");

export type PythonChoice = { args: readonly string[]; refusal: Refusal | null };

/**
 * The interpreter that was asked for: `--python`, `UV_PYTHON`, `.python-version`. A path is taken from the command line
 * alone.
 */
export async function choosePython({ host, plan }: Call, start: string): Promise<PythonChoice> {
  const typed = valuesOf(plan.line, "python").at(-1);
  if (typed !== undefined) return { args: ["--python", typed], refusal: null };
  const variable = host.environment.variables["UV_PYTHON"] ?? "";
  if (variable !== "") {
    if (isPythonVersion(variable)) return { args: ["--python", variable], refusal: null };
    return {
      args: [],
      refusal: {
        code: "settings/weakens",
        why: "UV_PYTHON names a program, which uv would run before anything is verified.",
        fix: "Set UV_PYTHON to a version, or give the program as --python.",
      },
    };
  }
  const { version, refusal } = await pinnedPython(start);
  return { args: version === null ? [] : ["--python", version], refusal };
}

export const projectEnvironment = ({ host }: Call, { root }: Project): string =>
  environmentOf(host.environment.variables, root);
