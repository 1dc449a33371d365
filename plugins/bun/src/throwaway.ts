import { join } from "node:path";
import {
  declaredCommands,
  findTool,
  installedCommand,
  policyHome,
  withCommands,
  type Throwaway,
  type WrapperHost,
} from "@countersign/gate";
import type { Request } from "./plan.ts";
import { lockfile, projectOf, strictVariables, throwawayFiles } from "./project.ts";

/** What was asked for without a lockfile, as a project that has one. */
export function throwawayOf(host: WrapperHost, request: Request, user: readonly string[]): Throwaway {
  const { name, range } = request;
  const manifest = { name: "countersign-throwaway", private: true, dependencies: { [name]: range } };
  const files = {
    ...throwawayFiles(projectOf(host.directory).root),
    "package.json": `${JSON.stringify(manifest, null, 2)}\n`,
  };
  const variables = strictVariables(host, host.directory);
  return {
    manager: "bun",
    tool: "bun",
    key: [name, range, JSON.stringify(files)],
    files,
    lockfile,
    resolve: () => ({ args: ["install", "--lockfile-only", "--ignore-scripts", "--no-env-file"], variables }),
    install: () => ({ args: ["install", "--frozen-lockfile", "--force", "--no-env-file"], variables }),
    execute: (kept) => execution(host, kept, request),
    user: { args: user },
  };
}

async function execution(
  host: WrapperHost,
  kept: string,
  { name, command: asked, args, withBun }: Request,
): ReturnType<Throwaway["execute"]> {
  const { variables, platform } = host.environment;
  const command = asked ?? commandOf(join(kept, "node_modules", name));
  const file = command === null ? null : installedCommand(host, kept, command, "exe");
  if (file === null) return null;
  const added = withCommands(host, kept);
  if (!withBun) return { command: file, run: { args, variables: added } };
  const bun = await findTool("bun", { variables, platform, project: policyHome(host.directory) });
  return bun === null
    ? null
    : { command: bun, run: { args: ["--bun", "--no-install", "run", file, ...args], variables: added } };
}

/** The command of a package: the one of its own name, else its first. */
function commandOf(directory: string): string | null {
  const declared = declaredCommands(directory);
  if (declared === null) return null;
  return declared.names.includes(declared.own) ? declared.own : (declared.names[0] ?? null);
}
