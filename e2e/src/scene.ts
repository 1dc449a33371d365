import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  linkManager,
  markFile,
  npmAuditEnvironment,
  npmTufHost,
  sceneFile,
  startTestkit,
  writeFiles,
  type Testkit,
} from "@countersign/testkit";
import {
  attestedNames,
  publishNpm,
  publishPython,
  releaseWorkflow,
  type NpmCast,
  type PythonCast,
} from "./cast.ts";
import type { Cell, SceneryName } from "./cell.ts";
import type { Adapter, CommandLine } from "./managers/adapter.ts";
import { adapters } from "./managers/adapters.ts";
import { runCommand, type Ended } from "./process.ts";
import { pythonDirectory } from "./python.ts";

/** A directory with project, home, caches and registry of its own, in which one manager is run. */
export type Scene = {
  cell: Cell;
  adapter: Adapter;
  /** Absolute; everything below is this scene's. */
  root: string;
  project: string;
  kit: Testkit;
  npm: NpmCast;
  pypi: PythonCast;
  /** Of every command; a strike may add to it. */
  variables: Record<string, string>;
  /** Paths from the root that the strike put the attacker's bytes at: to find them there is no finding. */
  planted: string[];
  read(path: string): string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  /** Rewrites a file of the project; an edit that changes nothing is a mistake in the attack. */
  edit(path: string, change: (text: string) => string): void;
  /** Called when the scene ends. */
  defer(close: () => Promise<void>): void;
  /** @param options.variables on top of the scene's: another machine's home and caches */
  run(
    line: CommandLine,
    limit: number,
    options?: { offline?: boolean; variables?: Readonly<Record<string, string>> },
  ): Promise<Ended>;
  close(): Promise<void>;
};

export const executable: string = resolve(import.meta.dirname, "../../packages/cli/bin/countersign.mjs");

export async function openScene(cell: Cell): Promise<Scene> {
  const adapter = adapters[cell.manager];
  const tls = cell.gate === "audit" ? { tls: { hosts: [npmTufHost] } } : {};
  const kit = await startTestkit(tls);
  const root = realpathSync(mkdtempSync(join(tmpdir(), "countersign-scene-")));
  const at = (name: string): string => join(root, name);
  const project = at("project");
  for (const folder of ["project", "home", "cache", "tmp"]) mkdirSync(at(folder));
  writeFiles(root, { [sceneFile]: "" });
  const bin = linkManager(cell.manager, at("bin"));
  const closing: (() => Promise<void>)[] = [() => kit.close()];
  const read = (path: string): string => readFileSync(join(project, path), "utf8");
  const write: Scene["write"] = (files) => void writeFiles(project, files);
  const scene: Scene = {
    cell,
    adapter,
    root,
    project,
    kit,
    npm: publishNpm(kit, cell.scenery),
    pypi: publishPython(kit, cell.scenery),
    variables: {
      PATH: [bin, ...(adapter.family === "uv" ? [pythonDirectory()] : []), "/usr/bin", "/bin"].join(":"),
      HOME: at("home"),
      TMPDIR: at("tmp"),
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      COUNTERSIGN_CACHE_DIR: at("cache/countersign"),
      ...(cell.gate === "audit" ? {} : nobodyElse),
    },
    planted: [],
    read,
    write,
    edit(path, change) {
      const before = read(path);
      const after = change(before);
      if (after === before) throw new Error(`the attack left ${path} as it was`);
      write({ [path]: after });
    },
    defer: (close) => void closing.unshift(close),
    run([tool, ...args], limit, { offline = false, variables = {} } = {}) {
      const local = join(project, tool);
      return runCommand(
        {
          command: tool.includes("/") && existsSync(local) ? local : tool,
          args,
          directory: project,
          variables: { ...scene.variables, ...(offline ? adapter.offline.variables : {}), ...variables },
        },
        limit,
      );
    },
    async close() {
      for (const close of closing) await close();
      rmSync(root, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  Object.assign(scene.variables, adapter.variables(scene));
  if (cell.gate === "audit") Object.assign(scene.variables, npmAuditEnvironment(kit, at("cache")));
  write(adapter.files(scene));
  writeFiles(at("home"), adapter.home?.(scene) ?? {});
  const trust = join(project, ".countersign");
  mkdirSync(trust, { recursive: true });
  kit.writeTrust(trust);
  write({ ".countersign/policy.yaml": policyOf(kit, cell.scenery) });
  return scene;
}

/** A proxy that does not exist: a mistake in a cell reaches no server but the scene's own. */
const nobodyElse = {
  HTTPS_PROXY: "http://127.0.0.1:9",
  HTTP_PROXY: "http://127.0.0.1:9",
  NO_PROXY: "127.0.0.1,localhost",
};

/** The policy of a scenery, beside the kit's trust material. */
export const policyOf = (kit: Testkit, scenery: SceneryName): string => `version: 1
mode: strict
registries:
  - { url: "${kit.npm.url}", ecosystem: npm, keys: npm-keys.json }
  - { url: "${kit.pypi.simpleUrl}", ecosystem: pypi, files: ["${kit.pypi.filesUrl}"] }
require:
  - { ecosystem: npm, names: ["**"], level: signed }
  - { ecosystem: pypi, names: ["**"], level: locked }
${
  scenery !== "provenance"
    ? ""
    : `  - { names: [${attestedNames.join(", ")}], level: provenance, identities: [release] }
identities:
  release: { issuer: github, repository: acme/widgets, workflow: ${releaseWorkflow} }
`
}trust: { roots: [trusted_root.json] }
`;

/** What ran in a scene, one line per mark. */
export const marksOf = ({ root }: Scene): string[] =>
  existsSync(join(root, markFile))
    ? readFileSync(join(root, markFile), "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];

/** Takes away what an install left in the project, and the marks; caches stay. */
export function clearInstallation(scene: Scene): void {
  for (const path of [join(scene.project, scene.adapter.installed), join(scene.root, markFile)])
    rmSync(path, { recursive: true, force: true });
}

/** @throws where git does */
export async function inGit(scene: Scene, args: readonly string[]): Promise<void> {
  const as = ["-c", "user.name=acme", "-c", "user.email=acme@acme.example"];
  const { exitCode, output } = await scene.run(["git", ...as, ...args], 60_000);
  if (exitCode !== 0) throw new Error(`git ${args[0] ?? ""}: ${output}`);
}

/** Everything of the project, as it stands. */
export async function commit(scene: Scene, message: string): Promise<void> {
  await inGit(scene, ["add", "--all"]);
  await inGit(scene, ["commit", "--quiet", "--message", message]);
}
