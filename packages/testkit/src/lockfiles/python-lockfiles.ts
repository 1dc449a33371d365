import type { PublishedDistribution } from "../pypi/package-index.ts";
import { compare } from "./npm-graph.ts";

export type LockableFile = Pick<
  PublishedDistribution,
  "project" | "version" | "kind" | "filename" | "sha256" | "size" | "url" | "requires" | "uploadedAt"
>;

/** What a Python lockfile is written from. */
export type PythonProject = {
  name?: string;
  version?: string;
  requiresPython?: string;
  files: readonly LockableFile[];
  /** Address of the simple index. */
  index: string;
  /** Projects that the project itself requires; by default whatever no other requires. */
  direct?: readonly string[];
};

type Release = {
  project: string;
  version: string;
  requires: readonly string[];
  sdist: LockableFile | null;
  wheels: readonly LockableFile[];
};

function releasesOf(project: PythonProject): { releases: readonly Release[]; direct: readonly Release[] } {
  const groups = Map.groupBy(project.files, (file) => `${file.project} ${file.version}`);
  const releases = [...groups.values()]
    .map((files): Release => {
      const [first] = files as [LockableFile];
      return {
        project: first.project,
        version: first.version,
        requires: first.requires.map(projectOf).toSorted(compare),
        sdist: files.find(({ kind }) => kind === "sdist") ?? null,
        wheels: files
          .filter(({ kind }) => kind === "wheel")
          .toSorted((a, b) => compare(a.filename, b.filename)),
      };
    })
    .toSorted((a, b) => compare(a.project, b.project) || compare(a.version, b.version));
  const required = new Set(releases.flatMap(({ requires }) => requires));
  const direct = releases.filter(
    (release) => project.direct?.includes(release.project) ?? !required.has(release.project),
  );
  return { releases, direct };
}

/** Normalised project name of a PEP 508 requirement. */
const projectOf = (requirement: string): string =>
  (/^[A-Za-z0-9._-]+/.exec(requirement)?.[0] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-");

const uploaded = (file: LockableFile): string =>
  file.uploadedAt === null ? "" : new Date(file.uploadedAt).toISOString().replace(".000Z", "Z");
const q = (text: string): string => JSON.stringify(text);

/** uv.lock, version 1, revision 5; the project itself is virtual. */
export function uvLock(project: PythonProject): string {
  const { releases, direct } = releasesOf(project);
  const file = (of: LockableFile): string =>
    `{ url = ${q(of.url)}, hash = "sha256:${of.sha256}", size = ${of.size}${of.uploadedAt === null ? "" : `, upload-time = ${q(uploaded(of))}`} }`;
  const dependencies = (names: readonly string[]): string[] =>
    names.length === 0 ? [] : ["dependencies = [", ...names.map((name) => `    { name = ${q(name)} },`), "]"];
  const own = {
    name: project.name ?? "project",
    lines: [
      "[[package]]",
      `name = ${q(project.name ?? "project")}`,
      `version = ${q(project.version ?? "1.0.0")}`,
      'source = { virtual = "." }',
      ...dependencies(direct.map((release) => release.project)),
      "",
      "[package.metadata]",
      direct.length === 1
        ? `requires-dist = [{ name = ${q(direct[0]?.project ?? "")}, specifier = "==${direct[0]?.version}" }]`
        : [
            "requires-dist = [",
            ...direct.map(
              (release) => `    { name = ${q(release.project)}, specifier = "==${release.version}" },`,
            ),
            "]",
          ].join("\n"),
      "",
    ],
  };
  const blocks = releases.map((release) => ({
    name: release.project,
    lines: [
      "[[package]]",
      `name = ${q(release.project)}`,
      `version = ${q(release.version)}`,
      `source = { registry = ${q(project.index)} }`,
      ...dependencies(release.requires),
      ...(release.sdist === null ? [] : [`sdist = ${file(release.sdist)}`]),
      ...(release.wheels.length === 0
        ? []
        : ["wheels = [", ...release.wheels.map((wheel) => `    ${file(wheel)},`), "]"]),
      "",
    ],
  }));
  const body = [...blocks, own].toSorted((a, b) => compare(a.name, b.name)).flatMap(({ lines }) => lines);
  return [
    "version = 1",
    "revision = 5",
    `requires-python = ${q(project.requiresPython ?? ">=3.9")}`,
    "",
    ...body,
  ].join("\n");
}

/** pylock.toml (PEP 751). */
export function pylock(project: PythonProject): string {
  const { releases } = releasesOf(project);
  const file = (of: LockableFile): string =>
    `{ url = ${q(of.url)}, size = ${of.size}, hashes = { sha256 = ${q(of.sha256)} } }`;
  const blocks = releases.flatMap((release) => [
    "[[packages]]",
    `name = ${q(release.project)}`,
    `version = ${q(release.version)}`,
    `index = ${q(project.index)}`,
    ...(release.sdist === null ? [] : [`sdist = ${file(release.sdist)}`]),
    ...(release.wheels.length === 0
      ? []
      : ["wheels = [", ...release.wheels.map((wheel) => `    ${file(wheel)},`), "]"]),
    "",
  ]);
  return [
    'lock-version = "1.0"',
    'created-by = "testkit"',
    `requires-python = ${q(project.requiresPython ?? ">=3.9")}`,
    "",
    ...blocks,
  ].join("\n");
}

/** requirements.txt with `--hash` options, as `pip-compile --generate-hashes` writes it. */
export function requirements(project: PythonProject): string {
  const { releases } = releasesOf(project);
  const entries = releases.map((release) => {
    const files = [...(release.sdist === null ? [] : [release.sdist]), ...release.wheels];
    return [
      `${release.project}==${release.version} \\`,
      files.map(({ sha256 }) => `    --hash=sha256:${sha256}`).join(" \\\n"),
    ].join("\n");
  });
  return `--index-url ${project.index}\n\n${entries.join("\n")}\n`;
}

/** pyproject.toml that the lock belongs to; uv's default index is the project's. */
export function pyproject(project: PythonProject): string {
  const { direct } = releasesOf(project);
  return [
    "[project]",
    `name = ${q(project.name ?? "project")}`,
    `version = ${q(project.version ?? "1.0.0")}`,
    `requires-python = ${q(project.requiresPython ?? ">=3.9")}`,
    `dependencies = [${direct.map((release) => q(`${release.project}==${release.version}`)).join(", ")}]`,
    "",
    "[[tool.uv.index]]",
    `url = ${q(project.index)}`,
    "default = true",
    "",
  ].join("\n");
}
