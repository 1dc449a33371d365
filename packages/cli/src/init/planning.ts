import type { FilePlan } from "./file-change.ts";

/** The files that a manager's part of `init` is given, and where it says what it could not do. */
export type Planning = {
  plan: FilePlan;
  /** Absolute path of the project. */
  directory: string;
  /** The bundled hook of that name, as this version brings it. */
  hook(name: HookFile): Promise<Buffer>;
  /** Puts a hook there and records its digest, or takes both away. */
  vendor(path: string, hook: Buffer | null): Promise<void>;
  version: string;
  /** Whether the project's policy is in mode `strict`. */
  strict: boolean;
  /** Sentences for the person: what was left as it is, and what to write by hand. */
  notes: string[];
  /** What has to be written by hand: nothing is written then, and the run ends 2. */
  unwritten: string[];
};

export type HookFile = "npm.mjs" | "pnpm.cjs" | "yarn-plugin-countersign.cjs" | "bun.mjs";

/** How one manager's hook is put in place and taken back. */
export type HookInit = {
  install(planning: Planning): Promise<void>;
  remove(planning: Planning): Promise<void>;
};
