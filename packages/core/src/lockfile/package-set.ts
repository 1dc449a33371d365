import type { Digest } from "../digest.ts";
import type { Finding } from "../finding.ts";
import type { Position } from "../position.ts";
import type { Ecosystem } from "../purl.ts";

/** The formats that can be read; the value is the word of `--lockfile-format` and of reports. */
export type LockFormat = (typeof lockFormats)[number];
export const lockFormats = [
  "package-lock",
  "pnpm-lock",
  "yarn-berry",
  "yarn-classic",
  "bun-lock",
  "deno-lock",
  "uv-lock",
  "pylock",
  "requirements",
] as const;

/** Where the lockfile says a package comes from. `registry: null` is the manager's configured registry. */
export type Source =
  | { kind: "registry"; ecosystem: Ecosystem; registry: string | null }
  | { kind: "url"; url: string }
  | { kind: "git"; url: string; commit: string }
  | { kind: "path"; path: string; workspace: boolean }
  /** `paths`: where in the parent's tarball, below its root: `node_modules/a/node_modules/b`. */
  | { kind: "bundled"; in: string; paths: readonly string[] };

/** What the digest is taken over; `yarn-zip` and `unpacked-tar` are not the registry's bytes. */
export type ArtefactForm = "tarball" | "unpacked-tar" | "yarn-zip" | "wheel" | "sdist" | "module";

/** One file that the manager would fetch for a package. */
export type Artefact = {
  form: ArtefactForm;
  /** File name where the format has one (wheels, sdists). */
  file: string | null;
  /** Address the lockfile itself gives, verbatim. */
  url: string | null;
  /** null: the lockfile has no usable digest, and a finding says so. */
  digest: Digest | null;
  /** Yarn Berry: the part of `checksum` before the slash. */
  cacheKey?: string;
  /** Where the digest stands, or the entry when it has none. */
  at: Position;
};

/** Conditions under which a manager would install the package: claims of the lockfile, never a reason to skip. */
export type Markers = {
  optional: boolean;
  dev: boolean;
  peer: boolean;
  os: readonly string[];
  cpu: readonly string[];
  libc: readonly string[];
  /** Python environment markers or Yarn `conditions`, verbatim. */
  expression: string | null;
};

export const noMarkers: Markers = {
  optional: false,
  dev: false,
  peer: false,
  os: [],
  cpu: [],
  libc: [],
  expression: null,
};

/** One package at one version from one source, however many places of the tree it is installed in. */
export type LockedPackage = {
  /** `pkg:npm/%40scope/name@1.0.0`; for git, url and path sources the name and version the lock claims. */
  purl: string;
  /** The name under which the registry knows it (never the alias). */
  name: string;
  /** "" where the format locks none (git, dynamic or local projects). */
  version: string;
  source: Source;
  artefacts: readonly Artefact[];
  /** Names or install locations under which dependants see it when they differ from `name`. */
  aliases: readonly string[];
  /** Edges of the lock: the name it is required as, and the purl it resolves to. */
  requires: readonly { as: string; purl: string }[];
  markers: Markers;
  at: Position;
};

export type PackageSet = {
  lockfile: { path: string; format: LockFormat; formatVersion: string; digest: Digest };
  /** SHA-256 over the canonical rows of the packages: see package-set digest in docs/lockfiles.md. */
  setDigest: Digest;
  packages: readonly LockedPackage[];
  /** Everything that could be read exactly but must not be trusted. */
  problems: readonly Finding[];
};
