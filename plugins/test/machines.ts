import { join } from "node:path";
import process from "node:process";
import {
  linkManager,
  writeProject,
  type NpmLockName,
  type PublishedPackage,
  type RealManager,
} from "@countersign/testkit";
import { countersign, openStage, pathOf, runProgram, type Ended, type Mode, type Stage } from "./scene.ts";

/** One registry, and for every test a project as it should be, on a machine of its own. */
export type Machines = Stage & {
  leaf: PublishedPackage;
  evil: PublishedPackage;
  /** Requires `leaf` and has a command. */
  tool: PublishedPackage;
  begin(mode: Mode, packages: readonly PublishedPackage[]): void;
  /** The locked `leaf` becomes the evil tarball. @param integrity what the lockfile says of it */
  swap(integrity: string): void;
  /** The manager itself. */
  manager(...args: readonly string[]): Promise<Ended>;
  /** `countersign …` as it is built, with the manager on `PATH`. */
  countersign(...args: readonly string[]): Promise<Ended>;
};

export type MachinesOptions = {
  manager: RealManager;
  program: string;
  lock: NpmLockName;
  /** What this manager is told by its environment. */
  variables(stage: Stage, home: string): Readonly<Record<string, string>>;
};

export async function openMachines(options: MachinesOptions): Promise<Machines> {
  const { program, lock } = options;
  const stage = await openStage(program);
  const { kit, directory, scratch } = stage;
  const bin = linkManager(options.manager, join(scratch, "bin"));
  const leaf = kit.npm.publish({ name: "leaf" });
  const evil = kit.npm.publish({ name: "evil", mark: stage.mark });
  const cli = `#!/usr/bin/env node\nconsole.log("tool", require("leaf"), process.argv.slice(2).join(" "));\n`;
  const tool = kit.npm.publish({
    name: "tool",
    dependencies: { leaf: "1.0.0" },
    manifest: { bin: { tool: "cli.js" } },
    files: [{ path: "cli.js", content: cli }],
  });
  let machine = 0;
  const run = (command: string, args: readonly string[]): Promise<Ended> => {
    const home = join(scratch, `home-${machine}`);
    return runProgram(command, args, directory, {
      PATH: pathOf(bin),
      HOME: home,
      COUNTERSIGN_CACHE_DIR: join(home, "countersign"),
      NO_COLOR: "1",
      ...options.variables(stage, home),
    });
  };
  return {
    ...stage,
    leaf,
    evil,
    tool,
    begin: (mode, packages) => {
      machine += 1;
      stage.clear();
      const extraFiles = { ".countersign/policy.yaml": stage.policy(mode) };
      writeProject(directory, { lock, registry: kit.npm.url, packages, extraFiles });
      kit.requests.clear();
    },
    swap: (integrity) =>
      stage.edit(lock, (text) =>
        text.replace(leaf.tarballUrl, evil.tarballUrl).replace(leaf.integrity, integrity),
      ),
    manager: (...args) => run(join(bin, program), args),
    countersign: (...args) => run(process.execPath, [countersign, ...args]),
  };
}
