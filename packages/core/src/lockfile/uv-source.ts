import { normaliseProjectName } from "../purl.ts";
import { fileOfPath, fileOfUrl } from "./python-files.ts";
import type { Source } from "./package-set.ts";
import type { TomlFields } from "./toml-fields.ts";

/**
 * Where uv.lock says a package comes from. `registry` lists its files, `file` is itself one, `tree` is built from
 * sources. `url` and `file` are what a `file` source is and names; `key` is one text for equal sources.
 */
export type UvSource = {
  source: Source;
  kind: "registry" | "file" | "tree";
  url: string | null;
  file: string | null;
  key: string;
};

const kinds = ["registry", "git", "url", "path", "directory", "editable", "virtual"] as const;
type Kind = (typeof kinds)[number];

/**
 * Reads the `source` of a package; null, and the file refused, when it is none.
 * @param members normalised names of the workspace's packages
 */
export function readUvSource(
  fields: TomlFields,
  name: string,
  members: ReadonlySet<string>,
): UvSource | null {
  const table = fields.table("source");
  const given = kinds.filter((kind) => table?.has(kind));
  const kind = given[0];
  if (table === null || kind === undefined || given.length > 1) {
    fields.refuse(
      `${name} needs one source; this has ${given.length === 0 ? "none that is known" : given.join(" and ")}.`,
      "source",
    );
    return null;
  }
  const text = table.text(kind);
  if (text === null) return null;
  const read = readKind(kind, text, table.text("subdirectory"));
  if (typeof read === "string") {
    table.refuse(`The source of ${name} is ${read}`, kind);
    return null;
  }
  const key = sourceKey(table);
  if (read.source.kind !== "path" || read.kind !== "tree") return { ...read, key };
  const { path } = read.source;
  const member = path === "." || members.has(normaliseProjectName(name));
  if (member && isOutside(path)) {
    table.report(
      "lockfile/link-outside",
      `${name} is called a workspace member but lies outside the project, at ${path}.`,
      {
        at: table.at(kind),
        fix: "Move the package into the workspace, or make it a dependency of its own.",
      },
    );
  }
  return { ...read, source: { kind: "path", path, workspace: member && !isOutside(path) }, key };
}

/** One text for equal sources, whatever the order of their fields. */
export const sourceKey = (source: TomlFields): string =>
  JSON.stringify(
    source
      .keys()
      .toSorted()
      .map((key) => [key, source.text(key)]),
  );

function readKind(kind: Kind, text: string, subdirectory: string | null): Omit<UvSource, "key"> | string {
  switch (kind) {
    case "registry":
      return readRegistry(text);
    case "git":
      return readGit(text);
    case "url":
      if (!isWeb(text)) return `no web address: ${text}`;
      return {
        source: { kind: "url", url: withSubdirectory(text, subdirectory) },
        kind: "file",
        url: text,
        file: fileOfUrl(text),
      };
    case "path":
      return {
        source: { kind: "path", path: text, workspace: false },
        kind: "file",
        url: null,
        file: fileOfPath(text),
      };
    default:
      return { source: { kind: "path", path: text, workspace: false }, kind: "tree", url: null, file: null };
  }
}

/** An index is an address or, without a scheme, a directory: then its files are local paths without a hash. */
function readRegistry(text: string): Omit<UvSource, "key"> | string {
  const files = { kind: "registry", url: null, file: null } as const;
  if (isWeb(text)) return { ...files, source: { kind: "registry", ecosystem: "pypi", registry: text } };
  if (/^[a-z][a-z0-9+.-]+:/i.test(text) && !/^file:/i.test(text)) return `no index address: ${text}`;
  return { ...files, source: { kind: "path", path: text, workspace: false } };
}

function readGit(text: string): Omit<UvSource, "key"> | string {
  const hash = text.indexOf("#");
  const commit = hash === -1 ? "" : text.slice(hash + 1);
  const url = hash === -1 ? text : text.slice(0, hash);
  if (!/^[0-9a-f]{40}$/i.test(commit))
    return `a git address without a full commit, so what it installs can change: ${text}`;
  if (!URL.canParse(url)) return `no git address: ${text}`;
  const file = new URL(url).searchParams.get("path");
  return {
    source: { kind: "git", url, commit: commit.toLowerCase() },
    kind: file === null ? "tree" : "file",
    url: null,
    file: file === null ? null : fileOfPath(file),
  };
}

const isWeb = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text);

const withSubdirectory = (url: string, subdirectory: string | null): string =>
  subdirectory === null ? url : `${url}#subdirectory=${subdirectory}`;

/** Absolute, or leading up and out of the project; Windows separators count. */
function isOutside(path: string): boolean {
  if (/^(?:[/\\]|[a-z]:)/i.test(path)) return true;
  let depth = 0;
  for (const part of path.split(/[/\\]/)) {
    depth += part === ".." ? -1 : part === "" || part === "." ? 0 : 1;
    if (depth < 0) return true;
  }
  return false;
}
