import { formatDigest, notAsked, sameDigest, type Artefact, type Digest, type Evidence, type LockedPackage, type Seen } from "@countersign/core";
import type { Client } from "../registry/client.ts";
import { fetchTarball, tarballAddress, type Missing } from "./npm-tarball.ts";
import { unpackedTarDigest } from "./unpacked-tar.ts";
import { compressionOf, yarnZipDigest } from "./yarn-zip.ts";

/** An artefact whose locked digest is over something else than the registry's bytes, and what the registry lists. */
export type Binding = {
  client: Client;
  pkg: LockedPackage;
  artefact: Artefact;
  /** Normalised address of the registry that serves the package, as the manager is configured. */
  registry: string;
  listing: Evidence["listing"];
};

/** Whether an artefact's digest is one that {@link bind} can find a tarball for. */
export const isBindable = ({ form, digest }: Artefact): boolean => digest !== null && (form === "yarn-zip" || form === "unpacked-tar");

/**
 * Finds the tarball digest that stands behind the locked digest of a Yarn zip or an unpacked tar: fetches the tarball,
 * holds it against the listing, converts it as the manager does and compares. One request.
 * @returns found: the digest of the tarball that makes exactly what is locked; `artefact/zip-mismatch` and
 * `listing/mismatch` where something contradicts; any other code where it could not be found out
 */
export async function bind({ client, pkg, artefact, registry, listing }: Binding): Promise<Seen<Digest>> {
  const { digest: locked, form, cacheKey = "" } = artefact;
  if (locked === null || !isBindable(artefact)) return notAsked;
  if (listing.state !== "found") return notAsked;
  if (form === "yarn-zip" && compressionOf(cacheKey) === null) return unbound(`Yarn's cache format ${cacheKey.slice(0, 40)} cannot be made here`);
  const url = tarballAddress(pkg, artefact, registry);
  if (url === null) return unbound("the project changes the package after it is fetched");
  const fetched = await fetchTarball(client, url, listing.value.digests);
  if (fetched.state !== "found") return fetched;
  const { bytes, digest } = fetched.value;
  const made = form === "yarn-zip" ? await yarnZipDigest(bytes, pkg.name, cacheKey) : await unpackedTarDigest(bytes, locked.algorithm);
  if (made.state !== "found") return made;
  if (sameDigest(made.digest, locked)) return { state: "found", value: digest, origin: url };
  const detail = `${formatDigest(digest)} makes ${formatDigest(made.digest)}, locked is ${formatDigest(locked)}`;
  return { state: "unavailable", code: "artefact/zip-mismatch", detail };
}

const unbound = (detail: string): Missing => ({ state: "unavailable", code: "artefact/digest-unbound", detail });
