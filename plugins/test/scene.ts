import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { createTestDirectory, startTestkit, writeFiles, type Testkit } from "@countersign/testkit";

/** The command line as it is built. */
export const countersign: string = resolve(import.meta.dirname, "../../packages/cli/bin/countersign.mjs");
export const isBuilt: boolean = existsSync(resolve(countersign, "../../dist/main.js"));

export type Mode = "strict" | "warn" | "disabled";
export type Ecosystem = "npm" | "pypi";

/** The same policy, which wants every lockfile approved: by somebody who never did. */
export const wantingApproval = (policy: string): string =>
  `${policy}groups: { maintainers: [alice] }\nseal: { approval: { signers: [maintainers] } }\n`;

/** A project, a home and servers of its own, for a real manager; what is particular to one is added by its tests. */
export type Stage = {
  kit: Testkit;
  /** Absolute; everything of the stage lies below it. */
  scratch: string;
  /** Absolute path of the project. */
  directory: string;
  home: string;
  /** What code of a package leaves when it runs. */
  mark: string;
  /** What was left there so far. */
  marked(): string;
  /** Below the project. */
  has(...path: readonly string[]): boolean;
  read(path: string): string;
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  /** Rewrites a file; an edit that changes nothing is a mistake in the attack. */
  edit(path: string, change: (text: string) => string): void;
  /** A policy that trusts the kit alone: everything of npm signed, everything of PyPI locked. */
  policy(mode: Mode, ecosystem?: Ecosystem): string;
  /** Begins the project anew: a repository that has the kit's trust and nothing else, and no mark. */
  clear(): void;
  close(): Promise<void>;
};

/** @param name of the manager, for people who look into the temporary directory */
export async function openStage(name: string): Promise<Stage> {
  const kit = await startTestkit();
  const root = createTestDirectory(name);
  const directory = join(root.path, "project");
  const mark = join(root.path, "mark");
  const read = (path: string): string => readFileSync(join(directory, path), "utf8");
  const write: Stage["write"] = (files) => void writeFiles(directory, files);
  const clear = (): void => {
    rmSync(directory, { recursive: true, force: true });
    rmSync(mark, { force: true });
    write({ ".git/HEAD": "" });
    kit.writeTrust(join(directory, ".countersign", "trust"));
  };
  clear();
  return {
    kit,
    scratch: root.path,
    directory,
    home: join(root.path, "home"),
    mark,
    marked: () => (existsSync(mark) ? readFileSync(mark, "utf8") : ""),
    has: (...path) => existsSync(join(directory, ...path)),
    read,
    write,
    edit: (path, change) => {
      const before = read(path);
      const after = change(before);
      if (after === before) throw new Error(`the edit left ${path} as it was`);
      write({ [path]: after });
    },
    policy: (mode, ecosystem = "npm") => policyOf(kit, mode, ecosystem),
    clear,
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}

const demands = {
  npm: ({ npm }: Testkit): string => `registries:
  - { url: "${npm.url}", ecosystem: npm, keys: trust/npm-keys.json }
require:
  - { ecosystem: npm, names: ["**"], level: signed }`,
  pypi: ({ pypi }: Testkit): string => `registries:
  - { url: "${pypi.simpleUrl}", ecosystem: pypi }
require:
  - { ecosystem: pypi, names: ["**"], level: locked }`,
};

const policyOf = (kit: Testkit, mode: Mode, ecosystem: Ecosystem): string => `version: 1
mode: ${mode}
${demands[ecosystem](kit)}
trust: { roots: [trust/trusted_root.json] }
`;

/** `PATH` of a machine that has these directories and the system's. */
export const pathOf = (...directories: readonly string[]): string =>
  [...directories, "/usr/bin", "/bin"].join(delimiter);

/** How a program ended, and what it wrote to either stream. */
export type Ended = { exitCode: number; output: string };

/** @param variables all that the program is given */
export function runProgram(
  command: string,
  args: readonly string[],
  directory: string,
  variables: Readonly<Record<string, string>>,
): Promise<Ended> {
  return new Promise((settle, reject) => {
    const child = spawn(command, args, {
      cwd: directory,
      env: variables,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.once("error", reject);
    child.once("close", (code) => settle({ exitCode: code ?? -1, output }));
  });
}
