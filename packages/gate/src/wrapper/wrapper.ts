import type { Code, Mode } from "@countersign/core";
import type { ManagerName } from "../manager/manager.ts";
import type { Environment, VerifyRequest } from "../run.ts";
import type { Captured } from "../tool/run-tool.ts";
import type { Verification } from "../verify-project.ts";

/** One call of a manager. */
export type ToolRun = {
  args: readonly string[];
  /** On top of the user's environment; undefined takes a variable away. */
  variables?: Readonly<Record<string, string | undefined>>;
  /** Absolute; by default where the user stands. */
  directory?: string;
};

/** What a wrapper is given: the user's command line, and the only doors to verification, terminal and manager. */
export type WrapperHost = {
  /** After the manager's name, as typed. */
  args: readonly string[];
  /** Where the user stands, absolute. */
  directory: string;
  environment: Environment;
  verify(request: Partial<VerifyRequest>): Promise<Verification>;
  /** The report on stderr: in full where something blocks or would block, else one line. */
  show(verification: Verification): void;
  /** What a change brings in: who published and built it, how old it is and what evidence it has. */
  introduce(before: Verification, after: Verification): void;
  /** The mode of the policy of a directory, by default of where the user stands; reads the policy and nothing else. */
  mode(directory?: string): Promise<Mode>;
  /** One line on stderr, `countersign: …`; the text may hold anything. */
  say(text: string): void;
  /** A finding of the wrapper's own: what stopped the command, and what to do. */
  refuse(refusal: Refusal): void;
  /** Runs an executable of the manager on the user's own streams. */
  run(tool: string, run: ToolRun): Promise<number>;
  /** Runs one whose output is ours; resolution steps, which run and unpack nothing of a dependency. */
  capture(tool: string, run: ToolRun): Promise<Captured>;
};

export type Refusal = { code: Code; why: string; fix: string };

/** @returns the exit code of the command line */
export type Wrapper = (host: WrapperHost) => Promise<number>;

/** Installs what a lockfile names, as it stands. */
export type FrozenInstall = {
  manager: ManagerName;
  /** The executable: `npm`, `uvx`. */
  tool: string;
  /** Absolute path of the project. */
  directory: string;
  /** The lockfile's path from there; null leaves finding it to discovery. */
  lockfile: string | null;
  /** What the user typed, for `warn`. */
  user: ToolRun;
  /**
   * The frozen form with the manager's own integrity checks on, for `strict`; or the steps that make it up, which end
   * with an exit code.
   */
  strict: ToolRun | ((verification: Verification) => Promise<number>);
};

/** Changes a lockfile and installs what came of it. */
export type LockChange = Omit<FrozenInstall, "lockfile"> & {
  /** The lockfile that the manager writes. */
  lockfile: string;
  /**
   * Changes manifest and lockfile in a copy, whose absolute path it is given, and nothing else: nothing of a
   * dependency is unpacked or run.
   */
  resolve: (copy: string) => ToolRun;
  /** Files besides the closure that the copy needs, POSIX paths from the project. */
  needs?: readonly string[];
};

/** A command without a lockfile of its own, made into a locked project that is kept by what was asked for. */
export type Throwaway = {
  manager: ManagerName;
  tool: string;
  /** What was asked for, everything that decides what is locked: specifiers, the manager's major version. */
  key: readonly string[];
  /** Files of the new project: its manifest, configuration of the user's project that holds for it too. */
  files: Readonly<Record<string, string>>;
  lockfile: string;
  /** Writes the lockfile, given the new project's absolute path. */
  resolve: (project: string) => ToolRun;
  /** Installs it frozen. */
  install: (project: string) => ToolRun;
  /** What is run in the end, on the user's streams and where the user stands. */
  execute: (project: string) => Promise<{ command: string; run: ToolRun } | null>;
  /** What the user typed, for `warn`. */
  user: ToolRun;
};
