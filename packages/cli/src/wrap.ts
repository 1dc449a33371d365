import { performance } from "node:perf_hooks";
import { Command } from "commander";
import { headline, renderIntroduced, visible } from "@countersign/core";
import {
  captureTool,
  findTool,
  modeOf,
  policyHome,
  runTool,
  verifyProject,
  type ToolCommand,
  type ToolRun,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { CommandError } from "./command-error.ts";
import { environmentOf } from "./environment.ts";
import type { Host } from "./host.ts";
import { mistakesOf, renderMistakes } from "./mistakes.ts";
import { layoutOf, renderReport } from "./render.ts";
import { requestOf } from "./request.ts";
import type { WrappedCommand } from "./wrapped-command.ts";
import { mode, npmKeys, ref, trustedRoots, trustRoot, withPolicy, type ProjectOptions } from "./options.ts";

type Wrappers = () => Promise<Readonly<Record<string, Wrapper>>>;

const npm: Wrappers = async () => (await import("@countersign/npm/wrapper")).wrappers;
const pnpm: Wrappers = async () => (await import("pnpm-plugin-countersign/wrapper")).wrappers;
const yarn: Wrappers = async () => (await import("yarn-plugin-countersign/wrapper")).wrappers;
const bun: Wrappers = async () => (await import("@countersign/bun/wrapper")).wrappers;
const deno: Wrappers = async () => (await import("@countersign/deno/wrapper")).wrappers;
const uv: Wrappers = async () => (await import("@countersign/uv/wrapper")).wrappers;

/** What stands behind `countersign npm`, loaded when it is used. */
const wrapped: ReadonlyMap<string, Wrappers> = new Map([
  ["npm", npm],
  ["npx", npm],
  ["pnpm", pnpm],
  ["pnx", pnpm],
  ["yarn", yarn],
  ["bun", bun],
  ["bunx", bun],
  ["deno", deno],
  ["uv", uv],
  ["uvx", uv],
]);

export type WrapOptions = ProjectOptions & { verbose?: boolean };

/** Runs a package manager's command line behind the gate. */
export async function wrap(host: Host, { options, name, args }: WrappedCommand): Promise<number> {
  const wrapper = await loadWrapper(name);
  return wrapper(wrapperHost(host, optionsOf(options), args));
}

/** What stands behind `countersign NAME`. */
export async function loadWrapper(name: string): Promise<Wrapper> {
  const load = wrapped.get(name);
  const wrapper = load === undefined ? undefined : (await load())[name];
  if (wrapper === undefined)
    throw new CommandError(`${name} is not gated in this version`, "use another manager");
  return wrapper;
}

function optionsOf(args: readonly string[]): WrapOptions {
  const command = withPolicy(new Command("countersign"))
    .exitOverride()
    .addOption(mode())
    .addOption(trustedRoots())
    .addOption(npmKeys())
    .addOption(trustRoot())
    .addOption(ref())
    .option("--offline")
    .option("--verbose")
    .option("--debug");
  return {
    lockfile: [],
    ...command.parse([...args], { from: "user" }).opts<Omit<WrapOptions, "lockfile">>(),
  };
}

/** @param args the manager's, after its name */
export function wrapperHost(host: Host, options: WrapOptions, args: readonly string[]): WrapperHost {
  const environment = environmentOf(host);
  const base = { ...requestOf(host, options), platform: "current", enforcement: "wrapper" } as const;
  const verbose = options.verbose ?? false;
  const say = (text: string): void => {
    for (const line of text.split("\n")) host.terminal.err(`countersign: ${visible(line)}\n`);
  };
  const commandOf = async (tool: string, run: ToolRun): Promise<ToolCommand> => {
    const project = policyHome(host.directory);
    const search = { variables: host.variables, platform: host.platform, project };
    const command = await findTool(tool, search);
    if (command === null) {
      throw new CommandError(
        `${tool} is not on PATH outside the project`,
        `install ${tool}, or correct PATH`,
      );
    }
    return {
      command,
      args: run.args,
      directory: run.directory ?? host.directory,
      variables: { ...host.variables, ...run.variables },
    };
  };
  return {
    args,
    directory: host.directory,
    environment,
    verify: async (request) => {
      const started = performance.now();
      const verification = await verifyProject({ ...base, ...request }, environment);
      if (verbose) say(`added ${Math.round(performance.now() - started)} ms for verification`);
      return verification;
    },
    show: (verification) => {
      const mistakes = mistakesOf(verification);
      const { report } = verification;
      const { outcome, strict } = report.decision;
      if (mistakes.length > 0) host.terminal.err(renderMistakes(mistakes));
      else if (outcome === "allow" && strict === "allow" && !verbose) say(headline(report).text);
      else host.terminal.err(renderReport(report, "human", layoutOf(host, "err", verbose)));
    },
    introduce: (before, after) => {
      const known = new Set(before.lockfiles.flatMap(({ set }) => set.packages.map(({ purl }) => purl)));
      host.terminal.err(
        renderIntroduced(known, after.report, environment.now, layoutOf(host, "err", verbose)),
      );
    },
    mode: (directory = host.directory) => modeOf({ ...base, policyDirectory: directory }, environment),
    say,
    refuse: ({ code, why, fix }) => {
      host.terminal.err(renderMistakes([{ code, why, fix, at: null }]));
    },
    run: async (tool, run) => {
      const command = await commandOf(tool, run);
      host.terminal.progress(null);
      return runTool(command);
    },
    capture: async (tool, run) => {
      const command = await commandOf(tool, run);
      host.terminal.progress(`resolving with ${tool}`);
      const started = performance.now();
      const captured = await captureTool(command, host.signal);
      host.terminal.progress(null);
      if (verbose) say(`added ${Math.round(performance.now() - started)} ms for resolution`);
      return captured;
    },
  };
}
