import type { PublishedPackage } from "../npm/registry.ts";

export type LockablePackage = Pick<
  PublishedPackage,
  "name" | "version" | "manifest" | "dependencies" | "integrity" | "shasum" | "tarballUrl"
>;

/** What a lockfile of an npm-like manager is written from. */
export type NpmProject = {
  name?: string;
  version?: string;
  /** Everything that is to be locked; of several versions of one name the first is hoisted. */
  packages: readonly LockablePackage[];
  /** Names the project itself requires; by default whatever no other package requires. */
  direct?: readonly string[];
};

/** An edge of the lock: the requirement as written, and the package it resolves to. */
export type Edge = { as: string; range: string; to: LockablePackage };

export type NpmGraph = {
  name: string;
  version: string;
  /** Sorted by name and version. */
  packages: readonly LockablePackage[];
  direct: readonly LockablePackage[];
  /** `{name: exact version}` of the direct ones. */
  directVersions: Readonly<Record<string, string>>;
  edgesOf(of: LockablePackage): readonly Edge[];
  hoisted(name: string): LockablePackage;
};

/** Resolves the project's requirements among its own packages; a requirement that nothing meets is a mistake in the test. */
export function npmGraph(project: NpmProject): NpmGraph {
  const byName = Map.groupBy(project.packages, ({ name }) => name);
  const hoisted = (name: string): LockablePackage => {
    const [first] = byName.get(name) ?? [];
    if (first === undefined)
      throw new Error(`${name} is required, but is not among the packages of the project`);
    return first;
  };
  const resolve = (name: string, range: string): LockablePackage =>
    byName.get(name)?.find(({ version }) => version === range.replace(/^[\^~=]/, "")) ?? hoisted(name);
  const edgesOf = (of: LockablePackage): Edge[] =>
    Object.entries(of.dependencies)
      .toSorted(byKey)
      .map(([as, range]) => ({ as, range, to: resolve(as, range) }));
  const required = new Set(project.packages.flatMap((one) => edgesOf(one).map(({ to }) => to)));
  const direct =
    project.direct?.map(hoisted) ??
    project.packages.filter((one) => !required.has(one) && hoisted(one.name) === one);
  return {
    name: project.name ?? "project",
    version: project.version ?? "1.0.0",
    packages: project.packages.toSorted((a, b) => compare(a.name, b.name) || compare(a.version, b.version)),
    direct: direct.toSorted((a, b) => compare(a.name, b.name)),
    directVersions: Object.fromEntries(direct.map(({ name, version }) => [name, version]).toSorted(byKey)),
    edgesOf,
    hoisted,
  };
}

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byKey = (a: readonly unknown[], b: readonly unknown[]): number => compare(String(a[0]), String(b[0]));

/** Members of package.json that lockfiles repeat. */
export const platformOf = (of: LockablePackage): Record<string, unknown> =>
  Object.fromEntries(
    ["os", "cpu", "libc", "engines", "bin"]
      .filter((member) => member in of.manifest)
      .map((member) => [member, of.manifest[member]]),
  );

export const hasInstallScript = (of: LockablePackage): boolean =>
  Object.keys((of.manifest["scripts"] as Record<string, string> | undefined) ?? {}).some((script) =>
    ["preinstall", "install", "postinstall"].includes(script),
  );

export const packageJson = (graph: NpmGraph): string =>
  `${JSON.stringify({ name: graph.name, version: graph.version, private: true, dependencies: graph.directVersions }, null, 2)}\n`;
