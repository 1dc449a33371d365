import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { npath } from "@yarnpkg/fslib";
import { whileFetching } from "./tarball-watch.ts";
import {
  identOf,
  isChecksumError,
  reported,
  versionOf,
  type FetchOptions,
  type Fetcher,
  type FetchResult,
  type Locator,
} from "./yarn.ts";

/** What Yarn is about to install of one locked entry. */
export type Archive = {
  name: string;
  version: string;
  /** SHA-512 of the zip in Yarn's cache, hex; of an entry without a checksum, taken here. */
  zip: string;
  /** `sha512:…` of the tarball that was fetched for it in this very run; null: it lay in the cache. */
  tarball: string | null;
  paths: readonly string[];
};

/** Tarballs that were decided on, `sha512:…` by `name@version`. */
export type Decided = ReadonlyMap<string, ReadonlySet<string>>;

/** Everything that Yarn fetches in one install, tied to the entry that it is fetched for. */
export class Archives {
  /** By locator hash. */
  readonly found: Map<string, Archive> = new Map();
  decided: Decided = new Map();
  /** Whether Yarn itself found an archive that is not the lockfile's. */
  contradicted: boolean = false;

  /** A fetcher that does what another does and keeps what came of it. */
  watch(inner: Fetcher): Fetcher {
    return {
      supports: (locator, options) => inner.supports(locator, options),
      getLocalPath: (locator, options) => inner.getLocalPath(locator, options),
      fetch: (locator, options) => this.#fetch(inner, locator, options),
    };
  }

  /** Takes back what this run put into the cache, so that nothing of a refused install stays. */
  async discard(): Promise<void> {
    for (const { tarball, paths } of this.found.values())
      if (tarball !== null) await Promise.all(paths.map((path) => rm(path, { force: true })));
  }

  async #fetch(inner: Fetcher, locator: Locator, options: FetchOptions): Promise<FetchResult> {
    const version = versionOf(locator);
    if (version === null || options.cacheOptions?.mockedPackages?.has(locator.locatorHash) === true)
      return inner.fetch(locator, options);
    const name = identOf(locator);
    const decided = this.decided.get(`${name}@${version}`);
    const tarballs: string[] = [];
    const check = (tarball: string): void => {
      if (decided === undefined || decided.has(tarball)) return;
      throw reported(
        `listing/mismatch: the registry serves ${tarball} instead of ${[...decided].join(", ")}, which was verified. Do not install it.`,
      );
    };
    const result = await whileFetching({ locator, tarballs, check }, () =>
      inner.fetch(locator, options),
    ).catch((error: unknown) => {
      this.contradicted ||= isChecksumError(error);
      throw error;
    });
    const path = npath.fromPortablePath(result.packageFs.getRealPath());
    const mirror = options.cache.getLocatorMirrorPath(locator);
    const known = this.found.get(locator.locatorHash);
    this.found.set(locator.locatorHash, {
      name,
      version,
      zip: result.checksum?.split("/").at(-1) ?? (await hashFile(path)),
      tarball: (tarballs.length === 1 ? tarballs[0] : known?.tarball) ?? null,
      paths: mirror === null ? [path] : [path, npath.fromPortablePath(mirror)],
    });
    return result;
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
