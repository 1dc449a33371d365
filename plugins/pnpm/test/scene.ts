import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import {
  hasManager,
  linkManager,
  mintNpmPackage,
  writeFiles,
  type PublishedPackage,
} from "@countersign/testkit";
import { openStage, pathOf, runProgram, type Ended, type Mode, type Stage } from "../../test/scene.ts";

export const pnpms = ["pnpm-10", "pnpm-11", "pnpm-12"] as const;
export type Pnpm = (typeof pnpms)[number];

/** Where e2e/managers is not installed there is nothing to run: the tests are skipped, and say so. */
export const missing = pnpms.filter((pnpm) => !hasManager(pnpm));
if (missing.length > 0) process.stderr.write(`not installed, so not tested: ${missing.join(", ")}\n`);

const plugin = resolve(import.meta.dirname, "..");

/** Builds the hook as it is published. */
export function buildHook(directory: string): string {
  const program = join(plugin, "node_modules/rolldown/bin/cli.mjs");
  execFileSync(process.execPath, [program, "-c", "--dir", directory], { cwd: plugin, stdio: "pipe" });
  return readFileSync(join(directory, "pnpmfile.cjs"), "utf8");
}

export type Scene = Omit<Stage, "home"> & {
  leaf: PublishedPackage;
  /** Below the throw-away home. */
  home(path: string): string;
  /** Sets the policy's mode. */
  mode(mode: Mode): void;
  run(
    args: readonly string[],
    options?: {
      directory?: string;
      command?: readonly string[];
      variables?: Readonly<Record<string, string>>;
    },
  ): Promise<Ended>;
  /** An evil tarball under the name and version of a good one, and the lockfile that names its digest. */
  doctor(): void;
};

/**
 * A project that requires `parser`, which requires `leaf`; `extra` is signed, `unsigned` is not. Every one of them has
 * scripts, which are allowed to run.
 */
export async function openScene(pnpm: Pnpm, mode: Mode, hook: string | null): Promise<Scene> {
  const stage = await openStage(pnpm);
  const { kit, scratch, directory, home, mark } = stage;
  const bin = linkManager(pnpm, join(scratch, "bin"));
  const tool = (name: string): object => ({
    files: [
      {
        path: "bin.js",
        content: `#!/usr/bin/env node\nconsole.log("${name} ran", ...process.argv.slice(2));\n`,
        mode: 0o755,
      },
    ],
    manifest: { bin: { [name]: "bin.js" } },
  });
  const leaf = kit.npm.publish({ name: "leaf", mark, ...tool("leaf") });
  kit.npm.publish({ name: "parser", version: "4.0.2", dependencies: { leaf: "1.0.0" } });
  kit.npm.publish({ name: "extra", mark });
  kit.npm.publish({ name: "unsigned", mark, signature: false, ...tool("unsigned") });
  const built = JSON.stringify(["leaf", "extra", "unsigned"]);
  stage.write({
    ".npmrc": `registry=${kit.npm.url}\n`,
    "package.json": JSON.stringify({ name: "project", version: "1.0.0", dependencies: { parser: "4.0.2" } }),
    "pnpm-workspace.yaml": `${hook === null ? "" : "pnpmfile: .countersign/hooks/pnpm.cjs\n"}onlyBuiltDependencies: ${built}
allowBuilds: { leaf: true, extra: true, unsigned: true }
`,
    ...(hook === null ? {} : { ".countersign/hooks/pnpm.cjs": hook }),
    ".countersign/policy.yaml": stage.policy(mode),
  });
  const variables = {
    PATH: pathOf(bin, join(home, "pnpm"), join(home, "pnpm/bin")),
    HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_STATE_HOME: join(home, "state"),
    PNPM_HOME: join(home, "pnpm"),
  };
  writeFiles(home, { "pnpm/bin/.keep": "", ".npmrc": `registry=${kit.npm.url}\n` });
  return {
    ...stage,
    leaf,
    home: (path) => join(home, path),
    mode: (to) => stage.write({ ".countersign/policy.yaml": stage.policy(to) }),
    run: (args, options = {}) => {
      const [command = "pnpm", ...leading] = options.command ?? ["pnpm"];
      return runProgram(command, [...leading, ...args], options.directory ?? directory, {
        ...variables,
        ...options.variables,
      });
    },
    doctor: () => {
      const evil = mintNpmPackage({ name: "leaf", mark, files: [{ path: "evil.js", content: "" }] });
      kit.npm.replaceTarball("leaf", "1.0.0", evil.tarball);
      stage.edit("pnpm-lock.yaml", (text) => text.replace(leaf.integrity, evil.integrity));
    },
  };
}
