import { existsSync, globSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { blocksOf, carriedNpmrc, textOf, upwards } from "@countersign/gate";
import type { CommandLine } from "./command-line.ts";

export const lockfile = "pnpm-lock.yaml";
const workspaceFile = "pnpm-workspace.yaml";

/** Where a command line works, absolute. */
export type Project = {
  /** What `--dir` names, else where the user stands. */
  directory: string;
  /** Of the workspace, else `directory`: where the lockfile lies. */
  root: string;
};

export function projectOf(standing: string, line: CommandLine): Project {
  const directory = resolve(standing, line.directory ?? ".");
  if (line.options.has("--ignore-workspace")) return { directory, root: directory };
  const root = upwards(directory).find((each) => existsSync(join(each, workspaceFile)));
  return { directory, root: root ?? directory };
}

const manifests = "**/package.{json,json5,yaml}";
const maximumManifests = 5000;

/** What a copy of the project needs to resolve beyond its closure: every manifest of a workspace, and its pnpmfiles. */
export function neededFiles({ root }: Project): string[] {
  const settings = textOf(join(root, workspaceFile));
  if (settings === null) return [];
  const found = globSync(manifests, {
    cwd: root,
    exclude: (path) => /(?:^|[/\\])(?:node_modules|\.git)$/.test(path),
  });
  const files = found.slice(0, maximumManifests).map((path) => path.split(sep).join("/"));
  const pnpmfiles = blocksOf(settings, ["pnpmfile"]).matchAll(/[^\s'"[\],:]+\.[cm]?js\b/g);
  return [...files, ...[...pnpmfiles].map(([path]) => path).filter((path) => isInside(root, path))];
}

const isInside = (root: string, path: string): boolean =>
  !relative(root, resolve(root, path)).startsWith("..");

/** A config dependency is code that pnpm runs before it resolves anything. */
export const hasConfigDependencies = ({ root }: Project): boolean =>
  blocksOf(textOf(join(root, workspaceFile)) ?? "", ["configDependencies"]) !== "";

/** Settings that say where packages come from and how old they must be: they hold for what is asked for without a lockfile, too. */
const carried: readonly string[] = [
  "registry",
  "registries",
  "namedRegistries",
  "minimumReleaseAge",
  "minimumReleaseAgeExclude",
  "minimumReleaseAgeStrict",
  "trustPolicy",
  "trustPolicyExclude",
  "trustPolicyIgnoreAfter",
];

/** Files of a project of its own for packages that are asked for here. */
export function throwawayFiles({ root }: Project, builds: readonly string[]): Record<string, string> {
  const settings = blocksOf(textOf(join(root, workspaceFile)) ?? "", carried);
  const allowed = Object.fromEntries(builds.map((name) => [name, true]));
  return {
    "package.json": `${JSON.stringify({ name: "countersign-throwaway", version: "0.0.0", private: true })}\n`,
    ...carriedNpmrc(root),
    // pnpm 10 reads onlyBuiltDependencies, 11 and 12 allowBuilds.
    [workspaceFile]: `${settings}strictDepBuilds: false
onlyBuiltDependencies: ${JSON.stringify(builds)}
allowBuilds: ${JSON.stringify(allowed)}
`,
  };
}
