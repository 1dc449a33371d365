import type { RealManager } from "@countersign/testkit";
import type { Flow } from "../cell.ts";
import type { Scene } from "../scene.ts";

export type Family = "npm" | "pnpm" | "yarn" | "bun" | "deno" | "uv";
/** Executable and arguments. */
export type CommandLine = readonly [tool: string, ...args: string[]];

/** How a project of one manager is written and installed. */
export type Adapter = {
  manager: RealManager;
  family: Family;
  lockfile: string;
  /** Where installed packages lie, from the project. */
  installed: string;
  /** Files of the project besides the lockfile. */
  files(scene: Scene): Readonly<Record<string, string>>;
  /** Files of the user's home. */
  home?(scene: Scene): Readonly<Record<string, string>>;
  /** The manager's environment besides `HOME` and the like. */
  variables(scene: Scene): Readonly<Record<string, string>>;
  /** Writes the lockfile. */
  resolve: CommandLine;
  commands: Readonly<Record<Flow, CommandLine>>;
  /** What makes the manager ask no server. */
  offline: { args: Partial<Record<Flow, readonly string[]>>; variables: Readonly<Record<string, string>> };
  /** Loads leaf and prints who it is. */
  runs: CommandLine;
};

/** leaf and trunk are required directly; trunk requires twig. */
export const manifest: string = `${JSON.stringify(
  { name: "project", version: "1.0.0", private: true, dependencies: { leaf: "1.0.0", trunk: "1.0.0" } },
  null,
  2,
)}\n`;

export const requireLeaf = 'console.log(require("leaf"))';
