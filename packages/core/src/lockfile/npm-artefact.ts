import { parseIntegrity, type DigestProblem } from "../digest.ts";
import type { Position } from "../position.ts";
import { formatPurl } from "../purl.ts";
import { quote, type JsonLockfile } from "./json-lockfile.ts";
import { parseNpmTarballUrl } from "./npm-tarball-url.ts";
import type { Artefact, Source } from "./package-set.ts";

/** `pkg:npm/name@version`; lone surrogates have no UTF-8 and are replaced. */
export const npmPurl = (name: string, version: string): string =>
  formatPurl({ ecosystem: "npm", name: name.toWellFormed(), version: version.toWellFormed() });

const whyOf: Record<DigestProblem, (detail: string) => string> = {
  "artefact/digest-missing": () => "No digest is locked: whatever the address serves would be installed.",
  "artefact/digest-weak": (detail) => `Only ${detail} binds the tarball, and collisions of it can be made.`,
  "artefact/digest-several": (detail) =>
    `${detail} digests are locked: a tarball that matches any of them would be installed.`,
  "artefact/digest-malformed": (detail) =>
    `${quote(detail)} cannot be a digest in Subresource Integrity form.`,
};

type Tarball = {
  purl: string;
  integrity: string | null;
  url: string | null;
  file: string | null;
  at: Position;
  fix: string;
};

/** The tarball of a package with its one strong digest; what is wrong with the digest is a problem of the lockfile. */
export function tarballArtefact(
  lock: JsonLockfile,
  { purl, integrity, url, file, at, fix }: Tarball,
): Artefact {
  const parsed = parseIntegrity(integrity ?? "");
  if (!parsed.ok) lock.problem({ code: parsed.code, at, purl, why: whyOf[parsed.code](parsed.detail), fix });
  return { form: "tarball", file, url, digest: parsed.ok ? parsed.digest : null, at };
}

/** Where an http(s) address leads, and the package that it belongs to when that is another one than claimed. */
export type TarballSource = { source: Source; foreign: string | null };

const plainName = /^[A-Za-z0-9@/._~-]+$/;

/**
 * Tells a registry's tarball addresses from any others. The registry seen last is compared as text, so that an
 * address is only taken apart when it is not what this name and version lead to expect.
 */
export class TarballAddresses {
  #registry: string | null = null;

  read(url: string, name: string, version: string): TarballSource {
    if (this.#registry !== null && isUsual(url, this.#registry, name, version)) {
      return { source: { kind: "registry", ecosystem: "npm", registry: this.#registry }, foreign: null };
    }
    const parsed = parseNpmTarballUrl(url);
    if (parsed === null) return { source: { kind: "url", url }, foreign: null };
    const own = parsed.name === name && parsed.version === version;
    if (own) this.#registry = parsed.registry;
    return {
      source: { kind: "registry", ecosystem: "npm", registry: parsed.registry },
      foreign: own ? null : `${parsed.name}@${parsed.version}`,
    };
  }
}

/** Whether an address is what a registry serves a version under, compared piece by piece: joining them costs more. */
function isUsual(url: string, registry: string, name: string, version: string): boolean {
  const base = name.indexOf("/") + 1;
  const separator = registry.length + name.length;
  const file = separator + "/-/".length;
  const dash = file + name.length - base;
  return (
    url.length === dash + 1 + version.length + ".tgz".length &&
    url.startsWith(registry) &&
    url.startsWith(name, registry.length) &&
    url.startsWith("/-/", separator) &&
    url.startsWith(base === 0 ? name : name.slice(base), file) &&
    url.startsWith("-", dash) &&
    url.startsWith(version, dash + 1) &&
    url.endsWith(".tgz") &&
    plainName.test(name)
  );
}
