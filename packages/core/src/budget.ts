/**
 * Bounds on hostile input. Whatever exceeds one becomes a finding (`budget/…`), never a crash or a hang.
 * Sizes are bytes, depths are nesting levels of the format at hand.
 */
export type Budget = {
  /** One lockfile. */
  lockfileBytes: number;
  /** Entries of one lockfile, artefacts included. */
  lockfileEntries: number;
  /** Nesting of any parsed document. */
  depth: number;
  /** One evidence document (packument, attestations, simple index page). */
  documentBytes: number;
  /** Attestations in one document, and log entries or signatures in one bundle. */
  attestations: number;
  /** Findings kept of one lockfile: the rest is counted in the last one. */
  findings: number;
};

const MiB = 1024 * 1024;

export const defaultBudget: Budget = {
  lockfileBytes: 256 * MiB,
  lockfileEntries: 1_000_000,
  depth: 64,
  documentBytes: 64 * MiB,
  attestations: 64,
  findings: 10_000,
};
