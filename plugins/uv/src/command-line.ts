import { longName, optionOf, type OptionKind } from "./options.ts";

/** An option as it was given. `kind: null` is one that is not known here, nor whether it takes a value. */
export type Given = { name: string; kind: OptionKind | null; value: string | null; written: string };

/** A command line of uv's, taken apart as uv does. */
export type CommandLine = {
  /** `sync`, `pip install`; "" where there is none. */
  command: string;
  options: readonly Given[];
  /** What is neither command nor option; of `run` and `tool run` the command to run and everything after it. */
  rest: readonly string[];
};

const groups: ReadonlySet<string> = new Set(["pip", "tool", "python", "cache", "self", "auth", "workspace"]);
/** Their first word ends uv's own options. */
const runners: ReadonlySet<string> = new Set(["run", "tool run"]);

/**
 * Takes `uv ARGS` or `uvx ARGS` apart. Options may stand before and after the command, as `--name value`,
 * `--name=value`, `-pVALUE` or in a cluster (`-qv`).
 */
export function readCommandLine(tool: "uv" | "uvx", args: readonly string[]): CommandLine {
  let command = tool === "uvx" ? "tool run" : "";
  const options: Given[] = [];
  const rest: string[] = [];
  const queue = [...args];
  const take = (name: string, written: string, attached: string | null): void => {
    const option = optionOf(command, name);
    const value = option?.valued === true ? (attached ?? queue.shift() ?? null) : attached;
    options.push({ name, kind: option?.kind ?? null, value, written });
  };
  while (queue.length > 0) {
    const arg = queue.shift() as string;
    if (arg === "--") return { command, options, rest: [...rest, ...queue] };
    if (arg.startsWith("--")) {
      const equals = arg.indexOf("=");
      const written = equals === -1 ? arg : arg.slice(0, equals);
      take(written.slice(2), written, equals === -1 ? null : arg.slice(equals + 1));
    } else if (arg.startsWith("-") && arg !== "-") takeShort(command, arg, take);
    else if (command === "" || groups.has(command)) command = `${command} ${arg}`.trim();
    else if (runners.has(command)) return { command, options, rest: [arg, ...queue] };
    else rest.push(arg);
  }
  return { command, options, rest };
}

function takeShort(
  command: string,
  cluster: string,
  take: (name: string, written: string, attached: string | null) => void,
): void {
  for (let at = 1; at < cluster.length; at += 1) {
    const written = `-${cluster[at]}`;
    const name = longName(command, cluster[at] as string) ?? written;
    const tail = cluster.slice(at + 1).replace(/^=/, "");
    const valued = optionOf(command, name)?.valued === true;
    take(name, written, valued && tail !== "" ? tail : null);
    // What follows a letter that takes a value is the value.
    if (valued) return;
  }
}

export const isGiven = ({ options }: CommandLine, ...names: readonly string[]): boolean =>
  options.some(({ name }) => names.includes(name));

/** Values of a repeatable option, in order. */
export const valuesOf = ({ options }: CommandLine, name: string): string[] =>
  options.flatMap((option) => (option.name === name && option.value !== null ? [option.value] : []));

/** The options of some kinds or names, as arguments again. */
export const writeOptions = (options: readonly Given[]): string[] =>
  options.map(({ name, value }) => (value === null ? `--${name}` : `--${name}=${value}`));
