import type { Enforcement, Instant, Mode } from "@countersign/core";
import type { TufRepository } from "./sigstore/seeds.ts";

/** What a person asked for. Paths are absolute or relative to `directory`. */
export type VerifyRequest = {
  /** Where to look; the project may lie above it. */
  directory: string;
  /**
   * Absolute path of the project whose policy and repository hold, where `directory` is a copy of it or a throw-away
   * project; null: `directory` itself.
   */
  policyDirectory: string | null;
  /** `--lockfile`, repeated; [] finds them. */
  lockfiles: readonly string[];
  /** May only tighten. */
  mode: Mode | null;
  /** What asked for the mode, for the finding: `--mode`, `COUNTERSIGN_MODE`. */
  modeFrom: string;
  offline: boolean;
  /** `--base`: the trusted commit, for its policy and its package set. */
  base: string | null;
  platform: "current" | "all";
  managedPolicy: string | null;
  trustedRoots: readonly string[];
  npmKeys: readonly string[];
  enforcement: Enforcement;
};

/** The machine and the moment; the CLI's main gives the real ones. */
export type Environment = {
  version: string;
  now: Instant;
  home: string;
  /** Where the sigstore root is kept between runs. */
  cacheDirectory: string;
  /** Where the evidence store lies; usually the same directory. */
  storeDirectory: string;
  variables: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  cpu: string;
  signal: AbortSignal;
  /** Where the sigstore root is followed from. */
  repository: () => TufRepository;
  progress(text: string | null): void;
};
