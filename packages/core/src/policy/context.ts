import type { Finding } from "../finding.ts";
import type { Artefact, LockedPackage, PackageSet } from "../lockfile/package-set.ts";
import type { SealJudgement } from "../seal/verdict.ts";
import { normaliseAddress } from "./address.ts";

/** Where the manager would fetch a package from, given its configuration and the lockfile. */
export type RegistryFact = {
  /** Normalised; null when nobody knows. */
  address: string | null;
  /** Whether the manager's own configuration names that registry for this name. */
  configured: boolean;
  /** The manager asks `address` though the lockfile names another registry (npm's `replace-registry-host`). */
  replaces?: boolean;
};

/** What came of looking for a bundled package in its parent's tarball; `unavailable`: nobody could look. */
export type Inspection = "found" | "missing" | "unavailable";

/** What a decision must know of the project and the run besides evidence. Functions are pure look-ups. */
export type DecisionContext = {
  registryOf: (pkg: LockedPackage) => RegistryFact;
  /** Addresses under which an index's own live listing puts its files; null when there was none to ask. */
  filesOf: (registry: string) => readonly string[] | null;
  /** Whether the run covers this artefact (`--platform`). */
  inScope: (pkg: LockedPackage, artefact: Artefact) => boolean;
  /** Whether a bundled package is, as locked, in its parent's digest-checked tarball. */
  inspected: (pkg: LockedPackage) => Inspection;
  /** The package set of the trusted base. */
  baseline: PackageSet | null;
  /** What the lockfile's seals come to; null: nobody looked. */
  seals: SealJudgement | null;
  /** What discovery, configuration and trust material gave: decided with the rest. */
  findings: readonly Finding[];
};

/** A context that knows only the lockfile: every registry it names counts as the manager's own. */
export const lockfileContext: DecisionContext = {
  registryOf: ({ source }) => ({
    address:
      source.kind === "registry" && source.registry !== null ? normaliseAddress(source.registry) : null,
    configured: true,
  }),
  filesOf: () => null,
  inScope: () => true,
  inspected: () => "unavailable",
  baseline: null,
  seals: null,
  findings: [],
};
