/**
 * The part of Yarn 4 that the plugin touches, as its own types describe it. `@yarnpkg/core` is written down here
 * instead of installed: it wants a patched dependency of its own, and nothing of it is bundled anyway.
 */

/** `@scope/name` in its parts, and what of it is locked: `npm:1.0.0`. */
export type Locator = {
  locatorHash: string;
  scope: string | null;
  name: string;
  reference: string;
};

export type LockedEntry = Locator & { conditions: string | null };

/** A path with forward slashes on every platform: `/c:/project` on Windows. */
export type PortablePath = string & { portable?: never };

export type FetchResult = {
  packageFs: { getRealPath(): PortablePath };
  /** `10c0/sha512`; null where Yarn does not look at what the cache holds. */
  checksum?: string | null;
};

export type Cache = { getLocatorMirrorPath(locator: Locator): PortablePath | null };

export type FetchOptions = {
  cache: Cache;
  fetcher: Fetcher;
  cacheOptions?: { mockedPackages?: ReadonlySet<string> };
};

export type Fetcher = {
  supports(locator: Locator, options: unknown): boolean;
  getLocalPath(locator: Locator, options: unknown): PortablePath | null;
  fetch(locator: Locator, options: FetchOptions): Promise<FetchResult>;
};

export type ValidationReport = { reportError(name: number, text: string): void };
export type InstallOptions = { fetcher?: Fetcher; report: ValidationReport; cache: Cache };

export type Project = {
  cwd: PortablePath;
  configuration: { get(key: "logFilters"): readonly unknown[]; makeFetcher(): Fetcher };
  storedChecksums: Map<string, string>;
  originalPackages: Map<string, LockedEntry>;
  /** Entries of other platforms, for which Yarn makes an empty package. */
  disabledLocators: Set<string>;
  /** Entries with `conditions`, which Yarn locks without a checksum. */
  conditionalLocators: Set<string>;
  generateLockfile(): string;
  fetchEverything(options: InstallOptions): Promise<void>;
  linkEverything(options: InstallOptions): Promise<void>;
};

export type NetworkResponse = { body: unknown };
export type NetworkRequest = { target: string | URL; method?: string };
export type Executor = () => Promise<NetworkResponse>;

/** What a plugin of Yarn gives to it. */
export type Hooks = {
  validateProject(project: Project, report: ValidationReport): Promise<void>;
  wrapNetworkRequest(execute: Executor, request: NetworkRequest): Promise<Executor>;
};

/** Yarn's code for messages of plugins: its own end below a hundred. */
export const messageCode = 7001;

/** Yarn's own check: what lies in its cache, or was fetched, is not what the lockfile says. */
export const isChecksumError = (error: unknown): boolean =>
  error instanceof Error && "reportCode" in error && error.reportCode === 18;

/** An error that Yarn prints under its code instead of as a crash. */
export const reported = (text: string): Error => Object.assign(new Error(text), { reportCode: messageCode });

export const identOf = ({ scope, name }: Locator): string => (scope === null ? name : `@${scope}/${name}`);

/** The version that a locator of a registry's package names; null for every other kind. */
export function versionOf({ reference }: Locator): string | null {
  if (!reference.startsWith("npm:")) return null;
  const bound = reference.indexOf("::");
  return reference.slice("npm:".length, bound === -1 ? undefined : bound);
}
