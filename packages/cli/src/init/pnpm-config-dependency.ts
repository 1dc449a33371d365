import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { captureTool, findTool } from "@countersign/gate";
import type { Host } from "../host.ts";

const copied = ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", ".npmrc"];
const changeable = ["pnpm-workspace.yaml", "pnpm-lock.yaml"];
const patience = 30_000;
const plugin = "pnpm-plugin-countersign";

/**
 * Adds the plugin as a config dependency on a copy of the project, with the project's own pnpm and registry.
 * @param hook the plugin as this version brings it: what the registry has must be the same bytes
 * @returns the files that it changed; null where that does not work, and the plugin is vendored instead
 */
export async function addConfigDependency(
  host: Host,
  directory: string,
  hook: Buffer,
): Promise<ReadonlyMap<string, Buffer> | null> {
  const search = { variables: host.variables, platform: host.platform, project: directory };
  const pnpm = await findTool("pnpm", search);
  if (pnpm === null) return null;
  const copy = await mkdtemp(join(tmpdir(), "countersign-init-"));
  try {
    for (const name of copied) await copyFile(join(directory, name), join(copy, name)).catch(() => {});
    // Config dependencies of the project run in every pnpm command: with one there already, none is run for us.
    const settings = await readFile(join(copy, "pnpm-workspace.yaml"), "utf8").catch(() => "");
    if (/^["']?configDependencies/m.test(settings)) return null;
    const ran = await captureTool(
      {
        command: pnpm,
        args: ["add", "--config", `${plugin}@${host.version}`],
        directory: copy,
        variables: host.variables,
      },
      AbortSignal.any([host.signal, AbortSignal.timeout(patience)]),
    );
    if (ran.exitCode !== 0 || !(await isTheSame(copy, hook))) return null;
    const changed = new Map<string, Buffer>();
    for (const name of changeable) {
      const now = await readFile(join(copy, name)).catch(() => null);
      if (now !== null) changed.set(name, now);
    }
    return changed;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function isTheSame(copy: string, hook: Buffer): Promise<boolean> {
  const folder = join(copy, "node_modules", ".pnpm-config", plugin);
  const read = (path: string): Promise<Buffer | null> => readFile(join(folder, path)).catch(() => null);
  const [entry, bundle] = [await read("pnpmfile.cjs"), await read("dist/pnpmfile.cjs")];
  const code = entry?.toString("utf8").replaceAll(/^\/\/.*$|^"use strict";$|\s*\n/gm, "");
  return (
    code === 'module.exports = require("./dist/pnpmfile.cjs");' && bundle !== null && bundle.equals(hook)
  );
}
