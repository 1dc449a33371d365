import {
  formatDigest,
  notAsked,
  sameDigest,
  type Artefact,
  type Digest,
  type Evidence,
  type LockedPackage,
  type Seen,
} from "@countersign/core";
import type { Client } from "../registry/client.ts";
import { fetchTarball, tarballAddress, type Missing } from "./npm-tarball.ts";
import { unpackedTarDigest } from "./unpacked-tar.ts";
import { compressionOf, yarnZipDigest } from "./yarn-zip.ts";

/** An artefact whose locked digest is over something else than the registry's bytes, and what the registry lists. */
export type Bindable = {
  pkg: LockedPackage;
  artefact: Artefact;
  /** Normalised address of the registry that serves the package, as the manager is configured. */
  registry: string;
  listing: Evidence["listing"];
};

/** Archives in memory at a time, each with what it unpacks to. */
const atOnce = 8;

/** Whether an artefact's digest is one that {@link Binder} can find a tarball for. */
export const isBindable = ({ form, digest }: Artefact): boolean =>
  digest !== null && (form === "yarn-zip" || form === "unpacked-tar");

/** Finds the tarballs behind digests that are not over tarballs. One serves one run, and bounds what is under way. */
export class Binder {
  readonly #client: Client;
  readonly #waiting: (() => void)[] = [];
  #free: number = atOnce;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Fetches the tarball, holds it against the listing, converts it as the manager does and compares with the locked
   * digest of the Yarn zip or unpacked tar. One request.
   * @returns found: the digest of the tarball that makes exactly what is locked; `artefact/zip-mismatch` and
   * `listing/mismatch` where something contradicts; any other code where it could not be found out
   */
  async bind(bindable: Bindable): Promise<Seen<Digest>> {
    if (!isBindable(bindable.artefact) || bindable.listing.state !== "found") return notAsked;
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await bindListed(this.#client, bindable, bindable.listing.value.digests);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

async function bindListed(
  client: Client,
  { pkg, artefact, registry }: Bindable,
  listed: readonly Digest[],
): Promise<Seen<Digest>> {
  const { digest: locked, form, cacheKey = "" } = artefact;
  if (locked === null) return notAsked;
  if (form === "yarn-zip" && compressionOf(cacheKey) === null)
    return unbound(`Yarn's cache format ${cacheKey.slice(0, 40)} cannot be made here`);
  const url = tarballAddress(pkg, artefact, registry);
  if (url === null) return unbound("the project changes the package after it is fetched");
  const fetched = await fetchTarball(client, url, listed);
  if (fetched.state !== "found") return fetched;
  const { bytes, digest } = fetched.value;
  const made =
    form === "yarn-zip"
      ? await yarnZipDigest(bytes, pkg.name, cacheKey)
      : await unpackedTarDigest(bytes, locked.algorithm);
  if (made.state !== "found") return made;
  if (sameDigest(made.digest, locked)) return { state: "found", value: digest, origin: url };
  const detail = `${formatDigest(digest)} makes ${formatDigest(made.digest)}, locked is ${formatDigest(locked)}`;
  return { state: "unavailable", code: "artefact/zip-mismatch", detail };
}

const unbound = (detail: string): Missing => ({
  state: "unavailable",
  code: "artefact/digest-unbound",
  detail,
});
