import { join } from "node:path";
import process from "node:process";
import {
  commandOf,
  dependenciesOf,
  findTool,
  installedCommand,
  policyHome,
  withCommands,
  type Throwaway,
  type WrapperHost,
} from "@countersign/gate";
import { noScripts, overrides, type Request } from "./plan.ts";
import { lockfile, throwawayFiles, type Project } from "./project.ts";

/** What was asked for without a lockfile, as a project that has one. */
export function throwawayOf(
  host: WrapperHost,
  project: Project,
  request: Request,
  user: readonly string[],
): Throwaway {
  const { specifiers, builds, run } = request;
  const files = throwawayFiles(project, builds);
  const linked = run.kind === "global" ? ["global"] : [];
  return {
    manager: "pnpm",
    tool: "pnpm",
    key: [...specifiers, "builds", ...builds, ...linked, JSON.stringify(files)],
    files,
    lockfile,
    resolve: () => ({
      args: [
        "add",
        ...specifiers,
        "--lockfile-only",
        noScripts,
        "--ignore-workspace-root-check",
        ...overrides,
      ],
    }),
    install: () => ({ args: ["install", "--frozen-lockfile", ...overrides] }),
    execute: (kept) => execution(host, kept, run),
    user: { args: user },
  };
}

type Execution = Awaited<ReturnType<Throwaway["execute"]>>;

async function execution(host: WrapperHost, kept: string, run: Request["run"]): Promise<Execution> {
  const { variables, platform } = host.environment;
  const names = dependenciesOf(kept);
  if (run.kind === "global") {
    // Linked, not fetched again: the global command is the files that were verified.
    const command = await findTool("pnpm", { variables, platform, project: policyHome(host.directory) });
    const args = ["add", "--global", ...names.map((name) => join(kept, "node_modules", name))];
    return command === null ? null : { command, run: { args } };
  }
  const withPath = withCommands(host, kept);
  if (run.kind === "shell") {
    const [command, ...flags] =
      platform === "win32" ? [process.env["ComSpec"] ?? "cmd.exe", "/d", "/s", "/c"] : ["/bin/sh", "-c"];
    return { command: command as string, run: { args: [...flags, run.line], variables: withPath } };
  }
  const [only] = names;
  const name = run.command ?? (only === undefined ? null : commandOf(join(kept, "node_modules", only)));
  const command = name === null ? null : installedCommand(host, kept, name);
  return command === null ? null : { command, run: { args: run.args, variables: withPath } };
}
