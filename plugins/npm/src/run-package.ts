import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "@countersign/core";
import {
  carriedNpmrc,
  findTool,
  installedCommand,
  policyHome,
  runThrowaway,
  upwards,
  withCommands,
  type Throwaway,
  type ToolRun,
  type WrapperHost,
} from "@countersign/gate";
import { frozenOptions, type Plan } from "./command-line.ts";
import type { Option } from "./options.ts";
import { projectOf } from "./project.ts";
import { frozenArguments, resolutionRun } from "./resolution.ts";
import { nameOf, rangeOf } from "./specifier.ts";

type Running = Extract<Plan, { kind: "run" }>;
type Global = Extract<Plan, { kind: "global" }>;

/** `npm exec` and `npx`: what an install left is run as it is, anything else is locked and verified first. */
export async function runPackage(host: WrapperHost, tool: string, made: Running): Promise<number> {
  const user: ToolRun = { args: host.args };
  const [named = "", ...rest] = made.args;
  const name = nameOf(named) ?? named;
  const bare = made.packages.length === 0 && name === named;
  if (bare && isInstalled(host, named)) return host.run(tool, user);
  const packages = made.packages.length === 0 ? [named] : made.packages;
  const asked = { ...host, run: (_: string, run: ToolRun) => host.run(tool, run) };
  return runThrowaway(asked, {
    ...(await throwawayOf(host, packages, made.options)),
    user,
    execute: async (project) => {
      const variables = withCommands(host, project);
      if (made.call !== null) return shellRun(host, made.call, variables);
      const bin = made.packages.length === 0 ? await binOf(project, name) : named;
      const command = bin === null ? null : installedCommand(host, project, bin);
      return command === null ? null : { command, run: { args: rest, variables } };
    },
  });
}

/**
 * Global installs: the verified project stays where it was installed, and npm links the packages from there. npm would
 * resolve anew whatever it were given by name.
 */
export async function installGlobally(host: WrapperHost, made: Global): Promise<number> {
  const npm = await findTool("npm", { ...host.environment, project: policyHome(host.directory) });
  const prefix = made.prefix === null ? [] : [`--prefix=${made.prefix}`];
  return runThrowaway(host, {
    ...(await throwawayOf(host, made.packages, made.options)),
    user: { args: host.args },
    execute: (project) => {
      const folders = made.packages.map((each) => join(project, "node_modules", nameOf(each) ?? each));
      const fixed = [
        "--global",
        "--no-install-links",
        "--ignore-scripts",
        "--offline",
        "--no-audit",
        "--no-fund",
      ];
      const args = ["install", ...prefix, ...fixed, "--", ...folders];
      return Promise.resolve(npm === null ? null : { command: npm, run: { args } });
    },
  });
}

/** The project of packages that no lockfile names: settled by what was asked for, and by the settings it was asked with. */
async function throwawayOf(
  host: WrapperHost,
  packages: readonly string[],
  options: readonly Option[],
): Promise<Omit<Throwaway, "execute" | "user">> {
  const npmrc = carriedNpmrc(await projectOf(host, null, []));
  const shared = frozenOptions(options).filter(({ name }) => !["package", "call", "yes"].includes(name));
  const dependencies = Object.fromEntries(packages.map((each) => [nameOf(each) ?? each, rangeOf(each)]));
  const { platform, cpu, variables } = host.environment;
  const settings = Object.entries(variables).filter(([name]) =>
    /^npm_config_(?:.*registry|before)$/i.test(name),
  );
  return {
    manager: "npm",
    tool: "npm",
    key: [JSON.stringify([dependencies, shared, npmrc, platform, cpu, process.versions.modules, settings])],
    files: {
      "package.json": `${JSON.stringify({ private: true, dependencies }, null, 2)}\n`,
      ...npmrc,
    },
    lockfile: "package-lock.json",
    resolve: () => resolutionRun(host.environment, "install", [], shared),
    install: () => ({
      args: ["ci", "--no-audit", "--no-fund", ...frozenArguments(host.environment, shared)],
    }),
  };
}

/** Whether the project has a command of that name: npm runs it then and asks no registry. */
const isInstalled = (host: WrapperHost, command: string): boolean =>
  upwards(host.directory).some((each) => installedCommand(host, each, command) !== null);

/** The command that a package is run by: its only one, else the one of its own name. */
async function binOf(project: string, name: string): Promise<string | null> {
  const text = await readFile(join(project, "node_modules", name, "package.json"), "utf8").catch(
    () => "null",
  );
  const parsed = parseJson(text, 200);
  const manifest = (parsed.ok ? parsed.value : null) as { bin?: unknown; name?: unknown } | null;
  const own = (typeof manifest?.name === "string" ? manifest.name : name).replace(/^@[^/]*\//, "");
  const bin = manifest?.bin;
  if (typeof bin === "string") return own;
  if (typeof bin !== "object" || bin === null) return null;
  const commands = Object.entries(bin).filter(([each]) => !/[\\/]|^\.+$/.test(each));
  if (new Set(commands.map(([, file]) => file)).size === 1) return commands[0]?.[0] ?? null;
  return commands.some(([each]) => each === own) ? own : null;
}

/** `--call`: a line of the shell, with the commands of the packages in front on `PATH`. */
function shellRun(
  { environment }: WrapperHost,
  line: string,
  variables: NonNullable<ToolRun["variables"]>,
): { command: string; run: ToolRun } {
  const windows = environment.platform === "win32";
  const command = windows ? (environment.variables["ComSpec"] ?? "cmd.exe") : "/bin/sh";
  return { command, run: { args: windows ? ["/d", "/s", "/c", line] : ["-c", line], variables } };
}
