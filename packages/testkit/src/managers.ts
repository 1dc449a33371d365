import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The real package managers that `e2e/managers` pins. */
export const realManagers = [
  "npm-10",
  "npm-11",
  "npm-12",
  "pnpm-10",
  "pnpm-11",
  "pnpm-12",
  "yarn-4",
  "bun-1",
  "deno-2",
  "uv-0",
] as const;
export type RealManager = (typeof realManagers)[number];

const installed = resolve(import.meta.dirname, "../../../e2e/managers/node_modules");

type Program = { name: string; file: string; script: boolean };

/** Executables of each manager: a script runs with a Node.js, the rest is a program of its own. */
const programs: Readonly<Record<RealManager, readonly Program[]>> = {
  "npm-10": npm("npm-10"),
  "npm-11": npm("npm-11"),
  "npm-12": npm("npm-12"),
  "pnpm-10": [
    { name: "pnpm", file: "pnpm-10/bin/pnpm.cjs", script: true },
    { name: "pnpx", file: "pnpm-10/bin/pnpx.cjs", script: true },
  ],
  "pnpm-11": [
    { name: "pnpm", file: "pnpm-11/bin/pnpm.mjs", script: true },
    { name: "pnpx", file: "pnpm-11/bin/pnpx.mjs", script: true },
  ],
  "pnpm-12": ["pnpm", "pnx", "pnpx"].map((name) => ({ name, file: `pnpm-12/${name}`, script: false })),
  "yarn-4": [{ name: "yarn", file: "@yarnpkg/cli-dist/bin/yarn.js", script: true }],
  "bun-1": [
    { name: "bun", file: "bun/bin/bun.exe", script: false },
    { name: "bunx", file: "bun/bin/bunx.exe", script: false },
  ],
  "deno-2": [{ name: "deno", file: "deno/deno", script: false }],
  "uv-0": [
    { name: "uv", file: ".uv/bin/uv", script: false },
    { name: "uvx", file: ".uv/bin/uvx", script: false },
  ],
};

function npm(folder: string): Program[] {
  return [
    { name: "npm", file: `${folder}/bin/npm-cli.js`, script: true },
    { name: "npx", file: `${folder}/bin/npx-cli.js`, script: true },
  ];
}

/** Absolute path of one of a manager's programs; null where it has none of that name. */
export function programOf(manager: RealManager, name: string): string | null {
  const program = programs[manager].find((each) => each.name === name);
  return program === undefined ? null : join(installed, program.file);
}

/** Whether a manager is installed; where it is not, its tests are skipped and say so. */
export const hasManager = (manager: RealManager): boolean =>
  programs[manager].every(({ file }) => existsSync(join(installed, file)));

/**
 * Makes a directory whose `PATH` entry gives a manager's executables by their usual names, beside `node`.
 * @param directory absolute; made where it is missing
 * @param node the Node.js that its scripts run with
 */
export function linkManager(
  manager: RealManager,
  directory: string,
  node: string = process.execPath,
): string {
  mkdirSync(directory, { recursive: true });
  if (!existsSync(join(directory, "node"))) symlinkSync(node, join(directory, "node"));
  for (const { name, file, script } of programs[manager]) {
    const target = join(installed, file);
    if (!script) {
      symlinkSync(target, join(directory, name));
      continue;
    }
    writeFileSync(join(directory, name), `#!/bin/sh\nexec "${node}" "${target}" "$@"\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}
