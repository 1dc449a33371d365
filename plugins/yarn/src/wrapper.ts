import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import {
  changeLock,
  installFrozen,
  passUnknown,
  runThrowaway,
  textOf,
  type ToolRun,
  type Wrapper,
  type WrapperHost,
} from "@countersign/gate";
import { plan, planClassic, weakeningVariable, type Plan } from "./plan.ts";
import { lockfile, projectOf } from "./project.ts";
import { ownCache, resolving, throwawayOf } from "./throwaway.ts";

const tool = "yarn";

/**
 * Tells the project's own hook that its verdict line stands there already; it verifies all the same. A Yarn that lies in
 * the project does not stand in for the one on `PATH`: the change under test could have put it there.
 */
const gated = { COUNTERSIGN_WRAPPED: "1", YARN_IGNORE_PATH: "1" };

/** The commands of this manager that are gated, by name. */
export const wrappers: Readonly<Record<string, Wrapper>> = { yarn: gate };

async function gate(host: WrapperHost): Promise<number> {
  const { args } = host;
  const user: ToolRun = { args };
  const directory = projectOf(host.directory);
  const classic = /^# yarn lockfile v1\r?$/m.test((textOf(join(directory, lockfile)) ?? "").slice(0, 4096));
  const planned = classic ? planClassic(args) : plan(args);
  if (planned.flow === "pass") return host.run(tool, user);
  if (planned.flow === "unknown") return passUnknown(host, tool, user, planned.shown);
  const weakening = weakeningVariable(host.environment.variables);
  if (weakening !== null && (await host.mode()) === "strict") {
    host.refuse({
      code: "settings/weakens",
      why: `${weakening} is set: it exchanges Yarn, its configuration or one of its checks.`,
      fix: `Unset ${weakening}.`,
    });
    return 1;
  }
  if (!classic && (await host.mode(directory)) === "strict" && (await isOldYarn(host, directory))) {
    host.refuse({
      code: "settings/weakens",
      why: "yarnPath exchanges Yarn for a file of the project, and without it the Yarn on PATH is 1.x.",
      fix: "Install Yarn 4 outside the project: npm install --global @yarnpkg/cli-dist",
    });
    return 1;
  }
  if (planned.flow === "throwaway") return runThrowaway(host, throwawayOf(host, planned.request, args));
  if (planned.flow === "change") return change(host, directory, user, planned);
  const strict = { args: planned.args, variables: gated };
  return installFrozen(host, { manager: "yarn", tool, directory, lockfile, user, strict });
}

/** Whether only the project's own file is a Yarn that can read the lockfile. */
async function isOldYarn(host: WrapperHost, directory: string): Promise<boolean> {
  if (!/^\s*["']?yarnPath/m.test(textOf(join(directory, ".yarnrc.yml")) ?? "")) return false;
  const { stdout } = await host.capture(tool, { args: ["--version"], variables: { YARN_IGNORE_PATH: "1" } });
  return /^[01]\./.test(stdout.trim());
}

/** A plugin of our plugin's name that does nothing: in the copy it is the copy's policy that would be missing. */
const standIn = 'module.exports = { name: "yarn-plugin-countersign", factory: () => ({}) };\n';
const standInFile = ".countersign-stand-in.cjs";

function change(
  host: WrapperHost,
  directory: string,
  user: ToolRun,
  { resolve, install }: Extract<Plan, { flow: "change" }>,
): Promise<number> {
  return changeLock(host, {
    manager: "yarn",
    tool,
    directory,
    lockfile,
    user,
    strict: { args: install, variables: gated },
    resolve: (copy) => {
      const place = join(copy, relative(directory, host.directory));
      mkdirSync(place, { recursive: true });
      writeFileSync(join(copy, standInFile), standIn);
      return {
        args: resolve,
        directory: place,
        variables: { ...resolving, ...ownCache(copy), YARN_PLUGINS: join(copy, standInFile) },
      };
    },
  });
}
