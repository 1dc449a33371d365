import type { Source } from "./package-set.ts";
import { isNpmName, isNpmVersion, parseHttpUrl, parseNpmTarballUrl } from "./npm-tarball-url.ts";
import { joinPath } from "./relative-path.ts";
import { decodePercent, parseLocator, type YarnLocator } from "./yarn-locator.ts";

/** What a locator of Yarn Berry stands for. */
export type YarnSource = {
  source: Source;
  /** The version that the locator itself names, "" where it names none. */
  version: string;
  /** Address or patch that the artefact is made from, verbatim, where the locator has one. */
  url: string | null;
  /** Whether Yarn makes a zip of it (a link is used where it lies). */
  zipped: boolean;
};
export type YarnSourceProblem = { problem: "mismatch" | "malformed"; why: string };

/** Patches may be patched again; Yarn itself writes one level. */
const maximumPatches = 4;

/** @param workspaces paths of the declared workspaces */
export function readYarnSource(
  { ident, reference }: YarnLocator,
  workspaces: ReadonlySet<string>,
  patches = 0,
): YarnSource | YarnSourceProblem {
  const folder = (path: string): Source => ({ kind: "path", path, workspace: workspaces.has(path) });
  if (!isNpmName(ident)) return malformed(`\`${ident.slice(0, 200)}\` cannot be the name of a package`);
  switch (reference.protocol) {
    case "npm:":
      return registrySource(ident, reference.selector, reference.params.get("__archiveUrl") ?? null);
    case "workspace:":
      return {
        source: { kind: "path", path: joinPath(".", reference.selector), workspace: true },
        version: "",
        url: null,
        zipped: false,
      };
    case "link:":
    case "portal:": {
      const path = joinPath(boundFolder(reference.params.get("locator")), reference.selector);
      return { source: folder(path), version: "", url: null, zipped: false };
    }
    case "file:":
    case "exec:": {
      const path = joinPath(
        boundFolder(reference.params.get("locator")),
        reference.source ?? reference.selector,
      );
      return { source: folder(path), version: "", url: null, zipped: true };
    }
    case "patch:": {
      const inner = reference.source === null ? null : parseLocator(decodePercent(reference.source));
      if (inner === null || patches >= maximumPatches)
        return malformed("the patch does not name what it patches");
      if (inner.ident !== ident) return { problem: "mismatch", why: `it patches \`${inner.ident}\`` };
      const base = readYarnSource(inner, workspaces, patches + 1);
      return "problem" in base ? base : { ...base, url: reference.text };
    }
    default:
      return remoteSource(reference.text, reference.protocol);
  }
}

/**
 * `npm:1.0.0`, with `__archiveUrl` where the registry serves the tarball from an unusual address: that is where
 * Yarn fetches from, so it must be this package's.
 */
function registrySource(
  name: string,
  version: string,
  archive: string | null,
): YarnSource | YarnSourceProblem {
  if (!isNpmVersion(version)) return malformed(`\`npm:${version.slice(0, 100)}\` is not an exact version`);
  const made = { version, url: archive, zipped: true };
  if (archive === null) return { ...made, source: { kind: "registry", ecosystem: "npm", registry: null } };
  const served = parseNpmTarballUrl(archive);
  if (served === null) {
    return parseHttpUrl(archive) === null
      ? { problem: "mismatch", why: `its archive is ${archive.slice(0, 300)}` }
      : { ...made, source: { kind: "url", url: archive } };
  }
  if (served.name !== name || served.version !== version) {
    return { problem: "mismatch", why: `its archive is ${archive.slice(0, 300)}` };
  }
  return { ...made, source: { kind: "registry", ecosystem: "npm", registry: served.registry } };
}

/** A repository at a commit, or the address of a tarball. */
function remoteSource(text: string, protocol: string): YarnSource | YarnSourceProblem {
  const hash = text.indexOf("#");
  const address = hash === -1 ? text : text.slice(0, hash);
  const isHttp = protocol === "http:" || protocol === "https:";
  if (isHttp && (hash === -1 || /\.(?:tgz|tar\.gz)(?:\?.*)?$/.test(address))) {
    return { source: { kind: "url", url: text }, version: "", url: text, zipped: true };
  }
  const commit = new URLSearchParams(hash === -1 ? "" : text.slice(hash + 1)).get("commit");
  if (commit === null || !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
    return malformed(`\`${text.slice(0, 200)}\` is neither a tarball nor a repository at a full commit`);
  }
  return { source: { kind: "git", url: address, commit }, version: "", url: text, zipped: true };
}

/** `::locator=` says whose folder a relative path starts from. */
function boundFolder(locator: string | undefined): string {
  const parent = locator === undefined ? null : parseLocator(locator);
  return parent?.reference.protocol === "workspace:" ? joinPath(".", parent.reference.selector) : ".";
}

const malformed = (why: string): YarnSourceProblem => ({ problem: "malformed", why });
