import { base64, sha1, sha512 } from "../encoding/hash.ts";
import { tarball, type ArchiveFile } from "../encoding/tar.ts";

export type NpmPackageOptions = {
  name: string;
  version?: string;
  dependencies?: Readonly<Record<string, string>>;
  scripts?: Readonly<Record<string, string>>;
  /** Absolute path of a file that the package's install scripts create: proof that its code ran. */
  mark?: string;
  /** Further members of package.json (bin, os, cpu, peerDependencies, repository…). */
  manifest?: Readonly<Record<string, unknown>>;
  /** Further files below `package/`; bundled dependencies are files of `node_modules/`. */
  files?: readonly ArchiveFile[];
};

/** A package as its tarball has it. */
export type NpmPackage = {
  name: string;
  version: string;
  /** package.json. */
  manifest: Record<string, unknown>;
  dependencies: Readonly<Record<string, string>>;
  tarball: Buffer;
  /** `sha512-…` over the tarball. */
  integrity: string;
  /** The same digest in hex. */
  sha512: string;
  /** SHA-1 in hex, as `dist.shasum`. */
  shasum: string;
};

export function mintNpmPackage(options: NpmPackageOptions): NpmPackage {
  const { name, version = "1.0.0", dependencies = {} } = options;
  const marking =
    options.mark === undefined
      ? {}
      : { preinstall: "node mark.cjs", install: "node mark.cjs", postinstall: "node mark.cjs" };
  const scripts = { ...marking, ...options.scripts };
  const manifest: Record<string, unknown> = {
    name,
    version,
    main: "index.js",
    ...(Object.keys(dependencies).length === 0 ? {} : { dependencies }),
    ...(Object.keys(scripts).length === 0 ? {} : { scripts }),
    ...options.manifest,
  };
  const files: ArchiveFile[] = [
    { path: "package.json", content: `${JSON.stringify(manifest, null, 2)}\n` },
    { path: "index.js", content: `module.exports = ${JSON.stringify(`${name}@${version}`)};\n` },
    ...(options.mark === undefined
      ? []
      : [{ path: "mark.cjs", content: markScript(options.mark, `${name}@${version}`) }]),
    ...(options.files ?? []),
  ];
  const bytes = tarball(files.map((file) => ({ ...file, path: `package/${file.path}` })));
  return { name, version, manifest, dependencies, tarball: bytes, ...digestsOf(bytes) };
}

/** Digests of a tarball as `dist` carries them. */
export const digestsOf = (bytes: Uint8Array): { integrity: string; sha512: string; shasum: string } => {
  const digest = sha512(bytes);
  return {
    integrity: `sha512-${base64(digest)}`,
    sha512: digest.toString("hex"),
    shasum: sha1(bytes).toString("hex"),
  };
};

const markScript = (path: string, text: string): string =>
  `require("node:fs").appendFileSync(${JSON.stringify(path)}, ${JSON.stringify(`${text}\n`)});\n`;
