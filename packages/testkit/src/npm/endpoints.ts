import { cached, json, notFound, type Reply, type Request } from "../http/server.ts";
import { toKeysEndpoint, type KeysTarget } from "./registry-key.ts";
import { latestOf, storedVersion, tarballPath, type NpmStore, type StoredVersion } from "./store.ts";

export type NpmView = {
  url: string;
  prefix: string;
  store: NpmStore;
  keysTarget: KeysTarget;
  token: string | null;
  strip: ReadonlySet<string>;
};

const abbreviatedType = "application/vnd.npm.install-v1+json";

/** Answers as an npm registry does; scoped names come as `@scope%2fname` or `@scope/name`. */
export function answerNpm(request: Request, view: NpmView): Reply {
  if (view.token !== null && request.headers.authorization !== `Bearer ${view.token}`) {
    return {
      status: 401,
      headers: { "content-type": "application/json" },
      body: '{"error":"authentication required"}',
    };
  }
  const path = decodePath(request.path);
  if (path === null) return { status: 400, body: "{}" };
  if (!path.startsWith(`${view.prefix}/`)) return notFound;
  const rest = path.slice(view.prefix.length + 1);
  if (rest.startsWith("-/")) return special(request, rest.slice(2), view);

  const [, name = "", tail = ""] = /^((?:@[^/]+\/)?[^/@]+)(?:\/(.*))?$/.exec(rest) ?? [];
  const versions = view.store.get(name);
  if (versions === undefined) return notFound;
  if (tail === "") return packument(request, name, versions, view);
  if (tail.startsWith("-/")) {
    const stored = [...versions.values()].find(({ version }) => tarballPath(name, version) === rest);
    const bytes = stored?.tarball ?? null;
    return bytes === null ? notFound : cached(request, bytes, { "content-type": "application/octet-stream" });
  }
  const stored = versions.get(tail === "latest" ? latestOf(versions) : tail);
  return stored === undefined || view.strip.has("manifests")
    ? notFound
    : json(request, manifestOf(stored, view));
}

function special(request: Request, path: string, view: NpmView): Reply {
  if (path === "ping") return json(request, {});
  if (path === "npm/v1/keys")
    return view.strip.has("keys") ? notFound : json(request, toKeysEndpoint(view.keysTarget));
  // What `npm audit` posts during an install; nothing is ever vulnerable here.
  if (path.startsWith("npm/v1/security/"))
    return { status: 200, headers: { "content-type": "application/json" }, body: "{}" };
  const [, name = "", version = ""] = /^npm\/v1\/attestations\/(.+)@([^@]+)$/.exec(path) ?? [];
  const stored = storedVersion(view.store, name, version);
  if (stored === null || stored.attestations === null || view.strip.has("attestations")) return notFound;
  return json(request, { attestations: stored.attestations });
}

function packument(
  request: Request,
  name: string,
  versions: ReadonlyMap<string, StoredVersion>,
  view: NpmView,
): Reply {
  const times = [...versions.values()].flatMap(({ version, publishedAt }) =>
    publishedAt === null ? [] : [[version, new Date(publishedAt).toISOString()] as const],
  );
  const modified =
    times
      .map(([, time]) => time)
      .toSorted()
      .at(-1) ?? "2020-01-01T00:00:00.000Z";
  const tags = { latest: latestOf(versions) };
  if (request.headers.accept?.includes(abbreviatedType) === true) {
    const listed = Object.fromEntries(
      [...versions].map(([version, stored]) => [version, abbreviated(stored, view)]),
    );
    const headers = { "content-type": abbreviatedType };
    return json(request, { name, "dist-tags": tags, modified, versions: listed }, headers);
  }
  return json(request, {
    _id: name,
    name,
    "dist-tags": tags,
    versions: Object.fromEntries(
      [...versions].map(([version, stored]) => [version, manifestOf(stored, view)]),
    ),
    ...(view.strip.has("time")
      ? {}
      : { time: { created: modified, modified, ...Object.fromEntries(times) } }),
  });
}

const manifestOf = (stored: StoredVersion, view: NpmView): Record<string, unknown> => ({
  ...stored.manifest,
  _id: `${stored.name}@${stored.version}`,
  dist: distOf(stored, view),
});

const abbreviatedMembers = [
  "name",
  "version",
  "bin",
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "bundleDependencies",
  "engines",
  "os",
  "cpu",
  "libc",
  "deprecated",
];

function abbreviated(stored: StoredVersion, view: NpmView): Record<string, unknown> {
  const { manifest } = stored;
  const scripts = Object.keys((manifest["scripts"] as Record<string, string> | undefined) ?? {});
  const hasInstallScript = scripts.some((script) =>
    ["preinstall", "install", "postinstall"].includes(script),
  );
  return {
    ...Object.fromEntries(
      abbreviatedMembers.filter((member) => member in manifest).map((member) => [member, manifest[member]]),
    ),
    ...(hasInstallScript ? { hasInstallScript } : {}),
    dist: distOf(stored, view),
  };
}

function distOf(stored: StoredVersion, view: NpmView): Record<string, unknown> {
  const { signatures, ...dist } = stored.dist;
  const keepAttestations = stored.attestations !== null && !view.strip.has("attestations");
  const predicateType = (stored.attestations as { predicateType?: string }[] | null)?.at(-1)?.predicateType;
  return {
    ...dist,
    tarball: `${view.url}${tarballPath(stored.name, stored.version)}`,
    ...(signatures === undefined || view.strip.has("signatures") ? {} : { signatures }),
    ...(keepAttestations
      ? {
          attestations: {
            url: `${view.url}-/npm/v1/attestations/${stored.name.replace("/", "%2f")}@${stored.version}`,
            provenance: { predicateType: predicateType ?? "https://slsa.dev/provenance/v1" },
          },
        }
      : {}),
    ...stored.distOverride,
  };
}

function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
