import type {
  Artefact,
  Digest,
  Enforcement,
  Evidence,
  Instant,
  LockedPackage,
  Mode,
} from "@countersign/core";
import type { DiscoveredLockfile } from "./manager/manager.ts";
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
  /** Packages that a change brings in: when they were published is asked whatever the policy wants. */
  introduced?: (purl: string) => boolean;
  enforcement: Enforcement;
  /** `--trust-root`: a root of the trust store of seal signers to start from. */
  trustRoot: string | null;
  /** `--ref`: seals must be for this ref; null: for whatever their signers may sign for. */
  ref: string | null;
  /**
   * What a summary may save: `evidence`, when the packages themselves are wanted; `parsing` as well, for whoever only
   * wants the decision; nothing, for whoever looks at the evidence itself.
   */
  saves?: "evidence" | "parsing" | "nothing";
  /** What a manager is about to write: judged instead of any file. `lockfiles` is not looked at then. */
  pending?: PendingLockfile;
  tarballs?: KnownTarballs;
};

/** A lockfile that is not on the disk yet; `path` is where it is going to be. */
export type PendingLockfile = DiscoveredLockfile & { bytes: Uint8Array };

/**
 * Tarballs behind digests that are over something else, for a gate inside a manager: it sees each one arrive, so none
 * is fetched a second time.
 */
export type KnownTarballs = {
  /**
   * Whether {@link KnownTarballs.of} only says what must arrive. Such a run can refuse; what it allows holds once the
   * caller has seen exactly these tarballs and has verified again.
   */
  assumed: boolean;
  /** The digest of the tarball that the artefact was made from; null where the caller does not know. */
  of(pkg: LockedPackage, artefact: Artefact, listing: Evidence["listing"]): Digest | null;
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
