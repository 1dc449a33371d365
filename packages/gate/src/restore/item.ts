import type { Digest } from "@countersign/core";

/**
 * How a locked package lies on the disk. `installed`: its version, and its digest where the manager keeps one, are
 * the locked ones. `missing`: it is not there. `differs`: something else lies in its place. `unlocked`: it lies there
 * and the lockfile does not name it. `not-needed`: it is not there and this machine or the manager's selection of
 * groups does not want it. `unchecked`: the manager keeps nothing in the project that could be compared.
 */
export type ItemState = "installed" | "missing" | "differs" | "unlocked" | "not-needed" | "unchecked";

/** One package in one place. */
export type RestoreItem = {
  purl: string;
  /** POSIX path from the project, where the package has a place of its own. */
  location: string | null;
  locked: Held | null;
  /** What is there; a digest is what the manager recorded or, for archives, what we hashed. */
  installed: Held | null;
  state: ItemState;
  /** Why it is not `installed`; null where the state says it. */
  why: string | null;
};

export type Held = { version: string | null; digest: Digest | null };

/** A place that could not be looked into, or that leads out of the project. */
export type Obstacle = { location: string; why: string };

export type InstalledCheck = { items: readonly RestoreItem[]; obstacles: readonly Obstacle[] };

/** States that stop a restore from being called done. */
export const isFailure = ({ state }: RestoreItem): boolean =>
  state === "missing" || state === "differs" || state === "unlocked";
