import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import {
  createTestDirectory,
  hasManager,
  linkManager,
  pyproject,
  startTestkit,
  uvLock,
  writeFiles,
  type LockableFile,
  type PublishFileOptions,
  type PublishedDistribution,
  type Testkit,
} from "@countersign/testkit";
import { run, type Ran } from "../../../packages/cli/test/host.ts";

/** The interpreter itself: what stands on `PATH` may be a shim that wants the user's home. */
function findPython(): string | null {
  const program = "import os, sys; print(os.path.realpath(sys.executable))";
  const { status, stdout } = spawnSync("python3", ["-c", program], { encoding: "utf8" });
  return status === 0 ? dirname(stdout.trim()) : null;
}

const python = findPython();
export const missing: string | null = hasManager("uv-0")
  ? python === null
    ? "python3 is not installed"
    : null
  : "uv is not installed in e2e/managers";
if (missing !== null)
  console.warn(`SKIPPED: ${missing}; nothing of the gated uv was tested with the real one`);

/** One call of the real uv: what it was given. */
export type Called = { args: string[]; variables: Record<string, string> };

export type Scene = {
  kit: Testkit;
  scratch: string;
  directory: string;
  /** What code of a package leaves when it runs. */
  mark: string;
  variables: Record<string, string>;
  publish(options: PublishFileOptions): PublishedDistribution;
  /** A project that locks these files; `mode` of its policy. */
  write(files: readonly LockableFile[], extra?: Readonly<Record<string, string>>, mode?: string): void;
  edit(path: string, change: (text: string) => string): void;
  read(path: string): string;
  has(...path: readonly string[]): boolean;
  /** Top-level names in the environment's site-packages. */
  installed(environment?: string): string[];
  /** `countersign …` with uv on `PATH`. */
  run(...args: readonly string[]): Promise<Ran>;
  /** uv itself, from the same machine. */
  uv(...args: readonly string[]): Promise<{ exitCode: number; output: string }>;
  /** Calls of uv since the last look. */
  called(): Called[];
  close(): Promise<void>;
};

export const policyOf = (kit: Testkit, mode: string): string => `version: 1
mode: ${mode}
registries:
  - { url: "${kit.pypi.simpleUrl}", ecosystem: pypi }
require:
  - { ecosystem: pypi, names: ["**"], level: locked }
trust:
  roots: [trust/trusted_root.json]
`;

/** A project, a home and caches of its own, and a uv that writes down how it is called. */
export async function openScene(): Promise<Scene> {
  const kit = await startTestkit();
  const root = createTestDirectory("uv");
  const at = (...parts: readonly string[]): string => join(root.path, ...parts);
  const directory = at("project");
  writeFiles(directory, { ".git/HEAD": "" });
  kit.writeTrust(join(directory, ".countersign", "trust"));
  writeFiles(at("home", ".config", "uv"), {
    "uv.toml": `[[index]]\nurl = ${JSON.stringify(kit.pypi.simpleUrl)}\ndefault = true\n`,
  });
  const real = linkManager("uv-0", at("real"));
  mkdirSync(at("bin"));
  const log = at("calls");
  for (const name of ["uv", "uvx"]) {
    const program = [
      "#!/bin/sh",
      `{ for each in "$@"; do printf '%s\\037' "$each"; done; printf '\\036'; env; printf '\\035'; } >> '${log}'`,
      `exec '${join(real, name)}' "$@"`,
    ];
    writeFileSync(at("bin", name), `${program.join("\n")}\n`);
    chmodSync(at("bin", name), 0o755);
  }
  const variables: Record<string, string> = {
    HOME: at("home"),
    PATH: [at("bin"), python ?? "", "/usr/bin", "/bin"].join(delimiter),
    COUNTERSIGN_CACHE_DIR: at("cache"),
    UV_NO_PROGRESS: "1",
    UV_HTTP_RETRIES: "0",
  };
  const mark = at("mark");
  return {
    kit,
    scratch: root.path,
    directory,
    mark,
    variables,
    publish: (options) =>
      kit.pypi.publish({
        code: `open(${JSON.stringify(mark)}, "a").write("${options.name}\\n")`,
        ...options,
      }),
    write: (files, extra = {}, mode = "strict") => {
      const project = { files, index: kit.pypi.simpleUrl };
      writeFiles(directory, {
        "pyproject.toml": pyproject(project),
        "uv.lock": uvLock(project),
        ".countersign/policy.yaml": policyOf(kit, mode),
        ...extra,
      });
    },
    edit: (path, change) => {
      const before = readFileSync(join(directory, path), "utf8");
      const after = change(before);
      if (after === before) throw new Error(`the change left ${path} as it was`);
      writeFileSync(join(directory, path), after);
    },
    read: (path) => readFileSync(join(directory, path), "utf8"),
    has: (...path) => existsSync(join(directory, ...path)),
    installed: (environment = join(directory, ".venv")) => {
      const library = join(environment, "lib");
      if (!existsSync(library)) return [];
      const packages = join(library, readdirSync(library)[0] as string, "site-packages");
      return readdirSync(packages)
        .filter((name) => !/^_virtualenv|\.dist-info$|^__pycache__$|\.pth$/.test(name))
        .toSorted();
    },
    run: (...args) => run({ directory, scratch: root.path, variables }, ...args),
    uv: (...args) =>
      new Promise((resolve, reject) => {
        const child = spawn(join(real, "uv"), args, {
          cwd: directory,
          env: { ...variables, UV_CACHE_DIR: at("plain-cache"), UV_PYTHON_DOWNLOADS: "never" },
        });
        let output = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
        child.once("error", reject);
        child.once("close", (code) => resolve({ exitCode: code ?? 1, output }));
      }),
    called: () => {
      if (!existsSync(log)) return [];
      const calls = readFileSync(log, "utf8").split("\u001d").slice(0, -1);
      rmSync(log);
      return calls.map((call) => {
        const [args = "", environment = ""] = call.split("\u001e");
        return {
          args: args.split("\u001f").slice(0, -1),
          variables: Object.fromEntries(
            environment.split("\n").flatMap((line) => {
              const equals = line.indexOf("=");
              return equals === -1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
            }),
          ),
        };
      });
    },
    close: async () => {
      await kit.close();
      root.remove();
    },
  };
}
