import type { Code } from "../codes.ts";
import { formatDigest, type Digest } from "../digest.ts";
import type { Effect, Finding } from "../finding.ts";
import type { Instant } from "../instant.ts";
import type { Position } from "../position.ts";
import type { Ecosystem } from "../purl.ts";
import type { Level } from "../verify/verdict.ts";

export type Mode = "disabled" | "warn" | "strict";
/** Authority, highest first. */
export type LayerKind = "managed" | "base" | "head";
export type SourceEffect = "allow" | "warn" | "deny";

export type RegistryRule = {
  /** Normalised: scheme, host, port, path with a trailing slash. */
  url: string;
  ecosystem: Ecosystem;
  /** `public`, a registry address, or null. */
  speaksFor: string | null;
  evidenceFrom: readonly string[];
  /** Path of its own keys file, relative to the policy file of `layer`, and read as that layer has it. */
  keys: string | null;
  /** Addresses under which its artefacts may lie besides its own host. */
  files: readonly string[];
  /** Names that may come from nowhere else. */
  scopes: readonly string[];
  /** Named by a higher layer and left out by a lower one: nothing may come from it, its scopes stay its own. */
  withdrawn: boolean;
  /** The layer that first named it: speaksFor, keys and evidence are that layer's word. */
  layer: LayerKind;
  at: Position;
};

export type Requirement = {
  /** null: every ecosystem. */
  ecosystem: Ecosystem | null;
  names: readonly string[];
  /** Only packages whose evidence is of these registries; null: of any (all that a file can say). */
  registries: readonly string[] | null;
  level: Level;
  /** Names of identities, any one of which must match; [] accepts any builder. */
  identities: readonly string[];
  layer: LayerKind;
  /** `require[1] (.countersign/policy.yaml:14)`. */
  label: string;
  at: Position;
};

/**
 * Every given field must match the certificate; patterns are compared whole and with case, `*` spans one path
 * segment. Ids outrank names: `repositoryId` is compared instead of `repository`, `ownerId` instead of `owner`.
 */
export type IdentityPattern = {
  /** A known issuer's short name, or its URL. */
  issuer: string;
  repository: string | null;
  repositoryId: string | null;
  owner: string | null;
  ownerId: string | null;
  workflow: string | null;
  signer: string | null;
  ref: string | null;
  event: string | null;
  runner: string | null;
  /** Service-account e-mail of a Google builder. */
  email: string | null;
  slsaBuild: 0 | 1 | 2 | 3;
  at: Position;
};

/** What an exception is bound to: an artefact's digest, or the commit of a git source (in-toto's `gitCommit`). */
export type Binding = Digest | { algorithm: "gitCommit"; hex: string };

export const formatBinding = (binding: Binding): string =>
  binding.algorithm === "gitCommit" ? `gitCommit:${binding.hex}` : formatDigest(binding);

export type Exception = {
  purl: string;
  digest: Binding;
  codes: readonly Code[];
  reason: string;
  owner: string;
  /** From this moment on it counts for nothing: the first of its day, UTC. */
  expires: Instant;
  layer: LayerKind;
  at: Position;
};

export type DriftKind = "newPackage" | "alias" | "level" | "repository" | "owner" | "workflow" | "ref";
export const driftKinds: readonly DriftKind[] = [
  "newPackage",
  "alias",
  "level",
  "repository",
  "owner",
  "workflow",
  "ref",
];

export type Sources = {
  git: SourceEffect;
  url: SourceEffect;
  path: "workspace" | "allow" | "deny";
  bundled: "inspect" | "allow" | "deny";
};

/** A value and where a policy file states it. */
export type Stated<T> = { value: T; at: Position };
type Partly<T> = { readonly [K in keyof T]: Stated<T[K]> | null };

export type Approval = { threshold: number; signers: readonly string[] };
export type Summary = { signers: readonly string[]; maxAge: number };
export type TrustBounds = { maxAge: number; sct: number; log: number; time: number };
export type Delegate = { codes: readonly Code[]; maxDays: number; names: readonly string[] };

/** One policy file as it stands; null and [] where it says nothing. Group names are already signers' ids. */
export type PolicyLayer = {
  kind: LayerKind;
  path: string;
  mode: Stated<Mode> | null;
  registries: Stated<readonly RegistryRule[]> | null;
  require: readonly Requirement[];
  identities: ReadonlyMap<string, IdentityPattern>;
  sources: Partly<Sources>;
  drift: Stated<Partly<Record<DriftKind, Effect>>> | null;
  age: { minimum: Stated<number>; unknown: Stated<Effect> | null } | null;
  approval: Stated<{ threshold: number | null; signers: readonly string[] }> | null;
  summary: Stated<Summary> | null;
  trust: Partly<TrustBounds>;
  roots: Stated<readonly string[]> | null;
  exceptions: readonly Exception[];
  delegate: Stated<Delegate> | null;
};

/** The merged policy: what `decide` is given. Durations are milliseconds. */
export type Policy = {
  mode: Mode;
  /** Where each layer came from, highest first; [] is the built-in policy. */
  layers: readonly { kind: LayerKind; path: string }[];
  /** []: packages come from where the manager's configuration says. */
  registries: readonly RegistryRule[];
  require: readonly Requirement[];
  /** By name. An identity named in several layers must match all their patterns. */
  identities: ReadonlyMap<string, readonly IdentityPattern[]>;
  sources: Sources;
  drift: Readonly<Record<DriftKind, Effect>> | null;
  age: { minimum: number; unknown: Effect } | null;
  seal: { approval: Approval | null; summary: Summary | null };
  /** `roots` are files relative to the policy file of the highest layer. */
  trust: TrustBounds & { roots: readonly string[] };
  exceptions: readonly Exception[];
  /** What the highest layer lets a lower one except. */
  delegate: Delegate | null;
  /** Where a field (`sources.git`, `age.minimum`) got its value; a field that no file states is not here. */
  origins: ReadonlyMap<string, Position>;
  /** What is wrong between the layers (`policy/loosens`): blocks in every mode but `disabled`. */
  problems: readonly Finding[];
  /** True when no policy file was found: strict findings are reported, nothing blocks. */
  builtIn: boolean;
};
