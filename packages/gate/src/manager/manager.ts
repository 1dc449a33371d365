import type { Ecosystem, Finding, LockFormat, RegistryRule } from "@countersign/core";
import type { Credential } from "../registry/client.ts";

export type ManagerName = "npm" | "pnpm" | "yarn" | "bun" | "deno" | "uv" | "pip";

/** What `verify` must know of the manager that owns a lockfile. */
export type ManagerConfiguration = {
  manager: ManagerName;
  /**
   * Normalised address of the registry that serves this name when the lock names none; null where neither the
   * configuration nor the manager's own library knows one.
   */
  registryOf(ecosystem: Ecosystem, name: string): string | null;
  /** Every registry of the configuration, normalised. */
  registries: readonly string[];
  credentials: readonly Credential[];
  proxy: { https: string | null; http: string | null; noProxy: readonly string[] };
  /** Additional certificate authorities, PEM. */
  authorities: readonly string[];
  /** Settings that weaken, credentials that leave, files that could not be read. */
  findings: readonly Finding[];
};

/** What a configuration reader may look at: nothing is taken from the process itself. */
export type ManagerContext = {
  /** Absolute path of the project (the lockfile's directory). */
  directory: string;
  home: string;
  environment: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  /** The policy's registries; null when there is no policy at all: then we do as the manager would. */
  registries: readonly RegistryRule[] | null;
};

export type ReadManagerConfiguration = (context: ManagerContext) => Promise<ManagerConfiguration>;

/** One lockfile of the project, and the manager that would read it. */
export type DiscoveredLockfile = {
  /** Relative to the project, POSIX. */
  path: string;
  format: LockFormat;
  manager: ManagerName;
};
