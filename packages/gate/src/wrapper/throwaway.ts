import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runTool } from "../tool/run-tool.ts";
import { mayRun, nothingToApprove, waitsForApproval } from "./may-run.ts";
import type { Throwaway, WrapperHost } from "./wrapper.ts";

const marker = ".installed";

/**
 * Makes a locked project of a command that has none, decides on it by the policy of where the user stands, installs
 * it frozen, and runs what was asked for from there. The project is kept by what was asked for: the second time
 * nothing is resolved or fetched, and the decision is made again.
 */
export async function runThrowaway(host: WrapperHost, throwaway: Throwaway): Promise<number> {
  const { tool, user } = throwaway;
  const mode = await host.mode();
  if (mode === "disabled") return host.run(tool, user);
  const parent = join(host.environment.cacheDirectory, "throwaway");
  const project = join(parent, digestOf([throwaway.manager, ...throwaway.key]));
  const fresh = !existsSync(join(project, throwaway.lockfile));
  const directory = fresh ? await prepare(parent, throwaway) : project;
  try {
    if (fresh) {
      const resolution = throwaway.resolve(directory);
      const resolved = await host.capture(tool, {
        ...resolution,
        directory: resolution.directory ?? directory,
      });
      if (resolved.exitCode !== 0) {
        if (mode !== "strict") return await host.run(tool, user);
        host.say(resolved.stderr.trim() === "" ? resolved.stdout : resolved.stderr);
        return resolved.exitCode;
      }
    }
    const verification = await host.verify({
      directory,
      policyDirectory: host.directory,
      lockfiles: [throwaway.lockfile],
    });
    if (!mayRun(verification) && waitsForApproval(verification)) {
      host.refuse(nothingToApprove);
      return verification.exitCode;
    }
    host.show(verification);
    if (!mayRun(verification)) return verification.exitCode;
    if (mode === "warn") return await host.run(tool, user);
    const kept = fresh ? await keep(directory, project) : project;
    // Another process was faster: its lockfile is the one, and nobody has decided on it here.
    if (kept === null) return await runThrowaway(host, throwaway);
    if (!existsSync(join(kept, marker))) {
      const installation = throwaway.install(kept);
      const installed = await host.capture(tool, {
        ...installation,
        directory: installation.directory ?? kept,
      });
      if (installed.exitCode !== 0) {
        host.say(installed.stderr.trim() === "" ? installed.stdout : installed.stderr);
        return installed.exitCode;
      }
      await writeFile(join(kept, marker), "");
    }
    const execution = await throwaway.execute(kept);
    if (execution === null) {
      host.refuse({
        code: "command/not-found",
        why: "What was installed has no command of that name.",
        fix: "Name the package and the command: npx --package NAME COMMAND, uvx --from NAME COMMAND.",
      });
      return 1;
    }
    const { command, run } = execution;
    return await runTool({
      command,
      args: run.args,
      directory: run.directory ?? host.directory,
      variables: { ...host.environment.variables, ...run.variables },
    });
  } finally {
    if (fresh) await rm(directory, { recursive: true, force: true });
  }
}

async function prepare(parent: string, { files }: Throwaway): Promise<string> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(parent, "new-"));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text, { mode: 0o600 });
  }
  return directory;
}

/** @returns null where the project is there already */
async function keep(directory: string, project: string): Promise<string | null> {
  try {
    await rename(directory, project);
  } catch (error) {
    if (!existsSync(project)) throw error;
    return null;
  }
  return project;
}

const digestOf = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);
