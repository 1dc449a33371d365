import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  hasManager,
  linkManager,
  pyproject,
  uvLock,
  writeFiles,
  type LockableFile,
  type PublishFileOptions,
  type PublishedDistribution,
} from "@countersign/testkit";
import { run, type Ran } from "../../../packages/cli/test/host.ts";
import { openStage, pathOf, runProgram, type Ended, type Mode, type Stage } from "../../test/scene.ts";

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

export type Scene = Stage & {
  variables: Record<string, string>;
  publish(options: PublishFileOptions): PublishedDistribution;
  /** A project that locks these files; `mode` of its policy. */
  writeProject(files: readonly LockableFile[], extra?: Readonly<Record<string, string>>, mode?: Mode): void;
  /** Top-level names in the environment's site-packages. */
  installed(environment?: string): string[];
  /** `countersign …` with uv on `PATH`. */
  run(...args: readonly string[]): Promise<Ran>;
  /** uv itself, from the same machine. */
  uv(...args: readonly string[]): Promise<Ended>;
  /** Calls of uv since the last look. */
  called(): Called[];
};

/** A uv that writes down how it is called. */
export async function openScene(): Promise<Scene> {
  const stage = await openStage("uv");
  const { kit, scratch, directory, home, mark } = stage;
  const at = (...parts: readonly string[]): string => join(scratch, ...parts);
  writeFiles(join(home, ".config", "uv"), {
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
    HOME: home,
    PATH: pathOf(at("bin"), python ?? ""),
    COUNTERSIGN_CACHE_DIR: at("cache"),
    UV_NO_PROGRESS: "1",
    UV_HTTP_RETRIES: "0",
  };
  return {
    ...stage,
    variables,
    publish: (options) =>
      kit.pypi.publish({
        code: `open(${JSON.stringify(mark)}, "a").write("${options.name}\\n")`,
        ...options,
      }),
    writeProject: (files, extra = {}, mode = "strict") => {
      const project = { files, index: kit.pypi.simpleUrl };
      stage.write({
        "pyproject.toml": pyproject(project),
        "uv.lock": uvLock(project),
        ".countersign/policy.yaml": stage.policy(mode, "pypi"),
        ...extra,
      });
    },
    installed: (environment = join(directory, ".venv")) => {
      const library = join(environment, "lib");
      if (!existsSync(library)) return [];
      const packages = join(library, readdirSync(library)[0] as string, "site-packages");
      return readdirSync(packages)
        .filter((name) => !/^_virtualenv|\.dist-info$|^__pycache__$|\.pth$/.test(name))
        .toSorted();
    },
    run: (...args) => run({ directory, scratch, variables }, ...args),
    uv: (...args) =>
      runProgram(join(real, "uv"), args, directory, {
        ...variables,
        UV_CACHE_DIR: at("plain-cache"),
        UV_PYTHON_DOWNLOADS: "never",
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
  };
}
