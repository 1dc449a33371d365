import {
  parseJson,
  type Artefact,
  type Budget,
  type Inspection,
  type LockedPackage,
  type PackageSet,
} from "@countersign/core";
import type { Client } from "../registry/client.ts";
import { fetchTarball, listTarball, tarballAddress } from "./npm-tarball.ts";

export type Inspecting = {
  client: Client;
  budget: Budget;
  /** Normalised address of the registry that serves a package; null where it comes from none. */
  registryOf: (pkg: LockedPackage) => string | null;
};

/** What npm writes is some KiB; a manifest beyond this is not read. */
const largestManifest = 4 * 1024 * 1024;

/**
 * Looks for every bundled package of a lockfile in the tarball of the package that is said to bundle it: fetched, held
 * against the parent's locked digest, and read for a package.json of exactly that name and version at each place that
 * the lockfile gives. One request for each parent; one after the other, so that one archive is in memory at a time.
 */
export async function inspectBundled(
  set: PackageSet,
  inspecting: Inspecting,
): Promise<ReadonlyMap<LockedPackage, Inspection>> {
  const inspections = new Map<LockedPackage, Inspection>();
  const bundles = new Map<string, LockedPackage[]>();
  for (const pkg of set.packages) {
    if (pkg.source.kind !== "bundled") continue;
    inspections.set(pkg, "unavailable");
    pushTo(bundles, pkg.source.in, pkg);
  }
  const parents = new Map<string, LockedPackage[]>();
  for (const pkg of set.packages) if (bundles.has(pkg.purl)) pushTo(parents, pkg.purl, pkg);
  for (const [purl, bundled] of bundles) {
    // A parent that is locked twice, with two digests, must hold it in both.
    const held = [];
    for (const parent of parents.get(purl) ?? []) held.push(await openParent(parent, inspecting));
    for (const pkg of bundled) inspections.set(pkg, judge(pkg, held));
  }
  return inspections;
}

function pushTo(lists: Map<string, LockedPackage[]>, key: string, pkg: LockedPackage): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [pkg]);
  else list.push(pkg);
}

/** What the manifests in a tarball are of, by the path from its root; null where it could not be had. */
type Manifests = ReadonlyMap<string, Named> | null;
type Named = { name: unknown; version: unknown };

async function openParent(
  parent: LockedPackage,
  { client, budget, registryOf }: Inspecting,
): Promise<Manifests> {
  const registry = registryOf(parent);
  const [artefact, ...others] = parent.artefacts;
  if (registry === null || others.length > 0 || !isLockedTarball(artefact)) return null;
  const url = tarballAddress(parent, artefact, registry);
  const fetched = url === null ? null : await fetchTarball(client, url, [artefact.digest]);
  if (fetched?.state !== "found") return null;
  const listed = await listTarball(fetched.value.bytes);
  if (listed.state !== "found") return null;
  const manifests = new Map<string, Named>();
  for (const { kind, path, content } of listed.entries) {
    // Extractors drop the first segment as it is written; what has dot segments they put in different places.
    const inside = path.slice(path.indexOf("/") + 1);
    if (
      kind === "file" &&
      inside.endsWith("/package.json") &&
      inside.startsWith("node_modules/") &&
      !/(?:^|\/)\.{0,2}\//.test(path)
    ) {
      manifests.set(inside, readManifest(content, budget));
    }
  }
  return manifests;
}

const isLockedTarball = (
  artefact: Artefact | undefined,
): artefact is Artefact & { digest: NonNullable<Artefact["digest"]> } =>
  artefact !== undefined && artefact.form === "tarball" && artefact.digest !== null;

function judge(pkg: LockedPackage, parents: readonly Manifests[]): Inspection {
  const { source, name, version } = pkg;
  if (source.kind !== "bundled" || source.paths.length === 0 || parents.length === 0) return "unavailable";
  const held = parents.filter((manifests) => manifests !== null);
  const holds = (manifests: NonNullable<Manifests>, path: string): boolean => {
    const manifest = manifests.get(`${path}/package.json`);
    return manifest?.name === name && manifest.version === version;
  };
  if (!held.every((manifests) => source.paths.every((path) => holds(manifests, path)))) return "missing";
  return held.length === parents.length ? "found" : "unavailable";
}

const unreadable: Named = { name: null, version: null };

function readManifest(content: Uint8Array, budget: Budget): Named {
  if (content.byteLength > largestManifest) return unreadable;
  const parsed = parseJson(new TextDecoder("utf-8").decode(content), budget.depth);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return unreadable;
  const manifest = parsed.value as Record<string, unknown>;
  return { name: manifest["name"], version: manifest["version"] };
}
