import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { linkManager, writeProject, type PublishedPackage, type RealManager } from "@countersign/testkit";
import { run, type Ran } from "../../../packages/cli/test/host.ts";
import { openStage, pathOf, runProgram, type Ended, type Mode, type Stage } from "../../test/scene.ts";

export type Scene = Stage & {
  lock(): string;
  writeProject(
    packages: readonly PublishedPackage[],
    extra?: Readonly<Record<string, string>>,
    mode?: Mode,
  ): void;
  /** `countersign …` with a manager, or what lies in an absolute directory, first on `PATH`. */
  run(manager: string, ...args: readonly string[]): Promise<Ran>;
  /** The manager itself. */
  npm(manager: RealManager, args: readonly string[]): Promise<Ended>;
  /** Requests that reached any server since the last call. */
  requests(): string[];
};

export async function openScene(): Promise<Scene> {
  const stage = await openStage("npm");
  const { kit, scratch, directory, home } = stage;
  const bins = new Map<string, string>();
  const binOf = (manager: string): string => {
    const known = bins.get(manager);
    if (known !== undefined) return known;
    const bin = manager.startsWith("/")
      ? manager
      : linkManager(manager as RealManager, join(scratch, manager));
    bins.set(manager, bin);
    return bin;
  };
  const variablesOf = (manager: string): Record<string, string> => ({
    HOME: home,
    PATH: pathOf(binOf(manager)),
    COUNTERSIGN_CACHE_DIR: join(scratch, "cache"),
    npm_config_cache: join(scratch, `npm-cache-${manager.replaceAll("/", "_")}`),
    npm_config_loglevel: "silent",
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  });
  mkdirSync(home, { recursive: true });
  let seen = 0;
  return {
    ...stage,
    lock: () => stage.read("package-lock.json"),
    writeProject: (packages, extra = {}, mode = "strict") => {
      writeProject(directory, {
        lock: "package-lock.json",
        registry: kit.npm.url,
        packages,
        extraFiles: { ".countersign/policy.yaml": stage.policy(mode), ...extra },
      });
    },
    run: (manager, ...args) => run({ directory, scratch, variables: variablesOf(manager) }, ...args),
    npm: (manager, args) =>
      runProgram(join(binOf(manager), "npm"), args, directory, {
        ...variablesOf(manager),
        npm_config_loglevel: "warn",
      }),
    requests: () => {
      const all = kit.requests.all.map(({ path }) => path);
      const recent = all.slice(seen);
      seen = all.length;
      return recent;
    },
  };
}

/** Puts the built hook where `init` puts it. */
export function vendorHook(directory: string): void {
  mkdirSync(join(directory, ".countersign", "hooks"), { recursive: true });
  copyFileSync(
    join(import.meta.dirname, "../dist/hook.mjs"),
    join(directory, ".countersign", "hooks", "npm.mjs"),
  );
}
